"""Calibration of s(q) and τ(q) from training residuals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.rate import JpegRate
from enhance.diffusion.thresholds import RateTable
from enhance.system.progress import progress_bar
from enhance.training.degradation import Uint8, encode_jpeg

QUALITIES = (1, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 93, 95, 97, 99, 100)
PERCENTILE = 99.9
"""A residual is heavy-tailed: its 95th percentile cuts real edges, the 99.9th does not."""


def calibrate_jpeg(crops: Sequence[Uint8], *, progress: bool = True) -> tuple[RateTable, RateTable]:
    """s(q) and τ(q) of 4:2:0 JPEGs, as `calibrate` gives them.

    Args:
        crops: originals, uint8 [H, W, 3]; a few hundred of 128x128 are enough.
        progress: show a bar.
    """

    def residuals(quality: int) -> npt.NDArray[Any]:
        rate = JpegRate.from_quality(quality)
        return np.concatenate([(crop.astype(np.float32) - encode_jpeg(crop, rate)).reshape(-1) for crop in crops])

    levels = progress_bar("calibrating", iterable=QUALITIES, unit="rate", shown=progress)
    return calibrate((quality, residuals(quality) / 127.5) for quality in levels)


def calibrate(residuals: Iterable[tuple[float, npt.NDArray[Any]]]) -> tuple[RateTable, RateTable]:
    """s and τ of any base codec.

    Args:
        residuals: increasing levels of the rate, at least one, each with x − x̃ in units of [-1, 1], of any shape.

    Returns:
        s, the RMS of x − x̃ in units of [-1, 1], and τ, the percentile of |x − x̃| / s, per level.
    """
    scales, limits = {}, {}
    for level, values in residuals:
        scales[float(level)] = scale = float(np.sqrt(np.mean(values**2)))
        limits[float(level)] = float(np.percentile(np.abs(values), PERCENTILE)) / scale
    return RateTable(tuple(scales), tuple(scales.values())), RateTable(tuple(limits), tuple(limits.values()))
