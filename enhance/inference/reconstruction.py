"""From residual to pixels: x̂ = x̃ + s(q) r, projected onto the bitstream's originals, rounded; by bands of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from enhance.images import Consistency, Pixels

Values = npt.NDArray[np.float32]
Change = Callable[[slice], Values]
"""Rows -> what is added to them, [h, W, 3] or [h, W], in 8-bit code values."""

_BAND_PIXELS = 1 << 18


@runtime_checkable
class StripConsistency(Consistency, Protocol):
    """A projection that does not need the whole image in float32 at a time."""

    def project_strips(self, strip: Callable[[slice], Values]) -> Iterator[tuple[slice, Values]]:
        """Projects an image that is made strip by strip.

        Args:
            strip: called with rows, gives them as `project` takes them.

        Returns:
            the strips from top to bottom, without overlap: their rows, and what `project` gives there.
        """


def reconstruct(
    base: Pixels, change: Change, consistency: Consistency | None = None, *, dtype: np.dtype[Any] | None = None
) -> Pixels:
    """Adds a change to the decoded image.

    Args:
        base: [H, W, 3] or [H, W]; uint8, uint16, or float32 in [0, 1].
        change: what to add.
        consistency: if given, the sum is projected onto it before it is clipped and rounded.
        dtype: of the result, one of those; the base's by default. A deeper one shows what rounding would take away.

    Returns:
        a new array of the base's shape.
    """

    def strip(rows: slice) -> Values:
        return code_values(base[rows]) + change(rows)

    out = np.empty(base.shape, dtype or base.dtype)
    for rows, values in _projected(base.shape, strip, consistency):
        out[rows] = from_code_values(values, out.dtype)
    return out


def to_dtype(pixels: Pixels, dtype: npt.DTypeLike) -> Pixels:
    """Pixels in another depth, white to white, rounded and clipped; themselves where they have it already.

    What is not a number becomes black.
    """
    if pixels.dtype == dtype:
        return pixels
    out = np.empty(pixels.shape, dtype)
    for rows in bands(*pixels.shape[:2]):
        out[rows] = from_code_values(code_values(pixels[rows]), out.dtype)
    return out


def _projected(
    shape: tuple[int, ...], strip: Change, consistency: Consistency | None
) -> Iterable[tuple[slice, Values]]:
    if isinstance(consistency, StripConsistency):
        return consistency.project_strips(strip)
    if consistency is not None:
        return [(slice(0, shape[0]), consistency.project(strip(slice(0, shape[0]))))]
    return ((rows, strip(rows)) for rows in bands(shape[0], shape[1]))


def bands(height: int, width: int, multiple: int = 1) -> Iterator[slice]:
    """Rows of an image in bands of about a quarter of a megapixel, their heights multiples of a number."""
    step = max(1, _BAND_PIXELS // (width * multiple)) * multiple
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


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
