"""Pictures of two colours, which a JPEG gives back bit for bit: pages of 1 bit, dither, halftone, line art, codes.

Where every pixel is one of two colours, a block is 64 bits, and its quantised coefficients say far more than that. So
an enhanced picture can be turned into a hypothesis, the nearer of the two colours for each pixel, and the hypothesis be
put to the file:

1. *It fits*: coded as the file was, it gives the file's own coefficients, in all planes. Where it does not, single
   pixels are changed, the best first, until it does.
2. *Nothing near it fits*: no change of one pixel would give them, too; nor, in a block with both colours, an exchange
   of two pixels that are neighbours or have one between them, or any other values of the eight pixels that are the
   least clear in the enhanced picture. (All that in the plane in which the colours differ most.) A block of which both
   can be said counts as proven. Where the tables are fine enough it is: no other block of these two colours has room in
   the intervals. At coarse ones something far from it might fit, too, or a third colour in a few pixels.
3. *The picture is of two colours*: half of all blocks with more than one value fit at once, nine in ten are proven, and
   their colours are sure. Photos and drawings with smooth edges fail here. Without that, nothing is changed.

What is proven is set to the two colours; other blocks stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg import planes
from enhance.codecs.jpeg.coefficients import Layout
from enhance.codecs.jpeg.colour_levels import Flags, Levels, Strips, find_levels
from enhance.codecs.jpeg.intervals import Array, Part
from enhance.frames.blocks import BLOCK, to_pixels
from enhance.frames.depth import code_values, from_code_values, row_bands
from enhance.images import Pixels

_TOLERANCE = np.float32(1.0)
"""How far outside of its interval a coefficient still fits: what the integers of an encoder's DCT move, and more."""
_CONTRAST = 40.0
"""The least difference of the colours in the plane that decides, in code values."""
_TIGHT = 0.17
"""Distance of pixels (RMS) from the nearer colour, over the contrast, up to which a picture may be of two colours."""
_FIT_AT_ONCE, _PROVEN = 0.5, 0.9
"""Least shares of the blocks with more than one value that fit before any repair, and that are proven."""
_FEWEST = 4
"""Blocks with more than one value, below which a picture says too little."""
_MOST_REPAIRS = 32  # pixels of a block: with more of them wrong the answer says nothing
_TURNS = 4  # of finding the colours and setting pixels right; two are usual
_EXCHANGED = 2  # pixels' distance on each axis up to which two are exchanged
_UNCLEAR = 8  # pixels of a block
_FINEST = 16  # coefficients, in which most changes are seen
_SAMPLES, _ROUNDS = 1 << 16, 20  # pixels, and turns of the two means
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
    decider = _decider(pixels, layout)
    if decider is None:
        return None
    strips = list(source.strips())
    bright = np.concatenate([decider.values(pixels[rows]) > 0 for rows in row_bands(*pixels.shape[:2])])
    levels = find_levels(bright, strips, layout)
    if levels is None or not _fits_at_once(bright, levels, decider, strips):
        return None
    for _ in range(_TURNS):
        if abs(np.ptp(levels.values[decider.index])) < _CONTRAST:
            return None
        proof = _put_to_file(pixels, bright, levels, decider, strips)
        again = find_levels(bright, strips, layout, proof.blocks)
        if again is None or (again.values == levels.values).all():
            is_sure = again is not None and again.sure and proof.share >= _PROVEN
            return TwoColours(levels.colours, bright, proof.blocks) if is_sure else None
        levels = again
    return None


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


class _Proof(NamedTuple):
    """Blocks that are proven [rows, columns], and the share of those with more than one value that are."""

    blocks: Flags
    share: float


def _fits_at_once(bright: Flags, levels: Levels, decider: _Decider, strips: Strips) -> bool:
    """Whether enough of a hypothesis fits the file before anything is set right."""
    varied = fits = 0
    for rows, parts in strips:
        blocks = _Blocks.of(bright[rows], parts[decider.index], levels.values[decider.index])
        varied += int(blocks.varied.sum())
        fits += int((blocks.fits & blocks.varied).sum())
    return varied >= _FEWEST and fits >= _FIT_AT_ONCE * varied


def _put_to_file(pixels: Pixels, bright: Flags, levels: Levels, decider: _Decider, strips: Strips) -> _Proof:
    """Puts a hypothesis to the file, with single pixels of `bright` set right."""
    proven: list[Flags] = []
    all_varied = all_proven = 0
    for rows, parts in strips:
        part, values = parts[decider.index], levels.values[decider.index]
        blocks = _Blocks.of(bright[rows], part, values)
        if blocks.repair():
            bright[rows] = planes.from_blocks(blocks.bright.astype(np.float32), bright[rows].shape) > 0
            blocks = _Blocks.of(bright[rows], part, values)  # as cut at the edges
        fits = blocks.fits
        found = np.zeros_like(fits)
        found[fits] = blocks.select(fits).is_alone(planes.to_blocks(np.abs(decider.values(pixels[rows])))[fits])
        grid = part.indices.shape[:2]
        found = found.reshape(grid)
        for index, other in enumerate(parts):
            if index != decider.index:
                found &= _fits_plane(bright[rows], other, levels.values[index], *grid)
        all_varied += int(blocks.varied.sum())
        all_proven += int((found.ravel() & blocks.varied).sum())
        proven.append(found)
    return _Proof(np.concatenate(proven), all_proven / max(all_varied, 1))


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
        """bool [N]: whether the file has these coefficients, but for what `_TOLERANCE` leaves room for."""
        fits: Flags = np.all(np.abs(self.distances) <= self.reach, axis=1)
        return fits

    def select(self, which: Flags) -> _Blocks:
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
        fine, coarse = order[:_FINEST], order[_FINEST:]

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
    near = (np.abs(down) <= _EXCHANGED) & (across <= _EXCHANGED) & (np.arange(64)[None] > np.arange(64)[:, None])
    return np.argwhere(near)


_NEIGHBOURS = _neighbours()
_SUBSETS = ((np.arange(1, 2**_UNCLEAR)[:, None] >> np.arange(_UNCLEAR)) & 1).astype(np.float32)
"""[m, n]: all choices of some of n pixels."""
