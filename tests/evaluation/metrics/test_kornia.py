"""PSNR and SSIM against kornia's, which were written by others from the same papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skimage import data

from enhance.evaluation.metrics.distortion import psnr, ssim

kornia: Any = pytest.importorskip("kornia")
metrics: Any = kornia.metrics


def noisy(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """A photo, and the same with noise of so many code values."""
    photo = np.asarray(data.astronaut())[:128, 100:260]
    noise = np.random.default_rng(0).normal(0, sigma, photo.shape)
    return photo, np.clip(photo + noise, 0, 255).round().astype(np.uint8)


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float64) / 255).permute(2, 0, 1)[None]


@pytest.mark.parametrize("sigma", [3, 12, 40])
def test_psnr_is_that_of_kornia(sigma: float) -> None:
    pictures = noisy(sigma)
    expected = float(metrics.psnr(*map(tensor, pictures), max_val=1.0))
    assert psnr(*pictures) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("sigma", [3, 12])
def test_ssim_is_near_that_of_kornia(sigma: float) -> None:
    """The windows differ: ours weighs 7x7 pixels alike, kornia's is a Gaussian. The two lie 0.3 apart."""
    pictures = noisy(sigma)
    expected = float(metrics.ssim(*map(tensor, pictures), window_size=7, padding="valid").mean())
    assert ssim(*pictures) == pytest.approx(expected, abs=0.03)
