"""What is told of the work on a picture: it begins early, never goes back, and ends at one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from enhance.codecs.jpeg.rate import JpegRate
from enhance.enhancer import Enhancer
from enhance.images import DecodedImage
from enhance.inference import banded_denoiser
from enhance.inference.bands import predict_in_bands
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint


def shares_of(checkpoint: Checkpoint, knobs: Knobs, height: int = 96) -> list[float]:
    pixels = np.random.default_rng(0).integers(0, 256, (height, 64, 3), np.uint8)
    told: list[float] = []
    enhancer = Enhancer(checkpoint, device="cpu", dtype="float32")
    enhancer.run(DecodedImage(pixels, JpegRate.from_quality(30)), knobs, progress=told.append)
    return told


@pytest.mark.parametrize(
    ("knobs", "fewest"),
    [
        (Knobs(mode="fidelity"), 2),
        (Knobs(mode="fidelity", tile=64), 3),
        (Knobs(steps=5, perception=0.5), 6),
        (Knobs(mode="fidelity", ensemble=4), 5),
    ],
)
def test_windows_steps_and_mirror_images_count(knobs: Knobs, fewest: int, tiny_checkpoint: Checkpoint) -> None:
    told = shares_of(tiny_checkpoint, knobs)
    assert len(told) >= fewest
    assert told == sorted(told) and told[-1] == 1
    assert told[-2] == pytest.approx(0.97)  # all of the network's work was told of


def test_one_large_window_moves_band_by_band(tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def predict(*arguments: Any, **options: Any) -> torch.Tensor:
        return predict_in_bands(*arguments, **options, band=64 * 32)

    monkeypatch.setattr(banded_denoiser, "predict_in_bands", predict)
    monkeypatch.setattr(banded_denoiser, "LARGE", 0)
    monkeypatch.setattr("enhance.inference.bands._FEWEST_ROWS", 1)
    told = shares_of(tiny_checkpoint, Knobs(mode="fidelity"), height=256)
    assert len(told) > 20 and told[0] < 0.1
    assert told == sorted(told) and told[-2] == pytest.approx(0.97)


def test_a_picture_that_is_left_alone_is_done_at_once(tiny_checkpoint: Checkpoint) -> None:
    assert shares_of(tiny_checkpoint, Knobs(strength=0)) == [1]
