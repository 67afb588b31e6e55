"""What the last coding did to the coefficients of another grid: the variance of its error, block by block."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation.samples import Corners, Values
from enhance.codecs.jpeg.planes import DCT, to_blocks, transform

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
        self._scale = steps.astype(np.float32)
        indices = transform(to_blocks(luma[:height, :width]), DCT / self._scale)
        self.indices: Values = np.rint(indices, out=indices).reshape(height // 8, width // 8, 64)

    @cached_property
    def _lost(self) -> Values:
        """[64]: mean square of what became zero, if all coefficients were Laplacian and so many became zero."""
        kept = np.clip(np.count_nonzero(self.indices, axis=(0, 1)) / self.indices[..., 0].size, 1e-4, 0.98)
        scale = self._scale / (-2 * np.log(kept))  # the share beyond half a step is exp(-Q / 2b)
        half = self._scale / 2
        tail = np.exp(-half / scale)
        return np.asarray((2 * scale**2 - tail * (half**2 + 2 * half * scale + 2 * scale**2)) / (1 - tail))

    def own_variances(self, indices: Values) -> Values:
        """[..., 64]: of the error in the coefficients that some indices stand for, on the last coding's own grid."""
        quantised = self._scale**2 / 12
        return np.where(indices != 0, quantised, np.minimum(self._lost, quantised)).astype(np.float32)

    @cached_property
    def _variances(self) -> Values:
        # Blocks across the lower and right edge are like their neighbours.
        return np.pad(self.own_variances(self.indices), ((0, 1), (0, 1), (0, 0)), mode="edge")

    def variances(self, corners: Corners, frequencies: npt.NDArray[np.int64]) -> Values:
        """[N, F]: of the error in the coefficients of blocks of another grid, rounding included."""
        if not len(corners):
            return np.empty((0, len(frequencies)), np.float32)
        rows, columns = corners[:, 0] // 8, corners[:, 1] // 8
        total = np.full((len(corners), len(frequencies)), ROUNDING, np.float32)
        shares = _shares(int(corners[0, 0]) % 8, int(corners[0, 1]) % 8)
        for (down, right), share in shares.items():
            total += transform(self._variances[rows + down, columns + right], share[:, frequencies])
        return total


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
