"""`enhance train` end to end on a folder of photos."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from enhance.cli.main import main
from enhance.evaluation.metrics.lpips import LPIPS
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import UNetConfig
from enhance.training.sources import Shares

TINY = UNetConfig(widths=(4, 4, 4, 4), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1), middle_blocks=1, embedding=8)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("enhance.cli.train.UNetConfig", lambda: TINY)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, pixels in (("a", data.astronaut()), ("b", data.chelsea())):
        Image.fromarray(np.asarray(pixels)[:96, :128]).save(folder / f"{name}.png")
    return folder


def test_train_resume_and_fine_tune(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    common = [str(photos), "--crop", "32", "--batch", "2", "--workers", "0", "--device", "cpu", "--dtype", "float32"]
    assert main(["train", *common, "-o", str(run), "--steps", "3", "--val", str(photos)]) == 0
    first = load_checkpoint(run / "model.safetensors")
    assert first.training["step"] == 3 and first.training["images"] == 2
    assert first.training["graphics"] == 0 and first.training["shares"]["drawings"] == Shares().drawings
    assert (run / "curve.csv").read_text().count("\n") == 2
    assert main(["train", *common, "-o", str(run), "--steps", "5"]) == 2, "a run is not overwritten by mistake"
    assert main(["train", *common, "-o", str(run), "--steps", "5", "--resume"]) == 0
    assert load_checkpoint(run / "model.safetensors").training["step"] == 5
    other = tmp_path / "fine"
    assert main(["train", *common, "-o", str(other), "--steps", "1", "--init", str(run / "model.safetensors")]) == 0
    fine = load_checkpoint(other / "model.safetensors")
    assert fine.training["init"]["step"] == 5
    assert fine.residual_scale == first.residual_scale
    assert not capsys.readouterr().out, "the output is for data"


def test_a_constant_run_goes_on_and_ends_at_zero(photos: Path, tmp_path: Path) -> None:
    run, cache = tmp_path / "run", tmp_path / "cache"
    common = ["train", str(photos), "-o", str(run), "--crop", "32", "--batch", "2", "--workers", "0", "--device", "cpu"]
    common += ["--schedule", "constant", "--cache", str(cache), "--dtype", "float32", "--accumulate", "2"]
    assert main([*common, "--minutes", "0.01", "--val", str(photos), "--val-graphics", str(photos)]) == 0
    first = load_checkpoint(run / "model.safetensors").training
    assert first["crops"] == 4 * first["step"] and first["dtype"] == "float32"
    longer = str(first["seconds"] / 60 + 0.01)
    assert main([*common, "--minutes", longer, "--anneal", "0.01", "--resume", "--val", str(photos)]) == 0
    with (run / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["lr"]) > 0 and float(rows[1]["lr"]) == 0
    assert rows[0]["graphics_worst_q90"] and not rows[1]["graphics_worst_q90"]
    assert len(list(cache.glob("*.npy"))) == 2, "pictures are decoded once"
    second = load_checkpoint(run / "model.safetensors").training
    assert second["step"] > first["step"] and second["revision"] == first["revision"] != "unknown"


def test_looks_are_learned_where_there_are_weights_for_them(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "lpips_squeeze.safetensors"
    save_file(LPIPS("squeeze").state_dict(), weights)
    run = tmp_path / "run"
    common = ["--crop", "48", "--batch", "5", "--workers", "0", "--device", "cpu", "--dtype", "bfloat16"]
    options = ["--steps", "2", "--lpips", str(weights), str(weights), "--val", str(photos)]
    assert main(["train", str(photos), "-o", str(run), *common, *options]) == 0
    objective = load_checkpoint(run / "model.safetensors").training["config"]["objective"]
    assert (objective["looks_share"], objective["posterior_share"]) == (0.2, 0.2)
    header = (run / "curve.csv").read_text().splitlines()[0].split(",")
    assert {"lpips_q10_p0.5", "lpips_q20_p1", "dots_q20_p1", "gain_q90"} <= set(header)


def test_calibrate_prints_the_tables(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["train", str(photos), "--crop", "32", "-o", str(run), "--calibrate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 21 and all("tau" in line for line in lines)
    assert not run.exists()


def test_graphics_may_be_given_and_drawings_left_out(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--graphics", str(photos), str(photos), "--graphics-share", "0.5", "--drawings", "0", "--neutral", "0.2"]
    common = ["--crop", "32", "--batch", "2", "--workers", "0", "--device", "cpu", "--steps", "1"]
    assert main(["train", str(photos), "-o", str(run), *common, *options]) == 0
    training = load_checkpoint(run / "model.safetensors").training
    assert training["graphics"] == 4
    assert training["shares"] == {"graphics": 0.5, "drawings": 0.0, "neutral": 0.2, "varied": Shares().varied}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--drawings", "1.2"], 2),
        (["--codec", "learned", "--graphics", "."], 2),
        (["--drawings", "0.6", "--graphics-share", "0.6"], 2),
        (["--crop", "40"], 2),
        (["--looks-share", "0.1"], 2),
        (["--posterior-share", "1.5"], 2),
        (["--posterior-share", "-0.1"], 2),
        (["--looks-share", "0.6", "--posterior-share", "0.6", "--lpips", "alex.safetensors"], 2),
        (["--lpips", "absent.safetensors", "--steps", "1"], 3),
        (["--anneal", "5"], 2),
        (["--anneal", "5", "--schedule", "constant", "--steps", "1"], 2),
        (["--accumulate", "0"], 2),
        (["--val-graphics", "somewhere"], 2),
        (["--resume", "--steps", "1"], 3),
        (["--init", "absent.safetensors", "--steps", "1"], 3),
    ],
)
def test_mistakes_have_their_exit_status(photos: Path, tmp_path: Path, arguments: list[str], status: int) -> None:
    defaults = [] if "--crop" in arguments else ["--crop", "32"]
    assert main(["train", str(photos), "-o", str(tmp_path / "run"), "--device", "cpu", *defaults, *arguments]) == status


def test_a_damaged_run_is_told_as_such(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "state.pt").write_bytes(b"garbage")
    assert main(["train", str(photos), "-o", str(run), "--crop", "32", "--device", "cpu", "--resume"]) == 3
    assert "state.pt" in capsys.readouterr().err
