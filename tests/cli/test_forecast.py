"""What is said before a run begins, and what --dry-run lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from enhance.batch.plan import Job
from enhance.cli import forecast
from enhance.cli.forecast import Speeds, in_words, survey
from enhance.cli.main import main


def test_a_folder_is_surveyed_before_the_work(
    photo_folder: Path, tmp_path: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_model_file), "--device", "cpu", "--dtype", "float32"]
    assert main(["run", str(photo_folder), "-o", str(tmp_path / "out"), *options]) == 0
    told = capsys.readouterr().err
    assert told.startswith("enhance: 2 pictures, 0.0 megapixels\n")


@pytest.mark.parametrize(("least", "expected"), [(0.003, "enhance: 1 picture, 0.0 megapixels\n"), (4.0, "")])
def test_one_picture_is_told_of_where_it_takes_long(
    least: float,
    expected: str,
    photo_folder: Path,
    tmp_path: Path,
    tiny_model_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("enhance.cli.run._SOON_DONE", least)
    options = ["--model", str(tiny_model_file), "--device", "cpu", "--dtype", "float32"]
    assert main(["run", str(photo_folder / "a.jpg"), "-o", str(tmp_path / "a.png"), *options]) == 0
    told = capsys.readouterr().err
    assert told.startswith(expected) and ("megapixels\n" in told) is bool(expected)


def test_a_dry_run_lists_and_does_nothing(
    photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["run", str(photo_folder), "-r", "-o", str(out), "--dry-run"]) == 0
    told, err = capsys.readouterr()
    assert f"{photo_folder / 'a.jpg'} -> {out / 'a.png'}\n" in told and told.count("->") == 3
    assert "3 pictures" in err and not out.exists()
    assert (
        main(["run", str(photo_folder / "a.jpg"), str(tmp_path / "no.jpg"), "-o", str(out), "--dry-run", "--json"]) == 1
    )
    told, err = capsys.readouterr()
    assert [json.loads(line)["status"] for line in told.splitlines()] == ["planned"] and "no such file" in err
    assert not out.exists()


def test_headers_tell_the_megapixels_and_time_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = []
    for index in range(3):
        path = tmp_path / f"{index}.jpg"
        Image.new("L", (1000, 500 * (index + 1))).save(path)
        jobs.append(Job(str(path), "out"))
    exact = survey(jobs)
    assert (exact.count, exact.is_exact) == (3, True) and exact.megapixels == pytest.approx(3.0)
    (tmp_path / "2.jpg").write_bytes(b"")
    assert survey(jobs).describe(75.2) == "3 pictures, about 2.2 megapixels, about 1 min 15 s"
    monkeypatch.setattr(forecast, "_LOOKING", -1.0)
    assert survey(jobs).describe(None) == "3 pictures"


def test_speeds_are_remembered_for_each_kind_of_run(tmp_path: Path) -> None:
    speeds = Speeds(tmp_path / "cache")
    assert speeds.seconds(10.0, "mode=fidelity") is None
    speeds.keep(20.0, 10.0, "mode=fidelity")
    speeds.keep(20.0, 40.0, "mode=perceptual")
    speeds.keep(0.1, 40.0, "small")
    assert [speeds.seconds(10.0, f"mode={mode}") for mode in ("fidelity", "perceptual")] == [5, 20]
    assert speeds.seconds(1.0, "small") is None and speeds.seconds(None, "mode=fidelity") is None
    (tmp_path / "cache" / "speeds.json").write_text("[]")
    assert speeds.seconds(10.0, "mode=fidelity") is None
    Speeds(None).keep(20.0, 10.0, "nowhere")


def test_times_are_told_as_people_say_them() -> None:
    assert [in_words(seconds) for seconds in (0.2, 59, 75, 12_000)] == ["1 s", "59 s", "1 min 15 s", "3 h 20 min"]
