"""scripts/measure_harm.py and scripts/measure_kinds.py, with a small untrained model."""

from __future__ import annotations

import csv
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from enhance.codecs.jpeg.calibration import BANDS, INDEX_CLASSES, SIZES
from enhance.models.checkpoint import Checkpoint, save_checkpoint
from enhance.models.trust_tables import CalibrationTable

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.asarray(data.astronaut())[:64, 160:240]).save(folder / "face.png")
    Image.fromarray(np.repeat(np.asarray(data.camera())[200:264, 200:264, None], 3, axis=2)).save(folder / "gray.png")
    (folder / "INDEX.tsv").write_text("file\tkind\ngray.png\tneutral\n")
    return folder


def run(script: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [script, *words])
    runpy.run_path(str(SCRIPTS / script), run_name="__main__")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_harm_of_each_kind_quality_and_setting(
    photos: Path,
    tiny_model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [str(photos), "--qualities", "30", "ones", "--samplings", "4:2:0", "gray", "--modes", "fidelity", "0.5"]
    run("measure_harm.py", [*words, "--model", str(tiny_model_file), "--csv", str(tmp_path / "found.csv")], monkeypatch)
    rows = read(tmp_path / "found.csv")
    assert len(rows) == 2 * 2 * 2 * 2
    assert {row["kind"] for row in rows} == {"photos", "neutral"} and {row["mode"] for row in rows} == {
        "fidelity",
        "0.5",
    }
    neutral = [
        row for row in rows if row["kind"] == "neutral" and row["quality"] == "30" and row["sampling"] == "4:2:0"
    ]
    assert [row["spread"] for row in neutral] == ["0", "0"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    gains = [float(row["gain"]) for row in rows[:4] if row["mode"] == "fidelity"]
    assert f"worst {min(gains):+.3f}" in lines[0]


def test_harm_without_calibration(
    photos: Path, tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = 1, INDEX_CLASSES, int(BANDS.max()) + 1, len(SIZES)
    table = CalibrationTable((50.0,), *[np.full(shape, 0.2, np.float32)] * 2)
    tables = replace(tiny_checkpoint.trust, calibration={"rounded": table})
    save_checkpoint(replace(tiny_checkpoint, trust=tables), tmp_path / "model.safetensors")
    words = [
        str(photos),
        "--qualities",
        "30",
        "--modes",
        "unguarded-fidelity",
        "--model",
        str(tmp_path / "model.safetensors"),
    ]
    gains = []
    for more in ([], ["--uncalibrated"]):
        run("measure_harm.py", [*words, *more, "--csv", str(tmp_path / "found.csv")], monkeypatch)
        gains.append([float(row["gain"]) for row in read(tmp_path / "found.csv")])
    assert max(np.abs(gains[0])) < max(np.abs(gains[1]))  # an untrained model's answers are a fifth of themselves


def test_kinds_of_photos_and_stripes(
    photos: Path,
    tiny_model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [str(photos), "--modes", "fidelity", "--model", str(tiny_model_file), "--csv", str(tmp_path / "found.csv")]
    run("measure_kinds.py", [*words, "--every", "2"], monkeypatch)
    rows = read(tmp_path / "found.csv")
    told = capsys.readouterr().out
    for kind, count in (("stripes q40", 49), ("RGB q20", 1), ("Photoshop's tables", 6), ("neutral q75", 1)):
        gains = [float(row["gain"]) for row in rows if row["kind"] == kind]
        assert len(gains) == count
        assert f"{kind:20} fidelity   {np.mean(gains):+.2f}  worst {min(gains):+.2f}" in told
    assert all(int(row["spread"]) <= 0 for row in rows if row["kind"].startswith(("neutral", "stripes")))
