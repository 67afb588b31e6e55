"""The curve of a run: a row of numbers for each validation."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


def append_row(path: Path, row: Mapping[str, float]) -> None:
    """Appends a row; columns that are new are added, and earlier rows have nothing there."""
    earlier: list[dict[str, str]] = []
    columns = list(row)
    if path.exists():
        with path.open(newline="") as stream:
            reader = csv.DictReader(stream)
            earlier = list(reader)
            known = list(reader.fieldnames or [])
        columns = known + [name for name in row if name not in known]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows([*earlier, dict(row)])
