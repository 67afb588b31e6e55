"""A first look at all grids at once, with few blocks of each: which of them are worth a closer one.

The same evidence as `lattice.evidence` gives for one grid after the other, in a tenth of the time: a small picture's
grids have so few blocks that the calls cost more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation import lattice
from enhance.codecs.jpeg.estimation.samples import (
    FREQUENCIES,
    Corners,
    Offset,
    Sample,
    Values,
    Variances,
    coefficients,
    distinct,
)
from enhance.codecs.jpeg.estimation.tables import all_tables


def totals_of_grids(
    sample: Sample,
    offsets: Sequence[Offset],
    variances: Variances,
    candidates: npt.NDArray[np.int64],
    *,
    blocks: int,
    frequencies: int,
    least: float,
) -> Values:
    """The evidence for the best candidate on each grid, from a few blocks.

    Args:
        sample: luma of the picture.
        offsets: the grids.
        variances: noise of the coefficients of blocks of one grid at some frequencies.
        candidates: numbers of tables.
        blocks: how many to look at on each grid, at most `lattice.VERY_FEW`.
        frequencies: how many of the lowest frequencies to look at.
        least: what a frequency may say against tables at most.

    Returns:
        float32 [grids], in nats; -inf where there are no blocks.
    """
    numbers = FREQUENCIES[:frequencies]
    corners, grids = _spread(sample, offsets, blocks)
    totals = np.full(len(offsets), -np.inf, np.float32)
    if not len(corners):
        return totals
    samples = sample.blocks(corners)
    # Blocks that are alike count once on each grid, even ones not at all.
    kept = distinct(samples - samples[:, :1], grids)
    if not len(kept):
        return totals
    corners, samples, grids = corners[kept], samples[kept], grids[kept]
    found = coefficients(samples, numbers)
    starts = np.searchsorted(grids, np.arange(len(offsets) + 1))
    looked_at = np.flatnonzero(np.diff(starts))
    noise = np.concatenate([variances(corners[starts[grid] : starts[grid + 1]], numbers) for grid in looked_at])
    tables = all_tables().luma[candidates][:, numbers]
    steps, places = np.unique(tables, return_inverse=True)
    evidence = lattice.evidence_of_groups(found, noise, starts[looked_at], steps)
    each = evidence[:, np.arange(frequencies), places.reshape(tables.shape)]
    totals[looked_at] = np.maximum(each, least).sum(axis=2).max(axis=1)
    return totals


def _spread(sample: Sample, offsets: Sequence[Offset], most: int) -> tuple[Corners, npt.NDArray[np.int64]]:
    """Up to `most` usable blocks of each grid: corners [N, 2] and the number of their grid [N], in order."""
    corners = []
    for offset in offsets:
        every = sample.corners(offset)
        corners.append(every if len(every) <= most else every[np.arange(most) * len(every) // most])
    return np.concatenate(corners), np.repeat(np.arange(len(offsets)), [len(each) for each in corners])
