"""Tiles that give the same picture as no tiles.

The network is convolutional without any normalisation over space, so an output pixel depends on no input further away
than `receptive_radius`. Each tile is computed on a window that is larger by at least that much, and only its core is
kept. Windows are clipped at the picture's border, where the network's zero padding is what the whole picture gets, too.

        picture                    window of tile B = core + halo
      +---------+---------+        . . . . . . . . . .
      |         |         |            +---------+     .
      |    A    |    B    |        .   |  core   |
      |         |         |            |  of B   |     .
      +---------+---------+        .   +---------+
                                   . . . . . . . . . .

When samples are drawn, every step is done for all tiles before the next one begins: the cores of the predictions are
put together, the sampler updates the state of the whole picture, and the next step's windows are cut from that state.
So neighbours always see the same state and the same noise, finished tiles never meet, and there is nothing to blend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MIN_TILE = 64


class Box(NamedTuple):
    """A rectangle of pixels; bottom and right are exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def area(self) -> int:
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def inside(self, outer: Box) -> Box:
        """The same rectangle in the coordinates of one that holds it."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)


class Tile(NamedTuple):
    """One piece of a picture: the network sees all of `window`, and only its answer for `core` is kept."""

    core: Box
    window: Box


def padded(length: int, stride: int) -> int:
    """The next multiple of the network's stride."""
    return ceil(length / stride) * stride


@dataclass(frozen=True)
class TilePlan:
    """How a picture is cut into tiles: cores that cover it without overlap, and a window around each.

    Attributes:
        rows: borders of the cores from 0 to the padded height, multiples of `stride`.
        columns: borders from 0 to the padded width.
        halo: pixels around a core, a multiple of `stride`.
        stride: of the network; the code blocks' grid stays anchored at (0, 0) because windows start on it.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    halo: int
    stride: int

    @classmethod
    def with_tiles(cls, height: int, width: int, tile: int, radius: int, stride: int) -> TilePlan:
        """Cores with sides of at most `tile` (rounded up to the stride), as even as they can be; 0: one piece."""
        side = padded(tile, stride) or max(padded(height, stride), padded(width, stride))
        rows, columns = (_even(padded(length, stride), ceil(length / side), stride) for length in (height, width))
        return cls(rows, columns, padded(radius, stride), stride)

    @classmethod
    def within(
        cls, height: int, width: int, affordable: Callable[[int, int], bool], radius: int, stride: int
    ) -> TilePlan:
        """The plan that computes the fewest pixels with affordable windows, given their height and width.

        Where not even tiles of the minimal size fit, these are used.
        """
        smallest = cls.with_tiles(height, width, MIN_TILE, radius, stride)
        best = smallest
        for down in range(1, len(smallest.rows)):
            rows = _even(padded(height, stride), down, stride)
            tallest = cls(rows, (0, padded(width, stride)), smallest.halo, stride).max_window.height
            for across in range(1, len(smallest.columns)):
                plan = cls(rows, _even(padded(width, stride), across, stride), smallest.halo, stride)
                if affordable(tallest, plan.max_window.width):
                    best = min(best, plan, key=lambda candidate: candidate.pixels)
                    break
        return best

    @property
    def tile(self) -> int:
        """Side of the largest core; 0: the picture in one piece."""
        if len(self.rows) == len(self.columns) == 2:
            return 0
        return max(b - a for borders in (self.rows, self.columns) for a, b in pairwise(borders))

    @property
    def max_window(self) -> Box:
        """A rectangle at the origin that is as high and as wide as the largest windows."""
        height, width = (max(b - a for a, b in self._windows(borders)) for borders in (self.rows, self.columns))
        return Box(0, 0, height, width)

    @property
    def pixels(self) -> int:
        """Pixels that go through the network, halos included."""
        height, width = (sum(b - a for a, b in self._windows(borders)) for borders in (self.rows, self.columns))
        return height * width

    def _windows(self, borders: tuple[int, ...]) -> list[tuple[int, int]]:
        return [(max(0, a - self.halo), min(borders[-1], b + self.halo)) for a, b in pairwise(borders)]

    def __iter__(self) -> Iterator[Tile]:
        columns = list(zip(pairwise(self.columns), self._windows(self.columns), strict=True))
        for (top, bottom), (above, below) in zip(pairwise(self.rows), self._windows(self.rows), strict=True):
            for (left, right), (before, after) in columns:
                yield Tile(Box(top, left, bottom, right), Box(above, before, below, after))

    def smaller(self) -> TilePlan | None:
        """The plan with twice as many tiles along the longer side of a core; None where they cannot be smaller."""
        tallest, widest = (max(b - a for a, b in pairwise(borders)) for borders in (self.rows, self.columns))
        if max(tallest, widest) <= MIN_TILE:
            return None
        if tallest >= widest:
            halved = _even(self.rows[-1], 2 * (len(self.rows) - 1), self.stride)
            return TilePlan(halved, self.columns, self.halo, self.stride)
        halved = _even(self.columns[-1], 2 * (len(self.columns) - 1), self.stride)
        return TilePlan(self.rows, halved, self.halo, self.stride)


def _even(length: int, parts: int, stride: int) -> tuple[int, ...]:
    """Borders of at most `parts` nearly equal parts of a padded length."""
    units = length // stride
    parts = min(parts, units)
    return tuple(units * index // parts * stride for index in range(parts + 1))


def padding_index(start: int, stop: int, length: int) -> npt.NDArray[np.intp]:
    """Which row (or column) of the picture stands at start..stop of the padded picture.

    Beyond the end rows are reflected, d c b | c d; where the picture is too small for that its first row is repeated.
    """
    index = np.arange(start, stop)
    return np.where(index < length, index, np.maximum(2 * (length - 1) - index, 0))


def crop_padded(pixels: npt.NDArray[np.generic], box: Box) -> npt.NDArray[np.generic]:
    """A window of the padded picture from the unpadded one.

    Args:
        pixels: [H, W, ...] of any dtype, H and W from 1 on.
        box: a rectangle that starts inside the padded picture.

    Returns:
        [box.height, box.width, ...]; a view where nothing had to be padded.
    """
    height, width = pixels.shape[:2]
    if box.bottom <= height and box.right <= width:
        return pixels[box.slices]
    rows, columns = padding_index(box.top, box.bottom, height), padding_index(box.left, box.right, width)
    return pixels[rows[:, None], columns]


def crop_padded_images(images: Tensor, box: Box) -> Tensor:
    """A window of padded pictures of one size, likewise: [N, C, H, W] to [N, C, box.height, box.width]."""
    height, width = images.shape[2:]
    if box.bottom <= height and box.right <= width:
        rows, columns = box.slices
        return images[:, :, rows, columns]
    indices = padding_index(box.top, box.bottom, height), padding_index(box.left, box.right, width)
    rows_of, columns_of = (torch.from_numpy(index).to(images.device) for index in indices)
    return images[:, :, rows_of[:, None], columns_of]
