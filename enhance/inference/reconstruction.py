"""From residual to pixels: x̂ = x̃ + s(q) r, projected onto the bitstream's originals, rounded; by bands of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from enhance.images import BELIEVED, Consistency, Pixels, Trust

Values = npt.NDArray[np.float32]
Change = Callable[[slice], Values]
"""Rows -> what is added to them, [h, W, 3] or [h, W], in 8-bit code values."""

_BAND_PIXELS = 1 << 18


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""BT.601, as JPEG has it (JFIF 1.02)."""


@runtime_checkable
class JudgingConsistency(Consistency, Protocol):
    """A bitstream that tells where a correction cannot be right, and is walked over strip by strip."""

    def corrected_strips(self, base: Change, change: Change, trust: Trust) -> Iterator[tuple[slice, Values, Values]]:
        """The decoded picture with a correction, as far as it can be believed, projected.

        Args:
            base, change: the decoded picture and the raw correction; called with rows, in 8-bit code values.
            trust: how far the correction is to be believed.

        Returns:
            the strips from top to bottom, without overlap: their rows; corrected pixels, not clipped; and the weights,
            0 to 1, of the correction in blocks of 8x8 pixels.
        """


class Reconstruction(NamedTuple):
    """A corrected picture.

    Attributes:
        pixels: of the decoded picture's shape.
        weights: float32 [ceil(H / 8), ceil(W / 8)], how far the correction was believed in each block; None where the
            bitstream tells nothing of that.
    """

    pixels: Pixels
    weights: Values | None = None


def reconstruct(
    base: Pixels,
    change: Change,
    consistency: Consistency | None = None,
    *,
    trust: Trust = BELIEVED,
    dtype: np.dtype[Any] | None = None,
) -> Reconstruction:
    """Adds a change to the decoded image.

    Args:
        base: [H, W, 3] or [H, W]; uint8, uint16, or float32 in [0, 1].
        change: what to add.
        consistency: if given, the sum is projected onto it before it is clipped and rounded.
        trust: how far the change is to be believed; without a consistency that judges it, only its factors count.
        dtype: of the result, one of those; the base's by default. A deeper one shows what rounding would take away.

    Returns:
        a new array of the base's shape, and where the change was believed.
    """

    def decoded(rows: slice) -> Values:
        return code_values(base[rows])

    out = np.empty(base.shape, dtype or base.dtype)
    weights: list[Values] = []
    for rows, values, *judged in _corrected(base.shape, decoded, change, consistency, trust):
        out[rows] = from_code_values(values, out.dtype)
        weights += judged
    return Reconstruction(out, np.concatenate(weights) if weights else None)


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


def _corrected(
    shape: tuple[int, ...], decoded: Change, change: Change, consistency: Consistency | None, trust: Trust
) -> Iterable[tuple[slice, Values] | tuple[slice, Values, Values]]:
    if isinstance(consistency, JudgingConsistency):
        return consistency.corrected_strips(decoded, change, trust)

    def strip(rows: slice) -> Values:
        return decoded(rows) + weigh(change(rows), trust)

    if consistency is not None:
        return [(slice(0, shape[0]), consistency.project(strip(slice(0, shape[0]))))]
    return ((rows, strip(rows)) for rows in bands(shape[0], shape[1]))


def weigh(change: Values, trust: Trust) -> Values:
    """A change [h, W, 3] RGB or [h, W] gray with the factors of luma and chroma; without chroma, R = G = B."""
    if change.ndim == 2 or trust.luma == trust.chroma:
        return change if trust.luma == 1 else change * np.float32(trust.luma)
    luma = (change @ _LUMA)[..., None]
    if trust.chroma == 0:
        return np.repeat(luma * np.float32(trust.luma), 3, axis=2)
    weighed: Values = np.float32(trust.luma) * luma + np.float32(trust.chroma) * (change - luma)
    return weighed


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
