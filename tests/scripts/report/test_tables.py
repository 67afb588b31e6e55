"""Measured tables: what a marker asks for, from folders of results."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from report.pages import Marker
from report.tables import measured_tables

from enhance.errors import UsageError
from enhance.evaluation.measuring.measurement import BASELINE, Key, Measurement
from enhance.evaluation.measuring.results import Results
from enhance.evaluation.reporting.summary import summarize
from enhance.evaluation.reporting.tables import to_csv, to_rows

ONE_STEP: dict[str, Any] = {"steps": 1, "perception": 0.0, "consistent": True}
LEVELS_OF_PSNR = {
    (10, BASELINE): (20, 30), (10, "fidelity"): (21, 32), (10, "steps=4"): (19, 30),
    (40, BASELINE): (30, 40), (40, "fidelity"): (31, 42), (40, "steps=4"): (33, 40),
}  # fmt: skip
LPIPS = {BASELINE: 0.3004, "fidelity": 0.25, "steps=4": 0.125}


def measurements(codec: str = "jpeg") -> list[Measurement]:
    return [
        Measurement(
            Key(codec, level, image, setting),
            level / 100,
            2.04 * (setting != BASELINE),
            {"psnr": psnr, "lpips_alex": LPIPS[setting]},
            {} if setting == BASELINE else ONE_STEP | {"steps": 1 if setting == "fidelity" else 4},
        )
        for (level, setting), values in LEVELS_OF_PSNR.items()
        for image, psnr in zip("ab", values, strict=True)
    ]


def keep(folder: Path, ones: list[Measurement], **fixed: Any) -> None:
    codecs = {"jpeg": {"encoder": "libjpeg", "gray": False, "model": f"tiny {'0' * 64}"}}
    results = Results(folder, {"codecs": codecs, **fixed}, ["psnr", "lpips_alex"])
    results.begin_run({"date": "2026-01-31T12:00:00+00:00"})
    for one in ones:
        results.add(one)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    keep(tmp_path / "live", measurements())
    found = summarize(measurements(), lambda keys: {"fd_alex": keys[0].level + len(keys[0].setting)})
    (tmp_path / "live" / "summary.csv").write_text(to_csv(to_rows(found)))
    return tmp_path


def table(runs: Path, words: str) -> list[str]:
    return measured_tables(runs)(Marker.parse(words)).splitlines()


def test_columns_of_levels(runs: Path) -> None:
    words = 'live row="decoded: the | JPEG" row=fidelity row="steps=4: `--steps 4`" bold '
    words += 'columns="steps levels seconds:1" cells="psnr / lpips_alex:3"'
    assert table(runs, words) == [
        "| setting | network steps | quality 10 | quality 40 | seconds |",
        "| --- | --- | --- | --- | --- |",
        r"| the \| JPEG |  | 25.00 / .300 | 35.00 / .300 |  |",
        "| fidelity | 1 | **26.50** / .250 | **36.50** / .250 | 2.0 |",
        "| `--steps 4` | 4 | 24.50 / **.125** | **36.50** / **.125** | 2.0 |",
    ]


def test_columns_of_metrics_are_means_over_the_levels(runs: Path) -> None:
    words = 'live levels="40 10" head=knob columns="psnr gain(psnr) fd_alex images bits_per_pixel consistent" bold'
    assert table(runs, words) == [
        "| knob | PSNR | PSNR gain | FD/256 (AlexNet) | images | bits per pixel | consistent |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| decoded | 30.00 | – | **32.0000** | 2 | 0.250 |  |",
        "| fidelity | **31.50** | **+1.50** | 33.0000 | 2 | 0.250 | yes |",
        "| steps=4 | 30.50 | +0.50 | **32.0000** | 2 | 0.250 | yes |",
    ]


def test_intervals_and_gains_over_another_setting(runs: Path) -> None:
    words = 'live levels=10 row="steps=4" row=decoded over=fidelity columns="psnr gain(psnr)" intervals origin'
    assert table(runs, words)[2:] == [
        "| steps=4 | 24.50 [19.00, 30.00] | -2.00 [-2.00, -2.00] |",
        "| decoded | 25.00 [20.00, 30.00] | -1.50 [-2.00, -1.00] |",
        "",
        "*2 pictures, encoder libjpeg, model tiny 000000000000, measured 2026-01-31*",
    ]
    assert "–" in table(runs, "live row=fidelity over=fidelity columns=gain(psnr)")[2]


def test_one_value_for_the_running_text(runs: Path) -> None:
    assert table(runs, "live row=fidelity levels=10 value=gain(psnr):1") == ["+1.5"]
    assert table(runs, "live row=fidelity value=gain(fd_alex)") == ["-1.0000"]


def test_rows_are_what_was_measured_at_all_levels(tmp_path: Path) -> None:
    keep(tmp_path / "live", [one for one in measurements() if one.key[1::2] != (40, "steps=4")])
    assert [line.split()[1] for line in table(tmp_path, "live")[2:]] == ["decoded", "fidelity"]
    assert [line.split()[1] for line in table(tmp_path, "live levels=10")[2:]] == ["decoded", "fidelity", "steps=4"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("absent", "absent: there are no results"),
        ("live row=fidelty", r"no setting 'fidelty' at quality 10 in live \(there are decoded, fidelity, steps=4\)"),
        ("live over=best", "no setting 'best'"),
        ("live levels=20", r"no quality '20' in live \(there are 10, 40\)"),
        ("live codec=vvc", "no codec 'vvc'"),
        ("live columns=psrn", "nothing to show that is called 'psrn'"),
        ("live columns=gain(seconds)", r"called 'gain\(seconds\)'"),
        ("live columns=niqe", r"no metric 'niqe' in live \(there are psnr, lpips_alex, fd_alex\)"),
        ("live metrics=psnr", "cannot hold 'metrics='"),
        ("live best", "cannot hold 'best'"),
        ("live value=psnr", "value= needs one row="),
        ("live value=psnr row=fidelity head=x", "value= and head= do not go together"),
        ("live columns=psnr cells=psnr", "cells= is for columns of levels"),
    ],
)
def test_what_was_not_measured_is_told(runs: Path, words: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table(runs, words)


def test_settings_of_other_pictures_are_not_compared(tmp_path: Path) -> None:
    keep(tmp_path / "live", measurements()[:-1])
    with pytest.raises(
        UsageError, match=r"'steps=4' does not have the same pictures at quality 40 .* 1 pictures, .* 2"
    ):
        table(tmp_path, "live")


def test_two_codecs_need_a_choice(tmp_path: Path) -> None:
    keep(tmp_path / "both", [*measurements(), *measurements("vvc")])
    with pytest.raises(UsageError, match=r"both has 2 codecs \(codec= chooses: jpeg, vvc\)"):
        table(tmp_path, "both")
    assert table(tmp_path, "both codec=vvc")[0] == "| setting | QP 10 | QP 40 |"


def test_distances_of_an_old_summary_are_refused(runs: Path) -> None:
    more = [Measurement(one.key._replace(image="c"), 1, 0, one.values, one.knobs) for one in measurements()]
    keep(runs / "live", more)
    with pytest.raises(UsageError, match=r"summary\.csv: the summary lacks FD/256 .* of 'decoded'"):
        table(runs, "live columns=fd_alex")


def test_a_table_without_a_newer_knob_can_be_read(runs: Path) -> None:
    path = runs / "live" / "measurements.csv"
    with path.open(newline="") as file:
        rows = [list(row.items()) for row in csv.DictReader(file)]
    kept = [dict(item for item in row if item[0] != "threshold") for row in rows]
    assert len(kept[0]) == len(rows[0]) - 1
    path.write_text(to_csv(kept))
    assert len(table(runs, "live")) == 5
