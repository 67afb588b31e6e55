"""An earlier coding on the grid of the last one: which multiples of the last step are missing, which too frequent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation.grids import Evidence, best_tables
from enhance.codecs.jpeg.estimation.samples import FREQUENCIES, Sample, Values, distinct
from enhance.codecs.jpeg.estimation.tables import LARGEST_STEP, all_tables

_FREQUENCIES = 36
# The mean comes last: its indices are large, and it costs as much as many others.
_ORDER = (*range(1, _FREQUENCIES), 0)
# Where the first few frequencies speak against every coding, there was none; later ones may, and a mean outweigh them.
# Of 74 photos and graphics in which one was found none was below 14 after any of the first; of 531 that were coded once
# half are below -80 after one, -190 after two.
_AGAINST = -10.0
_FEW = 8
# What rounding to whole samples between both codings adds to a coefficient, as a uniform error of so much at most.
_SPREAD = 0.8
_OUTLIERS = 0.02
_MOST = 512  # larger indices say nothing


def search_same_grid(
    sample: Sample, indices: Values, steps: npt.NDArray[np.int64], candidates: npt.NDArray[np.int64]
) -> Evidence | None:
    """The earlier coding on the last one's grid with the largest evidence.

    With the steps P and Q of the earlier and the last coding, the index k of a coefficient is round(jP / Q) for a whole
    number j, but for the rounding between. r(k) is how much more frequent k is than where nothing came before.

    Args:
        sample: luma of the picture, of which the grid begins at the corner.
        indices: [rows, columns, 64], the last coding's indices.
        steps: [64], its luma table.
        candidates: numbers of tables.
    """
    corners = sample.corners((0, 0)) // 8
    blocks = indices[corners[:, 0], corners[:, 1]]
    blocks = blocks[distinct(blocks)]
    if not len(blocks):
        return None
    evidence = np.zeros((_FREQUENCIES, LARGEST_STEP + 1), np.float32)
    total = np.zeros(len(candidates), np.float32)
    for done, row in enumerate(_ORDER):
        frequency = FREQUENCIES[row]
        tables = all_tables().luma[candidates, frequency]
        earlier = np.unique(tables)
        evidence[row, earlier] = _evidence(
            np.abs(blocks[:, frequency]).astype(np.int64), int(steps[frequency]), earlier
        )
        total += evidence[row, tables]
        if done < _FEW and total.max() < _AGAINST:
            return None
    return best_tables(evidence, candidates, (0, 0), len(blocks), least=-np.inf)


def _evidence(indices: npt.NDArray[np.int64], step: int, steps: npt.NDArray[np.int64]) -> Values:
    """The evidence for each earlier step, of the shape of `steps`; none for those that are not larger than the last."""
    counts = np.bincount(indices[indices < _MOST], minlength=1)  # all may be larger
    earlier = steps.astype(np.float32)[:, None]
    values = (np.arange(len(counts), dtype=np.float32) * step)[None]
    nearest = np.rint(values / earlier)
    share = np.zeros((len(steps), len(counts)), np.float32)
    for multiple in (nearest - 1, nearest, nearest + 1):
        # The overlap of what becomes this index with where the earlier multiple lies now.
        apart = np.abs(multiple * earlier - values)
        share += np.clip(step / 2 + _SPREAD - apart, 0, min(2 * _SPREAD, step)) / (2 * _SPREAD)
    ratios = np.log((1 - _OUTLIERS) * share * earlier / step + _OUTLIERS)
    ratios = np.where(values < earlier / 2, np.minimum(ratios, 0), ratios)
    ratios[:, 0] = 0
    ratios[steps <= step] = 0
    return np.einsum("ij,j", ratios, counts.astype(np.float32))
