"""The curve of a run."""

from __future__ import annotations

import csv
from pathlib import Path

from enhance.training.curve import append_row


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_are_appended_and_new_columns_join(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    append_row(path, {"step": 1, "gain_q10": 0.5})
    append_row(path, {"step": 2, "gain_q10": 0.75})
    assert path.read_text().splitlines() == ["step,gain_q10", "1,0.5", "2,0.75"]
    append_row(path, {"step": 3, "dots": 0.25})
    assert rows(path) == [
        {"step": "1", "gain_q10": "0.5", "dots": ""},
        {"step": "2", "gain_q10": "0.75", "dots": ""},
        {"step": "3", "gain_q10": "", "dots": "0.25"},
    ]
