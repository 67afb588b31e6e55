"""What a run is told of its network: numbers of pictures that were never trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from enhance.diffusion.thresholds import RateTable
from enhance.evaluation.metrics.distortion import psnr
from enhance.images import Rate
from enhance.models.checkpoint import Checkpoint
from enhance.training.validation import OneStep, Validation

PHOTOS = [np.asarray(data.astronaut())[:160, :176], np.asarray(data.chelsea())[:100, :120]]
STRIPES = [np.repeat((np.arange(96) // 3 % 2 * 255).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)]
PLAIN = RateTable((5, 95), (0.1, 0.1))


class Known(OneStep):
    """Gives back the originals, dimmed by the position, as if it had learned them by heart."""

    def __call__(self, decoded: np.ndarray, rate: Rate, position: float = 0.0) -> np.ndarray:
        for original in [*PHOTOS, *STRIPES]:
            height, width = decoded.shape[:2]
            top, left = (original.shape[0] - height) // 2, (original.shape[1] - width) // 2
            part = original[top : top + height, left : left + width]
            if np.abs(part.astype(float) - decoded).mean() < 40:
                return (part * (1 - 0.1 * position) + (1 if rate.level == 10 else 3)).clip(0, 255).astype(np.uint8)
        raise AssertionError("a picture that nobody gave")


def known() -> Known:
    return Known(None, PLAIN, PLAIN, torch.device("cpu"))  # type: ignore[arg-type]


def test_a_row_holds_gains_the_worst_graphics_and_what_looks_cost() -> None:
    seen = []

    def distance(original: np.ndarray, measured: np.ndarray) -> float:
        seen.append(psnr(original, measured))
        return 0.125

    validation = Validation.of_jpegs(
        PHOTOS, (10, 90), graphics=[*STRIPES, PHOTOS[1]], distance=distance, positions=(0.5, 1.0)
    )
    row = validation.measure(known())
    looks = [f"{name}_q10_p{position}" for position in ("0.5", "1") for name in ("gain", "dots", "lpips")]
    graphics = [f"graphics_{worst}q{quality}" for quality in (10, 90) for worst in ("", "worst_")]
    assert list(row) == ["gain_q10", "gain_q90", *graphics, *looks]
    assert row["gain_q10"] > row["gain_q90"] > -10
    assert row["graphics_worst_q10"] < row["graphics_q10"]
    assert row["gain_q10_p1"] < row["gain_q10_p0.5"] < row["gain_q10"]
    assert row["lpips_q10_p1"] == 0.125 and len(seen) == 4
    assert abs(row["dots_q10_p0.5"]) < 0.5


def test_gains_are_means_over_pictures_in_decibels() -> None:
    validation = Validation.of_jpegs(PHOTOS, (10,))
    ((_, decoded),) = validation.photos.coded
    expected = [48.13 - psnr(x, y) for x, y in zip(validation.photos.originals, decoded)]  # an error of one everywhere
    assert validation.measure(known())["gain_q10"] == pytest.approx(np.mean(expected), abs=0.05)
    assert [picture.shape for picture in decoded] == [(160, 176, 3), (96, 112, 3)], "multiples of the stride"


def test_the_network_is_asked_at_the_position_without_noise(tiny_checkpoint: Checkpoint) -> None:
    device = torch.device("cpu")
    model = OneStep(tiny_checkpoint.denoiser, PLAIN, PLAIN, device, torch.float32)
    validation = Validation.of_jpegs(PHOTOS[1:], (40,))
    rate, (decoded,) = validation.photos.coded[0]
    mean, looks = model(decoded, rate), model(decoded, rate, 1.0)
    assert mean.dtype == np.uint8 and mean.shape == decoded.shape
    assert np.array_equal(mean, model(decoded, rate, 0.0)) and not np.array_equal(mean, looks)
    base = torch.from_numpy(decoded.copy()).permute(2, 0, 1)[None] / 127.5 - 1
    conditioning = torch.from_numpy(rate.conditioning())[None]
    t = torch.ones(1)
    r0 = tiny_checkpoint.denoiser(torch.zeros_like(base), base, t, conditioning, t).clamp(-0.1, 0.1)
    expected = ((base + 0.1 * r0 + 1) * 127.5).clamp(0, 255)[0].permute(1, 2, 0)
    assert np.abs(looks - expected.numpy()).max() <= 0.51
