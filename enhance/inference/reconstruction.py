"""Adds a correction to the decoded pixels, takes the sum back to what the file allows, and rounds, band by band.

In the paper's letters: x̂ = x̃ + s(q) r, projected onto the originals that the bitstream stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from enhance.frames.blocks import BLOCK, to_pixels
from enhance.frames.depth import Values, code_values, from_code_values, row_bands
from enhance.images import BELIEVED, Consistency, Pixels, Trust

Change = Callable[[slice], Values]
"""Rows -> what is added to them, [h, W, 3] or [h, W], in 8-bit code values."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""BT.601, as JPEG has it (JFIF 1.02)."""


@runtime_checkable
class JudgingConsistency(Consistency, Protocol):
    """A file that tells where a correction cannot be right, so that it is believed block by block."""

    def corrected_strips(self, base: Change, change: Change, trust: Trust) -> Iterator[tuple[slice, Values, Values]]:
        """The decoded picture with a correction, as far as it can be believed, projected.

        Args:
            base, change: the decoded picture and the raw correction; called with rows, in 8-bit code values.
            trust: how far the correction is to be believed.

        Returns:
            the strips from top to bottom, without overlap: their rows; corrected pixels, not clipped; and the weights,
            0 to 1, of the correction in blocks of 8x8 pixels.
        """


@runtime_checkable
class SettlingConsistency(Consistency, Protocol):
    """A file that leaves but one original near an answer, for parts of some pictures."""

    def settle(self, pixels: Pixels) -> npt.NDArray[np.bool_] | None:
        """Sets blocks of 8x8 pixels to their original, in place, where the file leaves no other.

        Returns:
            bool [ceil(H / 8), ceil(W / 8)], which were set; None if that can be said of no part of the picture.
        """


class Reconstruction(NamedTuple):
    """A corrected picture, and where its correction was believed.

    Attributes:
        pixels: of the decoded picture's shape.
        weights: float32 [ceil(H / 8), ceil(W / 8)], how far the correction was believed in each block; None where
            neither bitstream nor pixels tell of that.
        settled: share of the picture, 0 to 1, that was set to what fits the file where nothing near it does.
    """

    pixels: Pixels
    weights: Values | None = None
    settled: float = 0.0


def reconstruct(
    base: Pixels,
    change: Change,
    consistency: Consistency | None = None,
    *,
    trust: Trust = BELIEVED,
    believed: Values | None = None,
    dtype: np.dtype[Any] | None = None,
    settle: bool = True,
) -> Reconstruction:
    """Adds a change to the decoded image, as far as it is believed and as the file allows.

    Args:
        base: [H, W, 3] or [H, W]; uint8, uint16, or float32 in [0, 1].
        change: what to add.
        consistency: if given, the sum is projected onto it before it is clipped and rounded.
        trust: how far the change is to be believed; without a consistency that judges it, only its factors count.
        believed: factors on the change, 0 to 1, for each block of 8x8 pixels [ceil(H / 8), ceil(W / 8)].
        dtype: of the result, one of those; the base's by default. A deeper one shows what rounding would take away.
        settle: whether the consistency may set what it leaves no choice about.

    Returns:
        a new array of the base's shape, and where the change was believed.
    """

    if believed is not None:
        change = _weighed_by_block(change, believed)

    def decoded(rows: slice) -> Values:
        return code_values(base[rows])

    out = np.empty(base.shape, dtype or base.dtype)
    weights: list[Values] = []
    for rows, values, *judged in _corrected(base.shape, decoded, change, consistency, trust):
        out[rows] = from_code_values(values, out.dtype)
        weights += judged
    found = np.concatenate(weights) if weights else believed
    settled = consistency.settle(out) if settle and isinstance(consistency, SettlingConsistency) else None
    if settled is None:
        return Reconstruction(out, found)
    return Reconstruction(out, None if found is None else np.maximum(found, settled), float(settled.mean()))


def _weighed_by_block(change: Change, weights: Values) -> Change:
    def weighed(rows: slice) -> Values:
        values = change(rows)
        height, width = values.shape[:2]
        first, above = divmod(rows.start, BLOCK)
        factors = to_pixels(weights[first : -(-rows.stop // BLOCK)], above + height, width)[above:]
        return values * (factors[..., None] if values.ndim == 3 else factors)

    return weighed


def _corrected(
    shape: tuple[int, ...], decoded: Change, change: Change, consistency: Consistency | None, trust: Trust
) -> Iterable[tuple[slice, Values] | tuple[slice, Values, Values]]:
    if isinstance(consistency, JudgingConsistency):
        return consistency.corrected_strips(decoded, change, trust)

    def strip(rows: slice) -> Values:
        return decoded(rows) + weigh(change(rows), trust)

    if consistency is not None:
        return [(slice(0, shape[0]), consistency.project(strip(slice(0, shape[0]))))]
    return ((rows, strip(rows)) for rows in row_bands(shape[0], shape[1]))


def weigh(change: Values, trust: Trust) -> Values:
    """A change with its luma and its chroma multiplied by their factors: [h, W, 3] RGB or [h, W] gray.

    Without chroma, R = G = B.
    """
    if change.ndim == 2 or trust.luma == trust.chroma:
        return change if trust.luma == 1 else change * np.float32(trust.luma)
    red, green, blue = (change[..., channel : channel + 1] for channel in range(3))
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    if trust.chroma == 0:
        return np.repeat(luma * np.float32(trust.luma), 3, axis=2)
    weighed: Values = np.float32(trust.luma) * luma + np.float32(trust.chroma) * (change - luma)
    return weighed
