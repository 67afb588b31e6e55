"""A first look at the shifted grids beneath a later coding: all 64 at once, at few places of the picture.

A window of 15x15 samples holds a block of each grid, and the low frequencies of all 64 are two small products. The
evidence is that of `lattice`, for steps that lie so close together that the right one has a neighbour which fits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation import lattice
from enhance.codecs.jpeg.estimation.noise import ROUNDING, LastCoding
from enhance.codecs.jpeg.estimation.samples import Offset, Sample, Values, any_in_windows
from enhance.codecs.jpeg.estimation.tables import LARGEST_STEP, all_tables

Numbers = npt.NDArray[np.int64]
_Kind = TypeVar("_Kind", bound=np.generic)

_SIDE = 15
_LOW = 3  # frequencies along an axis
_DOWN, _RIGHT = (np.array(side) for side in zip(*((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))))
_FREQUENCIES = 8 * _DOWN + _RIGHT
# Windows; how many of them are the busiest ones; grids that go on, and the evidence that they must have more than. Of
# 230 photos and graphics of 0.06 to 0.4 megapixels in which a coding was found on another grid, that grid was among the
# first two, and had 3.7 and more with 64 windows and 28 and more with all; of 112 that were coded once, half had less
# than 1 with 64, and nine tenths less than 4 with all.
_ROUNDS = ((80, 40, 4, 1.0), (256, 128, 2, 12.0))
_LEAST = -30.0  # what a frequency may say against tables at most
_CLOSE = 0.055  # of the logarithm of a step


def grids_worth_a_look(sample: Sample, coding: LastCoding, candidates: Numbers) -> list[Offset]:
    """The grids on which an earlier coding may have left its lattice, the likeliest first; mostly there is none.

    Args:
        sample: luma of the picture, which begins with a block of the last coding.
        coding: that coding.
        candidates: numbers of tables.
    """
    grids = np.arange(1, 64)
    for windows, busy, keep, least in _ROUNDS:
        places = _places(sample, coding.indices, windows, busy)
        if not len(places):
            return []
        totals = _totals(_bins(sample, coding, places, grids), candidates)
        best = np.argsort(-totals, kind="stable")[:keep]
        grids = grids[best[totals[best] > least]]
        if not len(grids):
            break
    return [(int(grid) // 8, int(grid) % 8) for grid in grids]


def _places(sample: Sample, indices: Values, most: int, busiest: int) -> Numbers:
    """[N, 2]: rows and columns of blocks of the last coding at which windows begin.

    Some where most low frequencies are left and least is clipped, and the others evenly among those where any is.
    """
    kept = (indices[:, :, _FREQUENCIES[1:]] != 0).sum(axis=2)
    left = kept[:-1, :-1] + kept[1:, :-1] + kept[:-1, 1:] + kept[1:, 1:]
    rows, columns = left.shape
    usable = sample.usable[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).mean(axis=(1, 3))
    worth = (left * usable).ravel()
    # What is equally busy is taken by chance, from all over the picture.
    order = np.argsort(-(worth + np.random.default_rng(0).random(len(worth))))
    rest = np.sort(order[busiest:])
    rest = rest[worth[rest] > 0]
    few = min(len(rest), most - busiest)
    chosen = np.concatenate([order[:busiest], rest[np.arange(few) * len(rest) // max(few, 1)]])
    return np.stack(np.divmod(chosen, max(columns, 1)), axis=1)


def _bins(sample: Sample, coding: LastCoding, places: Numbers, grids: Numbers) -> npt.NDArray[np.int32]:
    """[F, N, G]: the bin of each low coefficient of windows on some grids."""
    rows, columns = places.T
    shifted, shares = _bases()
    found = shifted.T @ _windows(sample.luma, places) @ shifted
    near = np.stack([coding.indices[rows + down, columns + right] for down in (0, 1) for right in (0, 1)], axis=1)
    own = coding.own_variances(near).reshape(-1, 2, 2, 8, 8).transpose(0, 1, 3, 2, 4).reshape(-1, 16, 16)
    noise = shares.T @ own @ shares + np.float32(ROUNDING)
    bins = lattice.number_bins(_on_grids(found, grids), _on_grids(noise, grids))
    clipped = _windows(sample.clipped, places)
    if clipped.any():
        bins[:, any_in_windows(clipped, 8).reshape(-1, 64)[:, grids]] = lattice.SILENT
    return bins


def _windows(plane: npt.NDArray[_Kind], places: Numbers) -> npt.NDArray[_Kind]:
    """[N, 15, 15]: the part of a plane that each window covers."""
    return np.lib.stride_tricks.sliding_window_view(plane, (_SIDE, _SIDE))[8 * places[:, 0], 8 * places[:, 1]]


def _on_grids(products: Values, grids: Numbers) -> Values:
    """[F, N, G] of products [N, 8 shifts and frequencies, 8 shifts and frequencies]."""
    tops, lefts = np.divmod(grids, 8)
    rows, columns = tops * _LOW + _DOWN[:, None], lefts * _LOW + _RIGHT[:, None]
    return products.reshape(len(products), -1).take(rows * 8 * _LOW + columns, axis=1).transpose(1, 0, 2)


@lru_cache(maxsize=1)
def _bases() -> tuple[Values, Values]:
    """Along an axis, for each shift and low frequency: [15, 24], its basis; [16, 24], what it has of the last blocks'.

    The latter as squares of products, for all frequencies of the two blocks of the last coding that lie there.
    """
    frequency, position = np.mgrid[:8, :8]
    basis = np.cos((2 * position + 1) * frequency * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    shifted, last = np.zeros((16, 8, _LOW)), np.zeros((16, 2, 8))
    for shift in range(8):
        shifted[shift : shift + 8, shift] = basis[:_LOW].T
    for block in range(2):
        last[8 * block : 8 * block + 8, block] = basis.T
    columns = shifted.reshape(16, -1)
    shares = (last.reshape(16, 16).T @ columns) ** 2
    return np.ascontiguousarray(columns[:_SIDE], np.float32), shares.astype(np.float32)


def _totals(bins: npt.NDArray[np.int32], candidates: Numbers) -> Values:
    """[G]: the evidence for the best candidate on each grid, of bins [F, N, G]."""
    tables = all_tables().luma[candidates][:, _FREQUENCIES].T
    total = np.zeros((bins.shape[2], len(candidates)), np.float32)
    for frequency, (numbers, steps) in enumerate(zip(bins, tables, strict=True)):
        ratios, nearest = _ratios(is_mean=frequency == 0)
        evidence = ratios.take(numbers, axis=0).sum(axis=0)
        total += np.maximum(evidence, _LEAST)[:, nearest[steps]]
    return total.max(axis=1)


@lru_cache(maxsize=2)
def _ratios(*, is_mean: bool) -> tuple[Values, Numbers]:
    """The log ratios [bins, S] of some steps, and which of them stands for each step [LARGEST_STEP + 1].

    Means are large multiples of their step, so that there all steps of known tables are needed.
    """
    every = np.arange(1, LARGEST_STEP + 1)
    steps = np.array(all_tables().means)
    if not is_mean:
        steps = np.unique(np.rint(np.exp(np.arange(0, np.log(LARGEST_STEP + 0.5), _CLOSE))).astype(np.int64))
    nearest = np.abs(np.log(every[:, None] / steps)).argmin(axis=1)
    return lattice.log_ratios_of(steps), np.concatenate([[0], nearest])
