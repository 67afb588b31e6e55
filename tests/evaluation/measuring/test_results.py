"""The folder of results: what is kept, what a later run may add, and what it may not."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from enhance.errors import OutputError, UsageError
from enhance.evaluation.measuring.measurement import Key, Measurement
from enhance.evaluation.measuring.results import Results

FIXED: dict[str, Any] = {"codecs": {"jpeg": {"model": "m 1"}}, "originals": {"a.png": "f00"}, "peers": {}}
KNOBS = {"steps": 4, "perception": 0.5, "strength": 1.0, "sampler": "ddim", "eta": 0.0, "start": 0.3, "init": "mmse"}
KNOBS |= {"seed": 2, "consistent": False}
ONE = Measurement(Key("jpeg", 10, "a, b.png", "decoded"), 0.5, 0.0, {"psnr": 30.125, "niqe": math.inf})
TWO = Measurement(
    Key("jpeg", 10, "a, b.png", "steps=4"),
    0.5,
    1.25,
    {"psnr": 31.5, "niqe": 4.0},
    KNOBS,
)


def results(folder: Path, fixed: dict[str, Any] | None = None, metrics: tuple[str, ...] = ("psnr", "niqe")) -> Results:
    return Results(folder, fixed or FIXED, metrics)


def test_measurements_come_back_as_they_were(tmp_path: Path) -> None:
    first = results(tmp_path / "new" / "folder")
    for one in (ONE, TWO):
        first.add(one)
    assert results(tmp_path / "new" / "folder").measurements == [ONE, TWO]


def test_a_row_is_in_the_file_at_once(tmp_path: Path) -> None:
    kept = results(tmp_path)
    kept.add(TWO)
    with (tmp_path / "measurements.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["image"], row["level"], row["setting"], row["psnr"]) == ("a, b.png", "10", "steps=4", "31.5")
    assert (row["sampler"], row["consistent"], row["seconds"]) == ("ddim", "False", "1.25")


def test_a_row_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    kept = results(tmp_path)
    kept.add(ONE)
    kept.add(TWO)
    table = tmp_path / "measurements.csv"
    table.write_text(table.read_text()[:-9])
    again = results(tmp_path)
    assert again.measurements == [ONE]
    again.add(TWO)
    assert results(tmp_path).measurements == [ONE, TWO]


def test_runs_are_recorded_one_after_the_other(tmp_path: Path) -> None:
    for date in ("today", "tomorrow"):
        results(tmp_path).begin_run({"date": date})
    about = json.loads((tmp_path / "about.json").read_text())
    assert about["runs"] == [{"date": "today"}, {"date": "tomorrow"}]
    assert about["fixed"]["codecs"] == FIXED["codecs"]


def test_later_runs_may_add_originals_codecs_and_peers(tmp_path: Path) -> None:
    results(tmp_path)
    more = {"codecs": {"vvc": {"model": "v"}}, "originals": {"b.png": "ba5"}, "peers": {"p": ["run"]}}
    results(tmp_path, more)
    fixed = results(tmp_path).about["fixed"]
    assert fixed["codecs"].keys() == {"jpeg", "vvc"} and fixed["originals"] == {"a.png": "f00", "b.png": "ba5"}
    assert fixed["peers"] == {"p": ["run"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codecs": {"jpeg": {"model": "m 2"}}}, "another codecs jpeg model: m 1 there, m 2 now"),
        ({"originals": {"a.png": "bad"}}, r"another originals a\.png"),
    ],
)
def test_what_makes_other_numbers_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    results(tmp_path).add(ONE)
    with pytest.raises(UsageError, match=message):
        results(tmp_path, {**FIXED, **change})
    with pytest.raises(UsageError, match="another metrics: psnr niqe there, psnr now"):
        results(tmp_path, metrics=("psnr",))
    assert results(tmp_path).measurements == [ONE]


def test_folders_of_something_else_are_left_alone(tmp_path: Path) -> None:
    table = tmp_path / "measurements.csv"
    table.write_text("my,own\n")
    with pytest.raises(UsageError, match="origin is unknown"):
        results(tmp_path)
    assert table.read_text() == "my,own\n"
    (tmp_path / "about.json").write_text("[]")
    with pytest.raises(UsageError, match="not the results"):
        results(tmp_path)
    with pytest.raises(OutputError):
        results(table / "below a file")


def test_a_damaged_table_is_told(tmp_path: Path) -> None:
    results(tmp_path).add(ONE)
    table = tmp_path / "measurements.csv"
    table.write_text(table.read_text().replace("30.125", "much"))
    with pytest.raises(UsageError, match="damaged"):
        results(tmp_path)
    table.write_text(table.read_text().replace("psnr", "psrn"))
    with pytest.raises(UsageError, match="other columns"):
        results(tmp_path)
