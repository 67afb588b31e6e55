"""Bars for people, lines of JSON for programs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from enhance.system.progress import progress_as_json, progress_bar, set_facts
from enhance.training.calibration import QUALITIES, calibrate_jpeg


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_programs_get_one_json_object_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.system.progress._PROGRAM", 0.0)
    with progress_as_json(), progress_bar("working", 4, unit="thing", bar_format="{desc}") as bar:
        bar.set_description_str("0/4 things")
        set_facts(bar, megapixels_per_second=0.25)
        bar.update(0.5)
        bar.update(3.5)
    told = lines(capsys)
    assert [line["done"] for line in told] == [0, 0.5, 4, 4]
    assert {(line["progress"], line["of"]) for line in told} == {("working", 4)}
    assert told[0]["seconds_left"] is None and told[-1]["seconds_left"] == 0
    assert "megapixels_per_second" not in told[0] and told[1]["megapixels_per_second"] == 0.25


def test_people_get_a_bar_and_whoever_wants_nothing_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for shown in (True, False):
        with progress_bar("working", 4, shown=shown) as bar:
            set_facts(bar, speed=1)
            bar.update(2)
        assert ("working:  50%" in capsys.readouterr().err) is shown
    with progress_as_json(), progress_bar("working", 4, shown=False) as bar:
        bar.update()
    assert lines(capsys) == []


def test_calibration_tells_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    with progress_as_json():
        calibrate_jpeg([crop])
    told = lines(capsys)
    assert (told[-1]["progress"], told[-1]["done"], told[-1]["of"]) == ("calibrating", len(QUALITIES), len(QUALITIES))
