"""How many bits a sample has: pixels and planes of one depth as those of another, and as 8-bit code values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.frames.format import FrameFormat, Planes
from enhance.images import Pixels

Values = npt.NDArray[np.float32]

_BAND_PIXELS = 1 << 18


def to_dtype(pixels: Pixels, dtype: npt.DTypeLike) -> Pixels:
    """Pixels in another depth, white to white, rounded and clipped; themselves where they have it already.

    What is not a number becomes black.
    """
    if pixels.dtype == dtype:
        return pixels
    out = np.empty(pixels.shape, dtype)
    for rows in row_bands(*pixels.shape[:2]):
        out[rows] = from_code_values(code_values(pixels[rows]), out.dtype)
    return out


def code_values(pixels: Pixels) -> Values:
    """Pixels of any kind as float32 in 8-bit code values, 0 to 255, without rounding."""
    values: Values = pixels.astype(np.float32)
    if pixels.dtype != np.uint8:
        values *= 255 / white_level(pixels.dtype)
    return values


def from_code_values(values: Values, dtype: np.dtype[Any]) -> Pixels:
    """Inverse of `code_values`, clipped to the range and rounded to the dtype."""
    white = white_level(dtype)
    scaled = values * np.float32(white / 255)
    if dtype.kind == "u":
        np.rint(scaled, out=scaled)
    # fmax and fmin take the number where the other is none.
    np.fmin(np.fmax(scaled, 0, out=scaled), white, out=scaled)
    return scaled.astype(dtype)


def white_level(dtype: np.dtype[Any]) -> float:
    """The value of white: 255, 65535, or 1 for floating point."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def shift_depth(planes: Planes, frame: FrameFormat, depth: int) -> Planes:
    """The same frame with another depth, as VTM's decoder writes it: multiplied or divided by a power of two.

    Args:
        planes: as `frame` says.
        frame: their layout.
        depth: bits per sample to make, 8 to 16.

    Returns:
        the planes themselves where the depth is the same; otherwise new ones, rounded half up and clipped.
    """
    shift = depth - frame.depth
    dtype = replace(frame, depth=depth).dtype
    if shift == 0:
        return planes
    if shift > 0:
        return tuple(plane.astype(dtype) << shift for plane in planes)
    half = 1 << (-shift - 1)
    white = 2**depth - 1
    return tuple(np.minimum((plane.astype(np.uint32) + half) >> -shift, white).astype(dtype) for plane in planes)


def row_bands(height: int, width: int, multiple: int = 1) -> Iterator[slice]:
    """Rows of an image in bands of about a quarter of a megapixel, their heights multiples of a number."""
    step = max(1, _BAND_PIXELS // (width * multiple)) * multiple
    return (slice(top, min(top + step, height)) for top in range(0, height, step))
