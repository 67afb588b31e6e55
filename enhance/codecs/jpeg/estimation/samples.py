"""The part of a picture that is looked at: its luma, and the blocks in it that can tell something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.planes import DCT, transform
from enhance.images import Pixels

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Corners = npt.NDArray[np.int64]
"""[N, 2]: row and column of the first sample of each block."""
Offset = tuple[int, int]
"""Row and column where the first block of a grid begins."""
Variances = Callable[[Corners, npt.NDArray[np.int64]], Values]
"""Corners of blocks of one grid, and frequencies -> the noise of their coefficients there, [N, F]."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_MOST_SAMPLES = 1 << 20
_STRIP = 64
_MOST_AT_FIRST = 1 << 18
_TILE = 64, 256  # rows and columns
_APART = 8, 4  # rows and columns of the places at which neighbours are compared
_LARGEST_DIFFERENCE = 8  # more is an edge
_KEY = np.random.default_rng(0).standard_normal(63).astype(np.float32)

# Row-major numbers of the 64 frequencies, low ones first.
FREQUENCIES = np.array(sorted(range(64), key=lambda number: (number // 8 + number % 8, number)))


@dataclass(frozen=True)
class Sample:
    """Luma of a picture or of strips of it.

    Attributes:
        luma: float32 [h, w], code values minus 128, in whole numbers where the pixels are.
        clipped: [h, w], True where a channel is black or white, and where strips meet: there a decoder's rounding is
            not all that stands between the pixels and the coefficients.
        tolerated: how many of its samples may be clipped in a block that is looked at.
    """

    luma: Values
    clipped: Mask
    tolerated: int = 0

    @cached_property
    def usable(self) -> Mask:
        """[h - 7, w - 7]: True where no more samples than tolerated of the 8x8 block that begins there are clipped."""
        if self.tolerated == 0:
            return ~any_in_windows(self.clipped, 8)
        counts = np.zeros((self.luma.shape[0] + 1, self.luma.shape[1] + 1), np.int32)
        np.cumsum(np.cumsum(self.clipped, axis=0, dtype=np.int32), axis=1, out=counts[1:, 1:])
        return (counts[8:, 8:] - counts[:-8, 8:] - counts[8:, :-8] + counts[:-8, :-8]) <= self.tolerated

    def corners(self, offset: tuple[int, int]) -> Corners:
        """The usable blocks of the grid that begins at these rows and columns."""
        top, left = offset
        if min(self.luma.shape) < 16:
            return np.empty((0, 2), np.int64)
        return np.argwhere(self.usable[top::8, left::8]) * 8 + (top, left)

    def blocks(self, corners: Corners) -> Values:
        """[N, 64]: the samples of blocks."""
        windows = np.lib.stride_tricks.sliding_window_view(self.luma, (8, 8))
        return windows[corners[:, 0], corners[:, 1]].reshape(-1, 64)


def take_sample(pixels: Pixels) -> Sample:
    """The luma of a picture; of a large one strips of `_STRIP` rows, a megapixel altogether.

    Args:
        pixels: [H, W, 3] RGB or [H, W], uint8, uint16 or float32 in [0, 1].
    """
    height, width = pixels.shape[:2]
    if height * width <= _MOST_SAMPLES:
        return _sample(pixels)
    count = max(1, _MOST_SAMPLES // (_STRIP * width))
    tops = np.unique(np.linspace(0, height - _STRIP, count).astype(int) // 8 * 8)
    return _joined([_sample(pixels[top : top + _STRIP]) for top in tops])


def take_busy_part(pixels: Pixels) -> Sample:
    """The luma of a picture for a first look: of a large one the tiles in which neighbours differ most.

    Args:
        pixels: as in `take_sample`; above a quarter of a megapixel so much is taken.
    """
    height, width = pixels.shape[:2]
    if height * width <= _MOST_AT_FIRST:
        return _sample(pixels)
    rows, columns = min(_TILE[0], height // 8 * 8), min(_TILE[1], width // 8 * 8)
    busy = _differences(pixels, rows, columns)
    chosen = np.sort(np.argsort(-busy.ravel(), kind="stable")[: _MOST_AT_FIRST // (rows * columns)])
    corners = zip(*np.divmod(chosen, busy.shape[1]), strict=True)
    tiles = [_sample(pixels[rows * y : rows * (y + 1), columns * x : columns * (x + 1)]) for y, x in corners]
    return _joined(tiles)


def _differences(pixels: Pixels, rows: int, columns: int) -> Values:
    """How much neighbours differ in each of the whole tiles of some rows and columns, on average, edges aside."""
    plane = pixels if pixels.ndim == 2 else pixels[..., 1]
    down, right = pixels.shape[0] // rows, pixels.shape[1] // columns
    whole = plane[: down * rows, : right * columns]
    step_down, step_right = _APART
    here, there = (whole[::step_down, side::step_right].astype(np.float32) for side in (1, 2))
    changes = np.minimum(np.abs(here - there) * np.float32(255 / _white(pixels)), _LARGEST_DIFFERENCE)
    return np.asarray(changes.reshape(down, rows // step_down, right, columns // step_right).mean(axis=(1, 3)))


def _joined(parts: list[Sample]) -> Sample:
    """Parts of the same width, one below the other."""
    for part in parts:
        part.clipped[-1] = True
    return Sample(np.concatenate([part.luma for part in parts]), np.concatenate([part.clipped for part in parts]))


@dataclass(frozen=True)
class Views:
    """Parts of a picture that show its full height, its full width, and where it begins.

    Attributes:
        size: height and width of the picture.
        tall, wide: luma [H, w] and [h, W], from the picture's corner on.
        corner: the part where both begin; all of a small picture.
        far: the opposite part, and the row and column where it begins; None in a small picture.
    """

    size: tuple[int, int]
    tall: Values
    wide: Values
    corner: Sample
    far: tuple[Sample, tuple[int, int]] | None = None


def take_views(pixels: Pixels, taken: Sample) -> Views:
    """The views of a picture, a megapixel each.

    Args:
        pixels: as in `take_sample`.
        taken: a sample of it, which may be all of it.
    """
    height, width = pixels.shape[:2]
    if height * width <= _MOST_SAMPLES:
        whole = taken if taken.luma.shape == (height, width) else _sample(pixels)
        return Views((height, width), whole.luma, whole.luma, whole)
    side = int(_MOST_SAMPLES**0.5)
    tall, wide = (_luma(part) for part in (pixels[:, : _MOST_SAMPLES // height], pixels[: _MOST_SAMPLES // width]))
    begin = max(0, height - side), max(0, width - side)
    far = _sample(pixels[begin[0] :, begin[1] :]), begin
    return Views((height, width), tall, wide, _sample(pixels[:side, :side]), far)


def _sample(pixels: Pixels) -> Sample:
    channels = _channels(pixels)
    clipped = (channels.min(axis=0) <= 0) | (channels.max(axis=0) >= _white(pixels))
    return Sample(_luma_of(channels, 255 / _white(pixels)), clipped)


def _luma(pixels: Pixels) -> Values:
    """[h, w]: as `Sample.luma`."""
    return _luma_of(_channels(pixels), 255 / _white(pixels))


def _white(pixels: Pixels) -> int:
    return int(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1


def _channels(pixels: Pixels) -> npt.NDArray[Any]:
    """[1 or 3, h, w], in one piece each, which makes all that follows fast."""
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0))


def _luma_of(channels: npt.NDArray[Any], scale: float) -> Values:
    if len(channels) == 1:
        return np.asarray(channels[0] * np.float32(scale) - np.float32(128), np.float32)
    weights = _LUMA * np.float32(scale)
    luma: Values = channels[0] * weights[0] - np.float32(128)
    for channel, weight in zip(channels[1:], weights[1:], strict=True):
        luma += channel * weight
    # The decoder's luma were whole numbers, and three rounded channels tell them nearly always.
    return np.rint(luma, out=luma)


def any_in_windows(marked: Mask, side: int) -> Mask:
    """[..., h - side + 1, w - side + 1]: whether any sample is marked in the square that begins there.

    Args:
        marked: [..., h, w].
        side: a power of 2.
    """
    reach = 1
    while reach < side:
        marked = marked[..., reach:, :] | marked[..., :-reach, :]
        marked = marked[..., reach:] | marked[..., :-reach]
        reach *= 2
    return marked


def pick(sample: Sample, offset: tuple[int, int], most: int) -> tuple[Corners, Values]:
    """Up to `most` usable blocks of a grid, no two alike and none flat: corners [N, 2] and samples [N, 64]."""
    corners = sample.corners(offset)
    if len(corners) > most:
        corners = corners[np.arange(most) * len(corners) // most]
    blocks = sample.blocks(corners)
    kept = distinct(blocks - blocks[:, :1])
    return corners[kept], blocks[kept]


def distinct(rows: Values, groups: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
    """Which of rows [N, 64] to keep: one of those that are alike, none that begin with the only value they have.

    Copies, as drawings and screens are full of, are no further evidence.

    Args:
        rows: differences from their first values, or what else is zero where there is nothing to see.
        groups: [N], increasing; rows of different groups count as different. The result is then in their order.
    """
    keys = np.round(np.einsum("ij,j", rows[:, 1:], _KEY), 2)  # not a product of a library that starts threads
    if groups is None:
        _, first = np.unique(keys, return_index=True)
    else:
        order = np.lexsort((keys, groups))
        changes = np.diff(keys[order], prepend=np.nan) != 0
        changes |= np.diff(groups[order], prepend=-1) != 0
        first = order[changes]
    return first[rows[first, 1:].any(axis=1)]


def coefficients(blocks: Values, frequencies: npt.NDArray[np.int64]) -> Values:
    """[N, F]: orthonormal DCT coefficients of blocks at some frequencies."""
    return transform(blocks, np.ascontiguousarray(DCT[:, frequencies]))
