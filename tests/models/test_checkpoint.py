"""Checkpoints: what goes in comes out, and damage is told as such."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from enhance.codecs.conditioning import PARTS
from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.knobs import SamplingDefaults
from enhance.models.checkpoint import Checkpoint, load_checkpoint, read_description, save_checkpoint
from enhance.models.unet import Denoiser, UNetConfig

TINY = UNetConfig(widths=(4, 4, 4, 4), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1), middle_blocks=1, embedding=8)


def make_checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    denoiser = Denoiser(TINY)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter)
    scale, threshold = RateTable((5, 95), (0.15, 0.03)), RateTable((5, 95), (5, 6))
    sampling = SamplingDefaults(start=0.4, init="gaussian")
    return Checkpoint(denoiser, scale, threshold, "jpeg", sampling, training={"minutes": 3})


@pytest.mark.parametrize(("half", "tolerance"), [(False, 0.0), (True, 2e-3)])
def test_round_trip(tmp_path: Path, half: bool, tolerance: float) -> None:
    original, path = make_checkpoint(), tmp_path / "jpeg.safetensors"
    save_checkpoint(original, path, half=half)
    loaded = load_checkpoint(path)
    for key, value in original.denoiser.state_dict().items():
        assert torch.allclose(loaded.denoiser.state_dict()[key], value, rtol=tolerance, atol=tolerance), key
    assert (loaded.residual_scale, loaded.threshold) == (original.residual_scale, original.threshold)
    assert (loaded.codec, loaded.sampling, loaded.training) == ("jpeg", original.sampling, {"minutes": 3})
    assert loaded.name == "jpeg"
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not any(parameter.requires_grad for parameter in loaded.denoiser.parameters())


def test_what_the_network_is_told_is_named_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(make_checkpoint(), path)
    assert list(read_description(path)["conditioning"].items()) == list(PARTS.items())
    later = {"luma": 64, "chroma": 64, "weather": 2}
    monkeypatch.setattr("enhance.models.checkpoint.layout", lambda size: later)
    save_checkpoint(make_checkpoint(), path)
    with pytest.raises(WeightsError, match="told"):
        load_checkpoint(path)


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    for half in (True, False):
        save_checkpoint(make_checkpoint(), tmp_path / f"{half}.safetensors", half=half)
    sizes = [(tmp_path / f"{half}.safetensors").stat().st_size for half in (True, False)]
    assert sizes[0] < 0.7 * sizes[1]


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(make_checkpoint(), tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors"):
        load_checkpoint(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "foreign"])
def test_damage_is_a_weights_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(make_checkpoint(), path)
    if damage == "foreign":
        save_file({"weight": torch.zeros(3)}, path)
    else:
        whole = path.read_bytes()
        path.write_bytes({"truncated": whole[: len(whole) // 2], "garbage": b"\xff" * 999, "empty": b""}[damage])
    with pytest.raises(WeightsError):
        load_checkpoint(path)
    with pytest.raises(WeightsError):
        read_description(path)


def test_a_network_of_another_shape_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(make_checkpoint(), path)
    monkeypatch.setattr(UNetConfig, "from_dict", lambda _: UNetConfig())
    with pytest.raises(WeightsError, match="does not fit"):
        load_checkpoint(path)
