"""Tables of no known family, as cameras and editors have them: whether known ones explain what is seen, or which do.

Turned pictures are among these: their tables are transposed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation.samples import FREQUENCIES, Values
from enhance.codecs.jpeg.estimation.tables import LARGEST_STEP, all_tables
from enhance.codecs.jpeg.rate import Table, ijg_tables

Numbers = npt.NDArray[np.int64]

CLEAR = 20.0
"""Evidence, in nats, from which a frequency tells its step."""
_LEAST = -30.0
# Right tables have 0.93 and more of the evidence that the best step of each frequency has, even where a coding at 75 or
# 80 followed; wrong ones, the nearest to those of cameras, at most 0.75.
_EXPLAINED = 0.9
CHROMA_EXPLAINED = 0.7
"""The same for chroma: a block's mean is a large multiple of its step, and rounding to RGB moves it, so that a step
beside the right one can have a fifth more evidence."""
_STEEPNESS = (1.0, 0.8, 0.6, 0.4, 0.0)


def explain(steps: Values, table: Numbers, share: float = _EXPLAINED) -> bool:
    """Whether a table is as good as any at the frequencies that tell something.

    Args:
        steps: [F, LARGEST_STEP + 1], the evidence for each step at the lowest frequencies.
        table: [64], row-major.
        share: of the evidence for the best steps that a right table has at least.
    """
    best = steps.max(axis=1)
    clear = best > CLEAR
    at_table = np.maximum(steps[np.arange(len(steps)), table[FREQUENCIES[: len(steps)]]], _LEAST)
    return bool(at_table[clear].sum() >= share * best[clear].sum())


def count_clear(steps: Values) -> int:
    """How many frequencies tell their step."""
    return int((steps.max(axis=1) > CLEAR).sum())


def fit(steps: Values) -> Table:
    """The table of the best step at each frequency; where nothing is clear, those of the known table of nearest shape.

    Args:
        steps: as in `explain`; at least one frequency is clear.

    Returns:
        uint16 [8, 8].
    """
    clear = steps.max(axis=1) > CLEAR
    seen, best = FREQUENCIES[: len(steps)][clear], np.maximum(steps.argmax(axis=1)[clear], 1)
    apart = np.log2(best) - _shapes()[:, seen]
    shift = np.median(apart, axis=1)
    nearest = int(np.argmin(np.abs(apart - shift[:, None]).mean(axis=1)))
    table = 2 ** (_shapes()[nearest] + shift[nearest])
    table[seen] = best
    return np.clip(np.rint(table), 1, LARGEST_STEP).astype(np.uint16).reshape(8, 8)


@lru_cache(maxsize=1)
def _shapes() -> npt.NDArray[np.float64]:
    """[N, 64]: log2 of known tables, of chroma, too; of turned pictures' ones; and all of these more or less steep."""
    chroma = np.stack([ijg_tables(quality)[1].reshape(64) for quality in range(1, 101)])
    upright = np.concatenate([all_tables().luma, chroma])
    turned = upright.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64)
    shapes = np.log2(np.concatenate([upright, turned]))
    return np.concatenate([shapes * steepness for steepness in _STEEPNESS])
