"""Weights that are rounded once: the same predictions as those that autocast rounds every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from enhance.enhancer import Enhancer
from enhance.inference import banded_denoiser, rounded_weights
from enhance.inference.rounded_weights import RoundedWeights
from enhance.inference.tiled_denoiser import TiledDenoiser
from enhance.models.checkpoint import Checkpoint
from enhance.models.unet import Denoiser
from tests.models.test_unet import random_denoiser

CPU = torch.device("cpu")


def predicted(network: Denoiser | RoundedWeights, dtype: torch.dtype) -> torch.Tensor:
    pixels = np.random.default_rng(3).integers(0, 256, (70, 52, 3), np.uint8)
    with torch.inference_mode():
        return TiledDenoiser(network, pixels, np.linspace(0, 2, 128), device=CPU, dtype=dtype)(None, 1.0, 0.4)


@pytest.mark.parametrize("large", [0, 1 << 20], ids=["in bands", "in one piece"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_predictions_are_the_same_to_the_bit(dtype: torch.dtype, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banded_denoiser, "LARGE", large)
    monkeypatch.setattr(rounded_weights, "can_fuse", lambda: False)  # fused blocks are nearer to float32
    denoiser = random_denoiser().requires_grad_(False)
    assert torch.equal(predicted(RoundedWeights(denoiser), dtype), predicted(denoiser, dtype))


def test_under_autocast_no_weight_is_left_to_be_rounded(tiny_checkpoint: Checkpoint) -> None:
    network = Enhancer(tiny_checkpoint, device="cpu", dtype="bfloat16").network("jpeg")
    assert isinstance(network, RoundedWeights)
    assert network.now(CPU) is tiny_checkpoint.denoiser
    with torch.autocast("cpu", torch.bfloat16):
        assert {parameter.dtype for parameter in network.now(CPU).parameters()} == {torch.bfloat16}
    assert {parameter.dtype for parameter in tiny_checkpoint.denoiser.parameters()} == {torch.float32}
