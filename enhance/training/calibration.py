"""Calibration of s(q) and τ(q) from training residuals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from enhance.codecs.jpeg.rate import JpegRate
from enhance.diffusion.thresholds import RateTable
from enhance.training.degradation import Uint8, encode_jpeg

QUALITIES = (1, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 93, 95, 97, 99, 100)
PERCENTILE = 99.9
"""A JPEG residual is heavy-tailed: its 95th percentile cuts real edges, the 99.9th does not."""


def calibrate_jpeg(crops: Sequence[Uint8], *, progress: bool = True) -> tuple[RateTable, RateTable]:
    """s(q) and τ(q) of 4:2:0 JPEGs.

    Args:
        crops: originals, uint8 [H, W, 3]; a few hundred of 128x128 are enough.

    Returns:
        s, the RMS of x − x̃ in units of [-1, 1], and τ, the percentile of |x − x̃| / s, per quality.
    """

    def decode(original: Uint8, quality: float) -> Uint8:
        return encode_jpeg(original, JpegRate.from_quality(int(quality)))

    return calibrate(crops, decode, QUALITIES, progress=progress)


def calibrate(
    crops: Sequence[Uint8],
    decode: Callable[[Uint8, float], npt.NDArray[Any]],
    levels: Sequence[float],
    *,
    progress: bool = True,
) -> tuple[RateTable, RateTable]:
    """s and τ of any base codec, from what `decode(original, level)` gives back."""
    scales, limits = [], []
    for level in tqdm(levels, desc="calibrating", unit="rate", disable=not progress):
        residuals = np.concatenate(
            [(crop.astype(np.float32) - decode(crop, level)).reshape(-1) / 127.5 for crop in crops]
        )
        scale = float(np.sqrt(np.mean(residuals**2)))
        scales.append(scale)
        limits.append(float(np.percentile(np.abs(residuals), PERCENTILE)) / scale)
    names = tuple(float(level) for level in levels)
    return RateTable(names, tuple(scales)), RateTable(names, tuple(limits))
