"""How the chroma of an earlier coding was sampled, and which half of its luma blocks begin one of its chroma blocks.

With chroma at half the resolution a chroma block covers 16x16 pixels. A picture that was cropped may begin in any part
of one, and the grid of the luma blocks tells that only modulo 8.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation import lattice, own_tables
from enhance.codecs.jpeg.estimation.samples import FREQUENCIES, Offset, Values, coefficients, distinct
from enhance.codecs.jpeg.estimation.tables import LARGEST_STEP
from enhance.codecs.jpeg.planes import to_blocks
from enhance.codecs.jpeg.rate import Table
from enhance.images import Pixels

# JFIF 1.02 (BT.601, full range), without the +128.
_CHROMA = np.array([[-0.299 / 1.772, -0.587 / 1.772, 0.5], [0.5, -0.587 / 1.402, -0.114 / 1.402]], np.float32)
_FREQUENCIES = 6
_LEAST = -30.0
_MOST_PIXELS = 1 << 20
_LARGEST_JUMP = 6.0
_CLEAR = 4.0  # standard errors
_ROUNDS = 5
_SUBSAMPLINGS = ((1, 1), (2, 1), (2, 2))
# Up to this step of the mean (quality 72) most chroma blocks tell more than their mean, and so how they were sampled;
# with coarser ones the jumps at their borders do.
_FINE = 10


@dataclass(frozen=True)
class ChromaGrid:
    """Where chroma blocks begin.

    Attributes:
        subsampling: luma samples per chroma sample, horizontally and vertically.
        corner: row and column of the first pixel, of those where a luma block begins, where a chroma block does.
        table: of chroma, if it was not known and could be told.
    """

    subsampling: tuple[int, int]
    corner: Offset
    table: Table | None = None


def find_chroma_grid(
    pixels: Pixels, corner: Offset, table: Table, *, is_known: bool = True, coded_again: bool
) -> ChromaGrid:
    """The chroma grid of a coding of which the luma grid is known.

    Args:
        pixels: [H, W, 3] RGB, uint8, uint16 or float32 in [0, 1].
        corner: row and column where the first whole luma block begins, 0 to 7.
        table: [8, 8], the coding's chroma table.
        is_known: the table is probably that; otherwise it is about as coarse.
        coded_again: a later coding has sampled the chroma in its own way; then 4:2:0 is taken for granted.

    Returns:
        the grid, and the coding's own table where another one explains the chroma better.
    """
    planes = _planes(pixels)
    if not coded_again and table[0, 0] > _FINE:
        best = _where_chroma_jumps(planes, corner)
    else:
        subsamplings = ((2, 2),) if coded_again else _SUBSAMPLINGS
        grids = [grid for subsampling in subsamplings for grid in _grids(subsampling, corner)]
        steps = [_evidence(planes, grid) for grid in grids]
        best = _best(grids, steps, table)
        if is_known and (coded_again or _explains(table, steps[grids.index(best)])):
            return best
        best = _best(grids, steps, None)
    return replace(best, table=_own_table(planes, best, table))


def _best(grids: list[ChromaGrid], steps: list[Values], table: Table | None) -> ChromaGrid:
    """The grid on which most speaks for a table, or for the best step of each frequency."""
    totals = [_total(evidence, table) for evidence in steps]
    return grids[totals.index(max(totals))]


def _total(steps: Values, table: Table | None) -> float:
    if table is None:
        return float(steps.max(axis=1).sum())
    frequencies = FREQUENCIES[: len(steps)]
    return float(np.maximum(lattice.of_tables(steps, _flat(table)[None, frequencies]), _LEAST).sum())


def _explains(table: Table, steps: Values) -> bool:
    return own_tables.explain(steps, _flat(table), own_tables.CHROMA_EXPLAINED)


def _flat(table: Table) -> npt.NDArray[np.int64]:
    return table.reshape(64).astype(np.int64)


def _own_table(planes: list[Values], grid: ChromaGrid, table: Table) -> Table | None:
    """The chroma table that is seen, if that is clear, and another one."""
    steps = _evidence(planes, grid)
    if own_tables.count_clear(steps) < _FREQUENCIES // 2:
        return None
    if _explains(table, steps):
        return None
    return own_tables.fit(_evidence(planes, grid, len(FREQUENCIES)))


def _grids(subsampling: tuple[int, int], corner: Offset) -> list[ChromaGrid]:
    """The places that the chroma grid may have, if the luma blocks begin at a corner."""
    horizontal, vertical = subsampling
    places = [(down, right) for down in range(0, 8 * vertical, 8) for right in range(0, 8 * horizontal, 8)]
    return [ChromaGrid(subsampling, (corner[0] + down, corner[1] + right)) for down, right in places]


def _planes(pixels: Pixels) -> list[Values]:
    """Cb and Cr, [h, w] each in code values, of the picture or its beginning."""
    rows = max(32, _MOST_PIXELS // pixels.shape[1])
    values = pixels[:rows].astype(np.float32)
    if pixels.dtype != np.uint8:
        values *= np.float32(255 / (np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1))
    return [np.einsum("ijc,c", values, weights) for weights in _CHROMA]  # no library's product, which has threads


def _evidence(planes: list[Values], grid: ChromaGrid, num_frequencies: int = _FREQUENCIES) -> Values:
    """[num_frequencies, steps]: how much speaks for each step on a chroma grid."""
    top, left = grid.corner
    horizontal, vertical = grid.subsampling
    blocks = []
    for plane in planes:
        halved = _halved(_halved(plane[top % vertical :, left % horizontal :], vertical, 0), horizontal, 1)
        part = halved[top // vertical :, left // horizontal :]
        whole = part[: part.shape[0] // 8 * 8, : part.shape[1] // 8 * 8]
        if whole.size:
            blocks.append(to_blocks(whole))
    if not blocks:
        return np.zeros((num_frequencies, LARGEST_STEP + 1), np.float32)
    samples = np.concatenate(blocks)
    frequencies = FREQUENCIES[:num_frequencies]
    found = coefficients(samples[distinct(np.round(samples, 1))], frequencies)
    return lattice.evidence_with_any_noise(found)


def _halved(plane: Values, ratio: int, axis: int) -> Values:
    """The samples from which a decoder made twice as many, by libjpeg's triangle filter, along an axis.

    The means of pairs are the samples filtered by [1 6 1] / 8; that is undone by iteration.
    """
    if ratio == 1:
        return plane
    across = np.moveaxis(plane, axis, -1)
    even = across[..., : across.shape[-1] // 2 * 2]
    means = (even[..., ::2] + even[..., 1::2]) / np.float32(2)
    samples = means
    for _ in range(_ROUNDS):
        padded = np.pad(samples, ((0, 0), (1, 1)), mode="edge")
        samples = samples + means - (padded[:, :-2] + 6 * samples + padded[:, 2:]) / np.float32(8)
    return np.moveaxis(samples, -1, axis)


def _where_chroma_jumps(planes: list[Values], corner: Offset) -> ChromaGrid:
    """The grid of which the borders show: chroma jumps more at every second border of luma blocks, or at all alike."""
    down, right = (_alternation(planes, first, axis) for axis, first in enumerate(corner))
    if abs(right) < _CLEAR:
        return ChromaGrid((1, 1), corner)
    left = corner[1] + (8 if right < 0 else 0)
    if abs(down) < _CLEAR:
        return ChromaGrid((2, 1), (corner[0], left))
    return ChromaGrid((2, 2), (corner[0] + (8 if down < 0 else 0), left))


def _alternation(planes: list[Values], first: int, axis: int) -> float:
    """By how many standard errors chroma jumps more at the borders first + 16k than at first + 8 + 16k."""
    found = []
    for plane in planes:
        halved = _halved(np.moveaxis(plane, axis, -1)[:, first % 2 :], 2, 1)
        jumps = np.minimum(np.abs(np.diff(halved, axis=1)), _LARGEST_JUMP)
        borders = np.arange(first // 2, halved.shape[1], 4)
        order = np.arange(len(borders)) % 2
        even, odd = borders[(order == 0) & (borders > 0)], borders[(order == 1) & (borders > 0)]
        count = min(len(even), len(odd))
        if count:
            found.append((jumps[:, even[:count] - 1] - jumps[:, odd[:count] - 1]).mean(axis=1)[::2])
    if not found:
        return 0.0
    differences = np.concatenate(found)
    # Rows are not independent; a quarter of them, about.
    return float(differences.mean() / (differences.std() / np.sqrt(len(differences) / 4) + 1e-6))
