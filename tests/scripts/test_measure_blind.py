"""scripts/measure_blind.py: tables of what the blind estimate gets right, and what it is worth."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import skimage.data
from PIL import Image

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("measure_blind")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(skimage.data.astronaut()[:176, 120:320]).save(folder / "one.png")
    return folder


def measured(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> list[list[str]]:
    """The cells of the lines of all tables."""
    monkeypatch.setattr(sys, "argv", ["measure_blind.py", *map(str, arguments)])
    script.main()
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def row(lines: list[list[str]], name: str) -> list[str]:
    return next(line for line in lines if line[0] == name)


def test_alarms_are_counted_by_what_was_done(
    script: ModuleType, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = measured(script, monkeypatch, capsys, "alarms", "--originals", photos, "--once", 20, 75)
    assert row(lines, "original, no coding")[1:3] == ["1", "0"]
    assert row(lines, "libjpeg 4:2:0")[1:3] == ["1", "0"]
    assert row(lines, "gray file")[1:3] == ["1", "0"]


def test_accuracy_is_told_by_quality_scale_and_encoder(
    script: ModuleType, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = measured(script, monkeypatch, capsys, "accuracy", "--originals", photos)
    assert row(lines, "quality 40")[1:6] == ["1", "100.0 %", "100.0 %", "100.0 %", "100.0 %"]
    assert any(line[0].startswith("scale ") for line in lines)
    header = row(lines, "quality (libjpeg, lossless)")
    for line in lines[lines.index(header) + 2 :]:
        assert sum(int(count) for count in line[1:]) in (0, 1)


@pytest.mark.usefixtures("tiny_weights")
def test_gains_stand_beside_those_of_the_right_hint(
    script: ModuleType, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = measured(script, monkeypatch, capsys, "gains", "--originals", photos, "--lossless", 40)
    cropped = row(lines, "quality 20, cropped by (3, 5), saved at 90")
    assert cropped[-1] == "100%"
    assert cropped[3] != cropped[5]
    lossless = row(lines, "a PNG that was a JPEG of quality 40")
    assert lossless[3] == lossless[5]
    assert np.isclose(float(lossless[6]), 0)


def test_nothing_is_measured_without_pictures(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        measured(script, monkeypatch, capsys, "alarms")
    assert "--originals" in capsys.readouterr().err


def test_projections_onto_both_codings_are_compared(
    script: ModuleType, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = measured(script, monkeypatch, capsys, "projection", "--originals", photos)
    name, _, files, without, last, first, both = row(lines, "quality 20, cropped by (3, 5), then 90")
    assert (name, files) == ("quality 20, cropped by (3, 5), then 90", "1")
    assert float(without) > 0.5
    # The last file's intervals hold what was saved, not the original; the first one's hold the original.
    assert float(last.split()[0]) < -0.3
    assert abs(float(first.split()[0])) < 0.03
    assert float(both.split()[0]) < -0.3
