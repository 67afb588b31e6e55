"""Tables of harm, from the file that measuring wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.harm import harm_tables
from report.pages import Marker

from enhance.errors import UsageError

FILE = """kind,name,quality,sampling,mode,gain
art,a,10,4:2:0,fidelity,1.0
art,b,10,4:2:0,fidelity,3.0
ui,c,10,4:2:0,fidelity,-0.004
art,a,ones,gray,fidelity,0.5
art,a,10,4:2:0,balanced,9.0
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "harm.csv").write_text(FILE)
    return tmp_path


def table(runs: Path, words: str) -> list[str]:
    return harm_tables(runs)(Marker.parse(f"harm.csv {words}")).splitlines()


def test_means_and_worst_pictures_of_each_kind(runs: Path) -> None:
    assert table(runs, "mode=fidelity") == [
        "| kind | 10 | ones |",
        "| --- | ---: | ---: |",
        "| art | +2.00 (+1.00) | +0.50 (+0.50) |",
        "| ui | +0.00 (+0.00) |  |",
        "| all | +1.33 (+0.00) | +0.50 (+0.50) |",
    ]


def test_rows_may_be_told_apart_by_several_fields(runs: Path) -> None:
    assert table(runs, 'rows="quality sampling" columns=mode cells=worst kind=art') == [
        "| quality | sampling | fidelity | balanced |",
        "| --- | --- | ---: | ---: |",
        "| 10 | 4:2:0 | +1.00 | +9.00 |",
        "| ones | gray | +0.50 |  |",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("rows=name", "no field 'name'"), ("cells=median", "cells cannot be"), ("colour=red", "cannot hold"),
        ("mode=perceptual", "nothing was measured"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_told(runs: Path, words: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        table(runs, words)
    with pytest.raises(UsageError, match="cannot be read"):
        harm_tables(runs)(Marker.parse("absent.csv"))
