"""The two colours of a picture, from which pixels have which and the coefficients of its file.

Every coefficient of a block is that of the second colour's shares times the difference of the colours; the first one
has 8 times the first colour beside it. So a plane's two values are a straight line through its coefficients, and then
the whole numbers near it with which most of them lie in their intervals. Black and white are by far the most likely
colours, and are taken where they are next to these, or fit as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg import planes
from enhance.codecs.jpeg.coefficients import Component, Layout
from enhance.codecs.jpeg.intervals import Array, Part

Flags = npt.NDArray[np.bool_]
Sums = npt.NDArray[np.float64]
Strips = Sequence[tuple[slice, list[Part]]]
"""Rows of pixels, and what the file says of each plane there."""

_SEARCHED = 2  # whole numbers on both sides of the line's values that are tried
_MOST_BLOCKS = 0.9  # the others may hold something else, a logo or a photo
_WRONG_MEAN = 3.0  # code values by which wrong pixels move the means of most blocks, at most
_KEPT = 1024  # blocks with both colours on which whole numbers are tried; a quarter of it of the others
_SAME = 0.05  # difference of misfits that says nothing, in squared steps
_NEXT, _EXTREME = 3.0, 24.0  # code values from which black or white are taken, and tried, for a colour
_SINGULAR = 1e9  # condition of a line's equations


@dataclass(frozen=True)
class Levels:
    """What an encoder made of two colours.

    Attributes:
        values: [planes, 2] level-shifted, whole numbers.
        colours: [2, C] in code values.
        sure: no others that differ by more than 1 in a plane fit as well.
    """

    values: Array
    colours: Array
    sure: bool


def find_levels(bright: Flags, strips: Strips, layout: Layout, where: Flags | None = None) -> Levels | None:
    """Finds the colours.

    Args:
        bright: bool [H, W], which pixels have the second colour.
        strips: the file's coefficients.
        layout: of its planes.
        where: bool [ceil(H / 8), ceil(W / 8)], blocks of which `bright` is known; by default all.

    Returns:
        the colours; None where the file's blocks are no mixtures of two.
    """
    lines = [_Line(component) for component in layout.components]
    for rows, parts in strips:
        mask = bright[rows].astype(np.float32)
        known = None if where is None else where[rows.start // 8 : -(-rows.stop // 8)]
        for part, line in zip(parts, lines, strict=True):
            shares = planes.to_blocks(planes.box_means(mask, part.component.ratio))
            chosen = slice(None) if known is None else _boxes(known, part.component.ratio).ravel()
            line.add(planes.transform(shares[chosen], planes.DCT), part.centres[chosen])
    found = [line.solve() for line in lines]
    if None in found:
        return None
    values, fixed = _with_extremes(np.array(found, np.float32), lines, layout.is_rgb)
    sure = all(line.is_sure(pair, fixed) for line, pair in zip(lines, values.tolist(), strict=True))
    return Levels(values, _colours(values, layout.is_rgb), sure)


def _boxes(known: Flags, ratio: tuple[int, int]) -> Flags:
    """Blocks of a plane of which all luma blocks are known."""
    rows, columns = ratio
    padded = np.pad(known, [(0, -known.shape[0] % rows), (0, -known.shape[1] % columns)], constant_values=True)
    boxes = padded.reshape(padded.shape[0] // rows, rows, padded.shape[1] // columns, columns)
    return np.asarray(boxes.all(axis=(1, 3)))


class _Line:
    """The two values of one plane."""

    def __init__(self, component: Component) -> None:
        self._steps = component.steps.reshape(64).astype(np.float64)
        self._stride = 1 + component.grid[0] * component.grid[1] // (8 * _KEPT)
        self._matrix, self._right = np.zeros((2, 2)), np.zeros(2)
        self._means: list[Sums] = []
        self._kept: list[tuple[Array, Array]] = []

    def add(self, shares: Array, found: Array) -> None:
        """Takes blocks: the coefficients of the second colour's shares, and the file's, [N, 64] both."""
        # A coefficient is as sure as its step is fine. What became 0 pulls the line flat, and is left out.
        weights = (found != 0) / self._steps**2
        weights[:, 0] = 1 / self._steps[0] ** 2
        one = np.zeros(64)
        one[0] = 8  # the mean of a block is an eighth of its first coefficient
        for row, left in enumerate((one, shares)):
            self._right[row] += (weights * left * found).sum()
            for column, right in enumerate((one, shares)):
                self._matrix[row, column] += (weights * left * right).sum()
        self._means.append(np.stack([shares[:, 0], found[:, 0]]).astype(np.float64))
        varied = np.abs(shares[:, 1:]).max(axis=1, initial=0) > 1e-3
        for which in (np.flatnonzero(varied)[:: self._stride], np.flatnonzero(~varied)[:: 4 * self._stride]):
            self._kept.append((shares[which], found[which]))

    def solve(self) -> tuple[int, int] | None:
        """The values of both colours; None where they do not explain the means of blocks."""
        shares, means = np.concatenate(self._means, axis=1)
        if not self._matrix.any() or np.linalg.cond(self._matrix) > _SINGULAR:
            # Equal mixtures everywhere. Without any chroma both colours are neutral; otherwise there is no telling.
            nothing = not means.any() and not any(found.any() for _, found in self._kept)
            return (0, 0) if nothing and means.size else None
        low, difference = np.linalg.solve(self._matrix, self._right)
        rest = (means - 8 * low - difference * shares) / 8
        if np.quantile(np.abs(rest), _MOST_BLOCKS) > self._steps[0] / 16 + _WRONG_MEAN:
            return None
        line = low, low + difference
        return min(_around(*line), key=lambda pair: self.misfit(*pair) + _far(pair, line))

    def misfit(self, low: float, high: float) -> float:
        """How far outside of their intervals the coefficients of the kept blocks are, squared, in steps."""
        misfit = 0.0
        for shares, found in self._kept:
            distances = shares * np.float32(high - low) - found
            distances[:, 0] += 8 * low
            outside = np.clip(np.abs(distances) / self._steps - 0.5, 0, 0.5)  # wrong pixels should not count for more
            misfit += float(np.einsum("nk,nk->", outside, outside))
        return misfit

    def is_sure(self, pair: Sequence[float], fixed: Sequence[bool]) -> bool:
        """Whether pairs that differ by more than 1, in what is not fixed, fit less well."""
        most = self.misfit(*pair) + _SAME
        others = [
            other
            for other in _around(*pair)
            if not any(fix and at != own for fix, at, own in zip(fixed, other, pair, strict=True))
            and max(abs(at - own) for at, own in zip(other, pair, strict=True)) > 1
        ]
        return all(self.misfit(*other) > most for other in others)


def _far(pair: tuple[int, int], line: tuple[float, float]) -> float:
    """What being away from the line costs: something where all else is equal."""
    return 1e-3 * ((pair[0] - line[0]) ** 2 + (pair[1] - line[1]) ** 2)


def _around(low: float, high: float) -> list[tuple[int, int]]:
    """Whole numbers near two values."""
    lows, highs = (range(round(at) - _SEARCHED, round(at) + _SEARCHED + 1) for at in (low, high))
    return list(product(lows, highs))


def _with_extremes(values: Array, lines: Sequence[_Line], is_rgb: bool) -> tuple[Array, list[bool]]:
    """The same with black and white where they fit as well, and for which of both colours that is so."""
    fixed = [False, False]
    least = _misfit(lines, values)
    for colour, end in product((0, 1), (0, 255)):
        extreme = np.full((1, 1, 3), end, np.float32) if len(values) == 3 else np.full((1, 1), end, np.float32)
        planes_of = np.rint([plane.item() for plane in planes.split_planes(extreme, is_rgb)])
        distance, tried = np.abs(values[:, colour] - planes_of).max(), values.copy()
        tried[:, colour] = planes_of
        fits_as_well = distance <= _EXTREME and _misfit(lines, tried) <= least + _SAME * len(lines)
        if distance <= _NEXT or fits_as_well:
            values, fixed[colour] = tried, True
    return values, fixed


def _misfit(lines: Sequence[_Line], values: Array) -> float:
    return sum(line.misfit(*pair) for line, pair in zip(lines, values.tolist(), strict=True))


def _colours(values: Array, is_rgb: bool) -> Array:
    """The colours [2, C] whose planes have these values, in whole code values."""
    shifted = [plane + (128 if is_rgb or not index else 0) for index, plane in enumerate(values[:, None])]
    colours = planes.join_changes(shifted, is_rgb)[0].reshape(2, -1)
    return np.clip(np.rint(colours), 0, 255).astype(np.float32)
