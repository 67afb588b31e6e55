"""Pictures of two colours, which a JPEG gives back bit for bit: pages of 1 bit, dither, halftone, line art, codes.

Where every pixel is one of two colours, a block is 64 bits, and its quantised coefficients say far more than that. So
an enhanced picture can be turned into a hypothesis, the nearer of the two colours for each pixel, and the hypothesis be
put to the file:

1. *It fits*: coded as the file was, it gives the file's own coefficients, in all planes. Where it does not, single
   pixels are changed, the best first, until it does.
2. *Nothing near it fits*: neither a change of one pixel, nor an exchange of two neighbours, nor any other values of the
   eight pixels that are the least clear in the enhanced picture would give them, too. A block of which both can be said
   counts as proven. (It is no proof in the strict sense: something far from it might fit as well.)
3. *The picture is of two colours*: nearly all blocks with more than one value fit at once, and nearly all are proven.
   Photos and drawings with smooth edges fail here. Without that, nothing is changed.

What is proven is set to the two colours; other blocks stay as they are. The colours themselves are found from the means
of blocks, which an encoder rounds without a preference, unlike the other coefficients, of which it makes many 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg import planes
from enhance.codecs.jpeg.coefficients import Component, Layout
from enhance.codecs.jpeg.intervals import Array, Part
from enhance.frames.blocks import BLOCK, to_pixels
from enhance.frames.depth import code_values, from_code_values, row_bands
from enhance.images import Pixels

Flags = npt.NDArray[np.bool_]
Sums = npt.NDArray[np.float64]

_TOLERANCE = np.float32(1.0)
"""How far outside of its interval a coefficient still fits: what the integers of an encoder's DCT move, and more."""
_CONTRAST = 40.0
"""The least difference of the colours in the plane that decides, in code values."""
_TIGHT = 0.17
"""Distance of pixels (RMS) from the nearer colour, over the contrast, up to which a picture may be of two colours."""
_EXTREME = 3.0
"""A colour as near as this to black or white is black or white."""
_FIT_AT_ONCE, _PROVEN = 0.5, 0.9
"""Least shares of the blocks with more than one value that fit before any repair, and that are proven."""
_FEWEST = 4
"""Blocks with more than one value, below which a picture says too little."""
_MOST_REPAIRS = 32
_NEAR = 2
_UNCLEAR = 8  # pixels
_FINE = 16  # coefficients
_WRONG_MEAN = 3.0
_MOST_CONDITION = 1e9
_TURNS = 3
_KEPT = 1024  # blocks
_WHOLE_NEAR = 2
_SAMPLES, _ROUNDS = 1 << 16, 20
_CHUNK = 256  # blocks at a time: some ten megabytes


class Source(Protocol):
    """A file: its layout, and its coefficients strip by strip; `JpegConsistency` is one."""

    @property
    def layout(self) -> Layout: ...

    def strips(self) -> Iterator[tuple[slice, list[Part]]]: ...


@dataclass(frozen=True)
class TwoColours:
    """What a file proves of a picture of two colours.

    Attributes:
        colours: [2, C] in code values, C = 3 (RGB) or 1 (gray).
        bright: bool [H, W], which pixels have the second.
        proven: bool [ceil(H / 8), ceil(W / 8)], blocks of which that is proven.
    """

    colours: Array
    bright: Flags
    proven: Flags

    @property
    def share(self) -> float:
        """The share of the picture that is proven."""
        return float(self.proven.mean())

    def put_into(self, pixels: Pixels) -> None:
        """Sets what is proven in a picture as `prove` takes them."""
        palette = from_code_values(self.colours, pixels.dtype).reshape(2, *pixels.shape[2:])
        for rows in row_bands(pixels.shape[0], pixels.shape[1], BLOCK):
            blocks = self.proven[rows.start // BLOCK : -(-rows.stop // BLOCK)]
            proven = to_pixels(blocks, rows.stop - rows.start, pixels.shape[1])
            pixels[rows][proven] = palette[self.bright[rows].astype(np.intp)][proven]


def prove(pixels: Pixels, source: Source) -> TwoColours | None:
    """Proves an enhanced picture to be one of two colours, where it is.

    Args:
        pixels: [H, W, 3] RGB or [H, W] gray; uint8, uint16, or float32 in [0, 1].
        source: the file that it was decoded from.

    Returns:
        what is proven; None if the picture is not one of two colours, or the file does not tell.

    Raises:
        DecodeError: the coefficients cannot be read.
    """
    layout = source.layout
    decider = _decider(pixels, layout) if layout.is_rounded else None
    if decider is None:
        return None
    bright = np.concatenate([decider.values(pixels[rows]) > 0 for rows in row_bands(*pixels.shape[:2])])
    levels, proof = _levels(bright, source), None
    for _ in range(_TURNS):
        if levels is None or abs(np.ptp(levels[decider.index])) < _CONTRAST:
            return None
        proof = _put_to_file(pixels, bright, levels, decider, source)
        again = _levels(bright, source)  # of the pixels that were set right
        if proof is None or (again is not None and (again == levels).all()):
            break
        levels = again
    if proof is None or proof.share < _PROVEN or levels is None:
        return None
    return TwoColours(_colours(levels, layout.is_rgb), bright, proof.blocks)


@dataclass(frozen=True)
class _Decider:
    """The plane that decides which colour a pixel has, and the border between them."""

    index: int
    border: float
    is_rgb: bool

    def values(self, pixels: Pixels) -> Array:
        """Rows of the picture, as far above the border as they are, [h, W]."""
        return planes.split_planes(code_values(pixels), self.is_rgb)[self.index] - np.float32(self.border)


def _decider(pixels: Pixels, layout: Layout) -> _Decider | None:
    """The plane in which the colours differ most; None where there are hardly two of them."""
    places = np.random.default_rng(0).integers(0, pixels.shape[:2], (_SAMPLES, 2)).T
    some = planes.split_planes(code_values(pixels[places[0], places[1]][None]), layout.is_rgb)
    whole = [index for index, each in enumerate(layout.components) if each.ratio == (1, 1)]
    if not whole:
        return None
    clusters = {index: _clusters(some[index].ravel()) for index in whole}
    index = max(whole, key=lambda index: clusters[index].contrast)
    best = clusters[index]
    if best.contrast < _CONTRAST or best.spread > _TIGHT * best.contrast:
        return None
    return _Decider(index, best.border, layout.is_rgb)


class _Clusters(NamedTuple):
    """Two clusters of values: the distance of their means, its middle, and the values' distance (RMS) from theirs."""

    contrast: float
    border: float
    spread: float


def _clusters(values: Array) -> _Clusters:
    """Two means, from the middle of the range on (Ridler and Calvard 1978)."""
    low, high = float(values.min()), float(values.max())
    for _ in range(_ROUNDS):
        bright = values > (low + high) / 2
        if bright.all() or not bright.any():
            break
        low, high = float(values[~bright].mean()), float(values[bright].mean())
    border = (low + high) / 2
    distance = values - np.where(values > border, high, low)
    return _Clusters(high - low, border, float(np.sqrt(np.square(distance).mean())))


def _levels(bright: Flags, source: Source) -> Array | None:
    """Both colours' values in each plane, [planes, 2] level-shifted; None where means of blocks do not mix from two.

    Every coefficient is the one of the second colour's shares times the difference of the colours; the first one has 8
    times the first colour beside it. Coefficients that became 0 are left out, since most of them were not.
    """
    lines = [_Line(component) for component in source.layout.components]
    for rows, parts in source.strips():
        mask = bright[rows].astype(np.float32)
        for part, line in zip(parts, lines, strict=True):
            shares = planes.to_blocks(planes.box_means(mask, part.component.ratio))
            line.add(planes.transform(shares, planes.DCT), part.centres)
    found = [line.solve() for line in lines]
    if None in found:
        return None
    levels = np.array(found, np.float32)
    # Black and white are by far the most likely, and not everywhere told from colours next to them.
    colours = _colours(levels, source.layout.is_rgb)
    extreme = np.isin(colours, (0, 255)).all(axis=1) & (np.ptp(colours, axis=1) == 0)
    picture = colours[:, None] if colours.shape[1] == 3 else colours  # of two rows
    exact = np.stack(planes.split_planes(picture, source.layout.is_rgb))[..., 0]
    levels[:, extreme] = np.rint(exact[:, extreme])
    return levels


class _Line:
    """The two values of one plane: least squares over its coefficients, then the whole numbers that fit best."""

    def __init__(self, component: Component) -> None:
        self._steps = component.steps.reshape(64).astype(np.float64)
        self._matrix, self._right = np.zeros((2, 2)), np.zeros(2)
        self._means: list[Sums] = []
        self._kept: list[tuple[Array, Array]] = []

    def add(self, shares: Array, found: Array) -> None:
        """Takes blocks: the coefficients of the second colour's shares, and the file's, [N, 64] both."""
        weights = (found != 0) / self._steps**2  # a coefficient is as sure as its step is fine
        weights[:, 0] = 1 / self._steps[0] ** 2
        one = np.zeros(64)
        one[0] = 8  # the mean of a block is an eighth of its first coefficient
        for row, left in enumerate((one, shares)):
            self._right[row] += (weights * left * found).sum()
            for column, right in enumerate((one, shares)):
                self._matrix[row, column] += (weights * left * right).sum()
        self._means.append(np.stack([shares[:, 0], found[:, 0]]).astype(np.float64))
        if sum(len(kept) for kept, _ in self._kept) < _KEPT:
            varied = np.abs(shares[:, 1:]).max(axis=1) > 1e-3
            for which in (np.flatnonzero(varied)[:_KEPT], np.flatnonzero(~varied)[: _KEPT // 4]):
                self._kept.append((shares[which], found[which]))

    def solve(self) -> tuple[int, int] | None:
        """The values of both colours, whole as an encoder has them; None where they do not explain the means."""
        if np.linalg.cond(self._matrix) > _MOST_CONDITION:
            return None
        low, difference = np.linalg.solve(self._matrix, self._right)
        shares, means = np.concatenate(self._means, axis=1)
        rest = (means - 8 * low - difference * shares) / 8
        # A mean is rounded to the nearest that the file can say, and some pixels are still wrong.
        if np.sqrt(np.square(rest).mean()) > self._steps[0] / 16 + _WRONG_MEAN:
            return None
        lows, highs = (range(round(at) - _WHOLE_NEAR, round(at) + _WHOLE_NEAR + 1) for at in (low, low + difference))
        pairs = [(at_low, at_high) for at_low in lows for at_high in highs]
        return min(pairs, key=lambda pair: self._misfit(*pair) + _far(pair, low, low + difference))

    def _misfit(self, low: int, high: int) -> float:
        """How far outside of their intervals the coefficients of the kept blocks are, squared, in steps."""
        misfit = 0.0
        for shares, found in self._kept:
            distances = shares * np.float32(high - low) - found
            distances[:, 0] += 8 * low
            outside = np.clip(np.abs(distances) / self._steps - 0.5, 0, 0.5)  # wrong pixels should not count for more
            misfit += float(np.einsum("nk,nk->", outside, outside))
        return misfit


def _far(pair: tuple[int, int], low: float, high: float) -> float:
    """What being away from the least squares costs: something where all else is equal."""
    return 1e-3 * ((pair[0] - low) ** 2 + (pair[1] - high) ** 2)


def _colours(levels: Array, is_rgb: bool) -> Array:
    """The colours [2, C] whose planes have these values, in whole code values."""
    shifted = [values + (128 if is_rgb or not index else 0) for index, values in enumerate(levels[:, None])]
    colours = planes.join_changes(shifted, is_rgb)[0].reshape(2, -1)
    for end in (0, 255):
        colours[(np.abs(colours - end) <= _EXTREME).all(axis=1)] = end
    return np.clip(np.rint(colours), 0, 255).astype(np.float32)


class _Proof(NamedTuple):
    """Blocks that are proven [rows, columns], and the share of those with more than one value that are."""

    blocks: Flags
    share: float


def _put_to_file(pixels: Pixels, bright: Flags, levels: Array, decider: _Decider, source: Source) -> _Proof | None:
    """Puts a hypothesis to the file, with single pixels of `bright` set right; None: too little of it fits at once."""
    proven: list[Flags] = []
    varied = at_once = all_proven = 0
    for rows, parts in source.strips():
        blocks = _Blocks.of(bright[rows], parts[decider.index], levels[decider.index])
        varied += int(blocks.varied.sum())
        at_once += int((blocks.fits & blocks.varied).sum())
        if at_once < _FIT_AT_ONCE * varied and varied >= _FEWEST:
            return None
        if blocks.repair():
            bright[rows] = planes.from_blocks(blocks.bright.astype(np.float32), bright[rows].shape) > 0
            blocks = _Blocks.of(bright[rows], parts[decider.index], levels[decider.index])  # as cut at the edges
        fits = blocks.fits
        found = np.zeros_like(fits)
        found[fits] = blocks.rows(fits).is_alone(planes.to_blocks(np.abs(decider.values(pixels[rows])))[fits])
        grid = parts[decider.index].indices.shape[:2]
        found = found.reshape(grid)
        for index, part in enumerate(parts):
            if index != decider.index:
                found &= _fits_plane(bright[rows], part, levels[index], *grid)
        all_proven += int((found.ravel() & blocks.varied).sum())
        proven.append(found)
    return _Proof(np.concatenate(proven), all_proven / varied) if varied >= _FEWEST else None


def _fits_plane(bright: Flags, part: Part, levels: Array, rows: int, columns: int) -> Flags:
    """Whether another plane fits, for each block [rows, columns] of the deciding one."""
    share = planes.to_blocks(planes.box_means(bright.astype(np.float32), part.component.ratio))
    distances = planes.transform(levels[0] + share * (levels[1] - levels[0]), planes.DCT) - part.centres
    fits = (np.abs(distances) <= part.reach + _TOLERANCE).all(axis=1).reshape(part.indices.shape[:2])
    down, across = part.component.ratio
    return np.repeat(np.repeat(fits, down, axis=0), across, axis=1)[:rows, :columns]


@dataclass
class _Blocks:
    """Blocks of the deciding plane as a hypothesis has them.

    Attributes:
        bright: bool [N, 64], pixels that have the second colour.
        distances: [N, 64], of their coefficients from the file's.
        reach: [64], up to where a coefficient fits.
        contrast: of the colours.
        varied: bool [N], blocks that have more than one value, by the hypothesis or by the file.
    """

    bright: Flags
    distances: Array
    reach: Array
    contrast: float
    varied: Flags

    @classmethod
    def of(cls, bright: Flags, part: Part, levels: Array) -> _Blocks:
        blocks = planes.to_blocks(bright.astype(np.float32))
        contrast = float(levels[1] - levels[0])
        distances = planes.transform(levels[0] + blocks * np.float32(contrast), planes.DCT) - part.centres
        flags: Flags = blocks > 0
        varied: Flags = np.any(flags != flags[:, :1], axis=1)
        varied |= np.any(part.indices.reshape(-1, 64)[:, 1:], axis=1)
        return cls(flags, distances, part.reach + _TOLERANCE, contrast, varied)

    @property
    def fits(self) -> Flags:
        """bool [N]: whether the file has just these coefficients."""
        fits: Flags = np.all(np.abs(self.distances) <= self.reach, axis=1)
        return fits

    def rows(self, which: Flags) -> _Blocks:
        """Some of them."""
        return _Blocks(self.bright[which], self.distances[which], self.reach, self.contrast, self.varied[which])

    def flips(self, which: npt.NDArray[np.intp]) -> Array:
        """[n, 64]: what changing each pixel of some blocks adds to it."""
        return np.where(self.bright[which], -self.contrast, self.contrast).astype(np.float32)

    def repair(self) -> bool:
        """Changes pixels of the blocks that do not fit, each time the one that helps most; says whether any did not."""
        wrong = np.flatnonzero(~self.fits)
        for moving in _chunks(wrong):
            for _ in range(_MOST_REPAIRS):
                if not len(moving):
                    break
                changed = self.distances[moving][:, None] + self.flips(moving)[..., None] * planes.DCT
                costs = self._cost(changed)
                best, each = costs.argmin(axis=1), np.arange(len(moving))
                helps = costs[each, best] < self._cost(self.distances[moving])
                moving, best, changed = moving[helps], best[helps], changed[each[helps], best[helps]]
                self.bright[moving, best] ^= True
                self.distances[moving] = changed
                moving = moving[self._cost(changed) > 0]
        return bool(len(wrong))

    def _cost(self, distances: Array) -> Array:
        outside = np.abs(distances) - self.reach
        np.maximum(outside, 0, out=outside)
        cost: Array = np.einsum("...k,...k->...", outside, outside)
        return cost

    def is_alone(self, clearness: Array) -> Flags:
        """bool [N], of blocks that fit: whether nothing near them does.

        Args:
            clearness: [N, 64], how sure each pixel was before anything was put to the file.
        """
        # A change of n pixels has the energy n contrast² in the coefficients too: above this there is no room for one.
        room = np.abs(self.distances) + self.reach
        has_room: Flags = np.einsum("nk,nk->n", room, room) >= self.contrast**2
        alone = ~has_room
        first, second = _NEIGHBOURS.T
        for which in _chunks(np.flatnonzero(~alone)):
            flips = self.flips(which)
            alone[which] = ~self._near(which)(flips[:, :, None], planes.DCT)
        for which in _chunks(np.flatnonzero(alone & self.varied & has_room)):
            flips, near = self.flips(which), self._near(which)
            exchanges = np.where(flips[:, first] != flips[:, second], flips[:, first], np.float32(np.nan))
            fits = near(exchanges[:, :, None], planes.DCT[first] - planes.DCT[second])
            unclear = np.argpartition(clearness[which], _UNCLEAR, axis=1)[:, :_UNCLEAR]
            changes = np.take_along_axis(flips, unclear, axis=1)[:, :, None] * planes.DCT[unclear]
            alone[which] = ~(fits | near(np.float32(1), np.matmul(_SUBSETS, changes)))
        return alone

    def _near(self, which: npt.NDArray[np.intp]) -> Callable[[Array | np.float32, Array], Flags]:
        """Of some blocks: whether any of a block's changes ([n, m, 1] times [m, 64] or [n, m, 64]) leaves it fit."""
        distances = self.distances[which][:, None]
        order = np.argsort(self.reach)
        fine, coarse = order[:_FINE], order[_FINE:]  # most changes are seen in the finest coefficients

        def near(signs: Array | np.float32, changes: Array) -> Flags:
            moved = distances[..., fine] + signs * changes[..., fine]
            block, change = np.nonzero((np.abs(moved) <= self.reach[fine]).all(axis=2))
            of = np.broadcast_to(changes, (len(which), *changes.shape[-2:]))[block[:, None], change[:, None], coarse]
            sign = np.broadcast_to(signs, (*moved.shape[:2], 1))[block, change]
            inside = (np.abs(distances[block, 0][:, coarse] + sign * of) <= self.reach[coarse]).all(axis=1)
            fits = np.zeros(len(which), bool)
            fits[block[inside]] = True
            return fits

        return near


def _chunks(indices: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    return (indices[start : start + _CHUNK] for start in range(0, len(indices), _CHUNK))


def _neighbours() -> npt.NDArray[np.intp]:
    """[n, 2]: pairs of pixels of a block that are next to each other, or with one between."""
    rows, columns = np.mgrid[:8, :8].reshape(2, 64)
    down, across = rows[None] - rows[:, None], np.abs(columns[None] - columns[:, None])
    near = (np.abs(down) <= _NEAR) & (across <= _NEAR) & (np.arange(64)[None] > np.arange(64)[:, None])
    return np.argwhere(near)


_NEIGHBOURS = _neighbours()
_SUBSETS = ((np.arange(1, 2**_UNCLEAR)[:, None] >> np.arange(_UNCLEAR)) & 1).astype(np.float32)
"""[m, n]: all choices of some of n pixels."""
