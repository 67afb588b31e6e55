"""Commands tell how far they are, and programs can read it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance.batch.plan import Job, Outcome, Plan
from enhance.cli.main import main
from enhance.cli.report import Reporter
from enhance.system.progress import progress_as_json


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_folder_is_told_of_for_programs(
    photo_folder: Path, tmp_path: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_model_file), "--device", "cpu", "--dtype", "float32", "--json-progress"]
    assert main(["run", str(photo_folder), "-o", str(tmp_path / "out"), *options]) == 0
    out, err = capsys.readouterr()
    told = json_lines(err)
    assert out == "" and "|" not in err
    assert told[0]["done"] == 0 and told[-1]["done"] == told[-1]["of"] == 2
    assert told[-1]["megapixels_per_second"] > 0


def test_pictures_count_by_what_is_done_of_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.system.progress._TERMINAL", 0.0)
    monkeypatch.setattr("enhance.system.progress._LOG_FILE", 0.0)
    plan = Plan((Job("a", "b"), Job("c", "d")))
    with Reporter(plan, quiet=False, json_lines=False) as reporter:
        reporter.begin()
        assert "  0%" in capsys.readouterr().err
        reporter.start()
        first, second = reporter.follow("a", 2_000_000), reporter.follow("c", 2_000_000)
        first(0.5)
        told = capsys.readouterr().err
        assert " 25%" in told and "0/2 images" in told and "MP/s" in told and "<?" not in told
        second(0.25)
        assert " 38%" in capsys.readouterr().err
        reporter.tell(Outcome("done", "a", "b", 2_000_000))
        assert " 62%" in (told := capsys.readouterr().err) and "1/2 images" in told
        reporter.tell(Outcome("failed", "c", "d"))
        assert "100%" in capsys.readouterr().err


def test_what_is_done_before_the_first_window_has_a_name_and_its_time_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.system.progress._PROGRAM", 0.01)
    told: list[dict[str, Any]] = []

    def wait_for(stage: str | None, lines: int) -> None:
        seen = 0
        while seen < lines:
            told.extend(new := json_lines(capsys.readouterr().err))
            seen += sum(line.get("stage") == stage for line in new)
            time.sleep(0.005)

    with progress_as_json(), Reporter(Plan((Job("a", "b"),)), quiet=False, json_lines=False) as reporter:
        reporter.begin()
        wait_for("loading the model", 2)
        reporter.start()
        wait_for("reading", 1)
        follow = reporter.follow("a", 20_000_000)
        wait_for("looking at the picture", 3)
        follow(0.01)
        wait_for(None, 1)
    assert {line["done"] for line in told} == {0, 0.01} and told[-1]["megapixels_per_second"] > 0
    seconds = [line["seconds"] for line in told if line.get("stage") == "looking at the picture"]
    assert seconds == sorted(seconds) and seconds[-1] > seconds[0]
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().err == ""  # the clock has stopped


def test_a_log_file_is_spared_the_clock(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.system.progress._PROGRAM", 0.01)
    with Reporter(Plan((Job("a", "b"),)), quiet=False, json_lines=False) as reporter:
        reporter.begin()
        assert "0/1 images, loading the model" in capsys.readouterr().err
        time.sleep(0.1)
        assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_an_evaluation_is_told_of_for_programs(
    originals: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_model_file), "--device", "cpu", "--dtype", "float32", "--json-progress"]
    assert main(["eval", str(originals), "--qualities", "20", "--metrics", "psnr", *options]) == 0
    told = json_lines(capsys.readouterr().err)
    assert told[-1]["done"] == told[-1]["of"] > 0


@pytest.mark.slow
def test_training_is_told_of_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photos" / "a.png")
    words = ["--steps", "2", "--batch", "1", "--crop", "32", "--device", "cpu", "--dtype", "float32", "--drawings", "0"]
    assert main(["train", str(tmp_path / "photos"), "-o", str(tmp_path / "run"), *words, "--json-progress"]) == 0
    told = json_lines(capsys.readouterr().err)
    finished = dict.fromkeys(line["progress"] for line in told if line["done"] == line["of"])
    assert list(finished) == ["decoding", "calibrating", "training"]
    assert told[-1]["step"] == 2
