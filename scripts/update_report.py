#!/usr/bin/env python3
"""Fills measured tables and numbers into Markdown pages, from what `enhance eval --output` and the benchmark wrote.

    scripts/update_report.py runs/ README.md docs/report.md [--check]

What a page asks for stands in its markers, which no reader sees:

    <!-- measured: live1 levels="10 20" row=decoded row="fidelity: one step" columns="psnr lpips_alex" bold -->
    <!-- /measured -->
    <!-- benchmark: cost.json parts="step folder" machine -->
    <!-- /benchmark -->
    <!-- harm: graphics.csv rows=kind columns=quality mode=fidelity -->
    <!-- /harm -->

Tables of codecs that installed packages add are `added`, in the words of `measured`; where there are none they stay.

Their words are told in scripts/report/tables.py, scripts/benchmarks/page.py and scripts/report/harm.py. Exit status: 1
with --check where a page is out of date, 2 where a marker asks for what was not measured; then no page is changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.page import benchmark_tables
from report.harm import harm_tables
from report.pages import update
from report.tables import measured_tables

from enhance.codecs.registry import added_codecs
from enhance.errors import EnhanceError


def main(arguments: list[str] | None = None) -> int:
    """Updates or checks pages. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, help="folder of the results")
    parser.add_argument("pages", type=Path, nargs="+", metavar="PAGE", help="Markdown files")
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 if a page is out of date")
    options = parser.parse_args(arguments)
    try:
        kinds = {"measured": measured_tables(options.runs), "benchmark": benchmark_tables(options.runs)}
        kinds["harm"] = harm_tables(options.runs)
        if added_codecs()[0]:  # only then it is known what their levels are called
            kinds["added"] = kinds["measured"]
        changed = update(options.pages, kinds, is_check=options.check)
    except EnhanceError as error:
        print(f"update_report: error: {error}", file=sys.stderr)
        return error.exit_code
    for page in changed:
        print(f"{page}: {'out of date' if options.check else 'updated'}")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
