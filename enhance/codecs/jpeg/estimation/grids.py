"""The search for the grid and the tables of a coding: all grids with few blocks each, then more on the best."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation import lattice, own_tables
from enhance.codecs.jpeg.estimation.first_look import totals_of_grids
from enhance.codecs.jpeg.estimation.samples import (
    FREQUENCIES,
    Offset,
    Sample,
    Values,
    Variances,
    coefficients,
    pick,
)
from enhance.codecs.jpeg.estimation.tables import LARGEST_STEP, all_tables

# Blocks of a grid, frequencies looked at, how many grids go on to the next round, and the evidence that the best one
# must have.
_ROUNDS = ((64, 6, 16, -np.inf), (200, 10, 4, 10.0), (1000, 15, 2, 30.0), (4096, 36, 1, -np.inf))
# A frequency speaks against tables by so much at most: there the noise is not as it was taken to be.
_LEAST = -30.0
# The best of so many steps has so much evidence by chance.
_PRICE = float(np.log(LARGEST_STEP))


@dataclass(frozen=True)
class Evidence:
    """What speaks for a coding.

    Attributes:
        tables: its number in `all_tables`.
        offset: rows and columns at which its grid begins.
        total: evidence in nats: log of how much more likely the coefficients are with it than without.
        frequencies: how many frequencies speak clearly for it.
        blocks: how many blocks were looked at.
        runner_up: the total of the best tables on any other grid that was looked at as closely; 0 if there is none.
        steps: [F, steps], the evidence for each step at the lowest frequencies.
    """

    tables: int
    offset: Offset
    total: float
    frequencies: int
    blocks: int
    runner_up: float
    steps: Values


def search(
    sample: Sample,
    offsets: Iterable[Offset],
    variances: Variances,
    candidates: npt.NDArray[np.int64],
    *,
    any_tables: bool = False,
    seen: bool = False,
) -> Evidence | None:
    """The coding with the largest evidence.

    Args:
        sample: luma of the picture.
        offsets: the grids to look at.
        variances: noise of the coefficients of blocks at some frequencies.
        candidates: numbers of tables.
        any_tables: tables that are no candidates count, too; the best candidate stands for them.
        seen: the grids are few, and a look at each was worth it already.

    Returns:
        it, or None where there is none, or there are no blocks that could tell.
    """
    going_on, found = list(offsets), []
    rounds: tuple[tuple[int, int, int, float], ...] = _ROUNDS
    if seen:
        rounds = _ROUNDS[2:]
    elif not any_tables and not sample.tolerated:
        going_on, rounds = _worth_it(sample, going_on, variances, candidates), _ROUNDS[1:]
    for blocks, frequencies, keep, least in rounds:
        found = [
            evidence
            for offset in going_on
            if (evidence := look_at(sample, offset, variances, candidates, blocks, frequencies)) is not None
        ]
        if any_tables:
            found = [_with_any_tables(evidence) for evidence in found]
        found.sort(key=lambda evidence: -evidence.total)
        if not found or found[0].total < least:
            return None
        going_on = [evidence.offset for evidence in found[:keep]]
    runner_up = found[1].total if len(found) > 1 else 0.0
    return replace(found[0], runner_up=runner_up)


def _worth_it(
    sample: Sample, offsets: list[Offset], variances: Variances, candidates: npt.NDArray[np.int64]
) -> list[Offset]:
    """The first round, for all grids at once: those to go on with."""
    blocks, frequencies, keep, _ = _ROUNDS[0]
    totals = totals_of_grids(
        sample, offsets, variances, candidates, blocks=blocks, frequencies=frequencies, least=_LEAST
    )
    best = np.argsort(-totals, kind="stable")[:keep]
    return [offsets[index] for index in best if totals[index] > -np.inf]


def _with_any_tables(evidence: Evidence) -> Evidence:
    """With the evidence for the best step at each frequency, if that is more."""
    total = float(np.maximum(evidence.steps.max(axis=1) - _PRICE, 0).sum())
    if total <= evidence.total:
        return evidence
    return replace(evidence, total=total, frequencies=own_tables.count_clear(evidence.steps))


def look_at(
    sample: Sample,
    offset: Offset,
    variances: Variances,
    candidates: npt.NDArray[np.int64],
    most_blocks: int,
    num_frequencies: int,
) -> Evidence | None:
    """The best of the candidates on one grid."""
    corners, blocks = pick(sample, offset, most_blocks)
    if not len(corners):
        return None
    frequencies = FREQUENCIES[:num_frequencies]
    found = coefficients(blocks, frequencies)
    if sample.tolerated:
        steps = lattice.evidence_with_any_noise(found)
        steps[0] = 0  # what was clipped is missing in the means, and not random there
    else:
        steps = lattice.evidence(found, variances(corners, frequencies))
    return best_tables(steps, candidates, offset, len(corners))


def best_tables(
    steps: Values, candidates: npt.NDArray[np.int64], offset: Offset, blocks: int, *, least: float = _LEAST
) -> Evidence:
    """The candidate with the largest evidence, given that of each step at the lowest frequencies.

    Args:
        steps: [F, steps], the evidence.
        candidates: numbers of tables.
        offset, blocks: as in `Evidence`.
        least: what a frequency may say against tables at most.
    """
    frequencies = FREQUENCIES[: len(steps)]
    each = lattice.of_tables(steps, all_tables().luma[candidates][:, frequencies])
    totals = np.maximum(each, least).sum(axis=1)
    best = int(np.argmax(totals))
    strong = int((each[best] > own_tables.CLEAR).sum())
    return Evidence(int(candidates[best]), offset, float(totals[best]), strong, blocks, 0.0, steps)
