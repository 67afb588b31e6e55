"""Checkpoints: what goes in comes out, and damage is told as such."""

from __future__ import annotations

import hashlib
import json
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from enhance.codecs.conditioning import PARTS
from enhance.diffusion.thresholds import RateTable
from enhance.errors import OutputError, WeightsError
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
    with pytest.raises(OutputError, match="disk full"):
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


def forged(path: Path, description: object, tensors: dict[str, torch.Tensor] | None = None) -> Path:
    text = description if isinstance(description, str) else json.dumps(description)
    save_file(tensors or {"a": torch.zeros(1)}, path, metadata={"format": "enhance-1", "enhance": text})
    return path


def good_description(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "good.safetensors"
    save_checkpoint(make_checkpoint(), path)
    return read_description(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(data=st.data())
@pytest.mark.slow
def test_no_description_does_more_than_be_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any part of a good description replaced by anything else."""
    folder = tmp_path_factory.mktemp("forged")
    description = good_description(folder)
    place: Any = description
    for _ in range(data.draw(st.integers(0, 3))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
        inner = [key for key in keys if isinstance(place[key], (dict, list)) and place[key]]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(inner))]
    key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
    place[key] = data.draw(JSON)
    tensors = dict(make_checkpoint().denoiser.state_dict())
    with suppress(WeightsError):
        load_checkpoint(forged(folder / "forged.safetensors", description, tensors))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"network": ' * 50_000, "[]", "null", "1", '"network"', '{"network": [1]}', "{}", "\0"]
)
def test_descriptions_that_are_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(WeightsError, match=r"forged\.safetensors"):
        load_checkpoint(forged(tmp_path / "forged.safetensors", text))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("middle_blocks", 1_000_000), ("middle_blocks", -1), ("middle_blocks", "2"), ("widths", [8192] * 4),
        ("widths", [2**40] * 4), ("embedding", 10**9), ("encoder_blocks", [64] * 3), ("conditioning_size", True),
        ("encoder_blocks", [[1], 1, 1]), ("widths", []), ("position", 1),
    ],
)  # fmt: skip
def test_a_network_that_the_file_does_not_hold_takes_no_memory(tmp_path: Path, part: str, value: object) -> None:
    description = good_description(tmp_path)
    description["network"][part] = value
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=r"forged\.safetensors"):
        load_checkpoint(forged(tmp_path / "forged.safetensors", description))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("sampling", {"start": "soon"}), ("sampling", {"modes": {}}), ("sampling", {"modes": [1]}), ("codec", 7),
        ("sampling", {"modes": {"balanced": {"steps": 10**9, "perception": 0}, "perceptual": {}}}), ("training", []),
        ("threshold", {"levels": [1], "values": [float("nan")]}), ("residual_scale", [1, 2]), ("conditioning", [1]),
        ("trust", {"full": 1}),
    ],
)  # fmt: skip
def test_settings_of_the_wrong_kind(tmp_path: Path, part: str, value: object) -> None:
    description = {**good_description(tmp_path), part: value}
    tensors = dict(make_checkpoint().denoiser.state_dict())
    with pytest.raises(WeightsError, match=r"forged\.safetensors"):
        load_checkpoint(forged(tmp_path / "forged.safetensors", description, tensors))


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    tensors = dict(make_checkpoint().denoiser.state_dict())
    tensors["network.first.bias"] = torch.full((4,), torch.nan)
    with pytest.raises(WeightsError, match="not finite"):
        load_checkpoint(forged(tmp_path / "forged.safetensors", good_description(tmp_path), tensors))


def test_a_header_that_claims_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "header.safetensors"
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsError, match="more than any checkpoint has"):
        load_checkpoint(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_and_devices_are_no_checkpoints(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in (tmp_path / "pipe.safetensors", Path("/dev/zero"), tmp_path):
        with pytest.raises(WeightsError):
            load_checkpoint(path)
