"""What the last coding did to the coefficients of another grid: the variance of its error, block by block."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation.samples import Corners, Values
from enhance.codecs.jpeg.planes import DCT, to_blocks

ROUNDING = 0.12
"""Variance of a coefficient of a decoded picture: its samples are rounded to whole numbers (1/12), twice in part."""


class LastCoding:
    """The error of the last coding of a picture, whose grid begins at its corner.

    Args:
        luma: [h, w], of the picture.
        steps: [64], the luma table that it was coded with.

    Attributes:
        indices: [rows, columns, 64], the quantised coefficients.
    """

    def __init__(self, luma: Values, steps: npt.NDArray[np.int64]) -> None:
        height, width = luma.shape[0] // 8 * 8, luma.shape[1] // 8 * 8
        scale = steps.astype(np.float32)
        self.indices = np.rint((to_blocks(luma[:height, :width]) @ DCT) / scale).reshape(height // 8, width // 8, 64)
        quantised = scale**2 / 12
        variances = np.where(self.indices != 0, quantised, np.minimum(_lost(self.indices, scale), quantised))
        # Blocks across the lower and right edge are like their neighbours.
        self._variances = np.pad(variances.astype(np.float32), ((0, 1), (0, 1), (0, 0)), mode="edge")

    def variances(self, corners: Corners, frequencies: npt.NDArray[np.int64]) -> Values:
        """[N, F]: of the error in the coefficients of blocks of another grid, rounding included."""
        if not len(corners):
            return np.empty((0, len(frequencies)), np.float32)
        rows, columns = corners[:, 0] // 8, corners[:, 1] // 8
        total = np.full((len(corners), len(frequencies)), ROUNDING, np.float32)
        shares = _shares(int(corners[0, 0]) % 8, int(corners[0, 1]) % 8)
        for (down, right), share in shares.items():
            total += self._variances[rows + down, columns + right] @ share[:, frequencies]
        return total


def _lost(indices: Values, steps: Values) -> Values:
    """[64]: mean square of the coefficients that became zero, if all were Laplacian and so many became zero."""
    kept = np.clip((indices != 0).mean(axis=(0, 1)), 1e-4, 0.98)
    scale = steps / (-2 * np.log(kept))  # the share beyond half a step is exp(-Q / 2b)
    half = steps / 2
    tail = np.exp(-half / scale)
    return np.asarray((2 * scale**2 - tail * (half**2 + 2 * half * scale + 2 * scale**2)) / (1 - tail))


@lru_cache(maxsize=64)
def _shares(top: int, left: int) -> dict[tuple[int, int], Values]:
    """For each block of the last grid that a block at an offset lies on: [64 of it, 64], squared DCT of its basis."""
    basis = DCT.T.reshape(64, 8, 8)
    shares = {}
    for down in (0, 1):
        for right in (0, 1):
            rows = slice(top, 8) if down == 0 else slice(0, top)
            columns = slice(left, 8) if right == 0 else slice(0, left)
            part = basis[:, rows, columns]
            if part.size:
                there = (
                    (slice(0, 8 - top) if down == 0 else slice(8 - top, 8)),
                    (slice(0, 8 - left) if right == 0 else slice(8 - left, 8)),
                )
                target = basis[:, there[0], there[1]]
                shares[down, right] = np.asarray((part.reshape(64, -1) @ target.reshape(64, -1).T) ** 2)
    return shares
