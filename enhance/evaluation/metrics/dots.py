"""A pattern that repeats with the 8x8 blocks of a JPEG: what distances between pictures hardly see, and people do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.evaluation.metrics.distortion import Pixels, pair, to_uint8

_BLOCK = 8
# ITU-R BT.601 luma in full range.
_LUMA = np.array([0.299, 0.587, 0.114])


def dots(pixels: Pixels) -> float:
    """How far the mean detail differs from place to place within a block, peak to peak, in 8-bit code values.

    Detail is the difference of a pixel from the mean of its four neighbours. Its mean over all blocks, for each of the
    64 places in one, is near zero in photos (up to about one code value), whatever they show; a dot that is planted in
    every block stands out with its height.

    Args:
        pixels: [H, W, 3] RGB or [H, W] gray, 0-255, whose first pixel begins a block. Below three blocks on a side
            there is nothing to average, and the result is 0.
    """
    values = to_uint8(pixels).astype(np.float64)
    plane = values if values.ndim == 2 else values @ _LUMA
    detail = _detail(plane)
    rows, columns = (length // _BLOCK for length in detail.shape)
    if min(rows, columns) < 1:
        return 0.0
    blocks = detail[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    return float(np.ptp(blocks.mean(axis=(0, 2))))


def dots_beyond(original: Pixels, measured: Pixels) -> float:
    """`dots` of the measured picture over the original's; below 0 where it has fewer. Raises UsageError as `psnr`."""
    x, y = pair(original, measured)
    return dots(y) - dots(x)


def _detail(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The high-pass, without the outermost block of the picture, so that all neighbours exist."""
    inner = slice(_BLOCK, -_BLOCK)
    above, below = plane[_BLOCK - 1 : -_BLOCK - 1, inner], plane[_BLOCK + 1 : -_BLOCK + 1, inner]
    left, right = plane[inner, _BLOCK - 1 : -_BLOCK - 1], plane[inner, _BLOCK + 1 : -_BLOCK + 1]
    return plane[inner, inner] - (above + below + left + right) / 4
