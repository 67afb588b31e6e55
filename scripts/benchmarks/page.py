"""Tables of a benchmark for a page, as its markers ask for them.

    <!-- benchmark: cost.json parts="step folder" machine -->

FILE            what `scripts/benchmark.py --json` wrote, below the folder of all runs
parts="P ..."   one or more parts (default: all)
machine         a line below the tables: what they were measured on
"""

from __future__ import annotations

from pathlib import Path

from report.pages import Fill, Marker

from benchmarks.results import Report
from benchmarks.table import render_machine, render_part
from enhance.errors import UsageError


def benchmark_tables(runs: Path) -> Fill:
    """What fills in markers of benchmarks. `runs`: folder of the JSON files."""

    def render(marker: Marker) -> str:
        marker.check(("parts",), ("machine",))
        report = Report.read(runs / marker.subject)
        parts = marker.one("parts").split() or list(report.parts)
        unknown = [part for part in parts if part not in report.parts]
        if unknown:
            raise UsageError(f"there is no part {unknown[0]!r}", hint=f"there are {', '.join(report.parts)}")
        tables = [render_part(part, report.parts[part], markdown=True) for part in parts]
        if "machine" in marker.flags:
            tables.append(render_machine(report.about, markdown=True))
        return "\n\n".join(tables)

    return render
