"""Tables of what `scripts/measure_harm.py --csv` measured: for each kind of picture the mean gain, and the worst.

    <!-- harm: graphics.csv rows=kind columns=quality sampling=4:2:0 mode=balanced -->
    <!-- harm: nearly_lossless.csv rows="quality sampling" columns=mode cells=worst -->

FILE            below the folder of all runs
rows="F ..."    a row for each value of these fields: kind, quality, sampling or mode
columns=F       a column for each value of this one
F="V ..."       of the other fields, only these values
cells=C         "both" (default): the mean, and the worst picture in brackets; "worst" or "mean" alone

Values stand in the order in which they were measured. With one field of rows there is a last row over all of them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enhance.errors import UsageError
from enhance.evaluation.reporting.tables import to_lines
from report.pages import Fill, Marker

_FIELDS = ("kind", "quality", "sampling", "mode")
_CELLS = ("both", "worst", "mean")
Row = dict[str, str]


def harm_tables(runs: Path) -> Fill:
    """What fills in markers of harm.

    Args:
        runs: folder of the files.
    """

    def render(marker: Marker) -> str:
        marker.check((*_FIELDS, "rows", "columns", "cells"), ())
        rows, column, cells = marker.one("rows", "kind").split(), marker.one("columns", "quality"), marker.one("cells")
        for name in (*rows, column):
            if name not in _FIELDS:
                raise UsageError(f"there is no field {name!r}", hint=f"there are {', '.join(_FIELDS)}")
        if (cells := cells or "both") not in _CELLS:
            raise UsageError(f"cells cannot be {cells!r}", hint=f"there are {', '.join(_CELLS)}")
        chosen = _read(runs / marker.subject)
        for name in _FIELDS:
            if values := marker.one(name).split():
                chosen = [row for row in chosen if row[name] in values]
        if not chosen:
            raise UsageError("nothing was measured of what is asked for", source=marker.subject)
        return _table(chosen, rows, column, cells)

    return render


def _read(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", source=str(path)) from error


def _table(chosen: Sequence[Row], rows: Sequence[str], column: str, cells: str) -> str:
    columns = list(dict.fromkeys(row[column] for row in chosen))
    names = list(dict.fromkeys(tuple(row[name] for name in rows) for row in chosen))
    lines = [[*rows, *columns], [*["---"] * len(rows), *["---:"] * len(columns)]]
    groups = {name: [row for row in chosen if tuple(row[field] for field in rows) == name] for name in names}
    if len(rows) == 1 and len(names) > 1:
        groups[("all",)] = list(chosen)
    for name, group in groups.items():
        found = [[float(row["gain"]) for row in group if row[column] == value] for value in columns]
        lines.append([*name, *(_cell(gains, cells) for gains in found)])
    return to_lines(lines)


def _cell(gains: Sequence[float], cells: str) -> str:
    if not gains:
        return ""
    mean, worst = f"{np.mean(gains):+.2f}", f"{min(gains):+.2f}"
    return {"both": f"{mean} ({worst})", "mean": mean, "worst": worst}[cells].replace("-0.00", "+0.00")
