"""Commands tell how far they are, and programs can read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance.batch.plan import Job, Outcome, Plan
from enhance.cli.main import main
from enhance.cli.report import Reporter


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
