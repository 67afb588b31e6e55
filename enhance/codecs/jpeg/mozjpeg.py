"""Files of mozjpeg, told by its tables: their coefficients were chosen, not rounded.

Its trellis takes the coefficients that cost the fewest bits for the error that they make, and its deringing gives white
and black some room beyond the range before they are coded. So where a file says k, the original's coefficient often did
not lie within half a step of it. Luma coefficients of 8 photos and 12 graphics of the validation sets, qualities 10 to
90: of those that became 0, 1 to 3 % were more than half a step in photos, and 3 to 5 % in graphics, 0.1 to 0.3 % more
than one and a half; and of the others one in a hundred was up to 3.5 steps smaller than it is said to be, in graphics.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.rate import JpegRate, scaled_steps

Table = npt.NDArray[np.int64]

# N. Robidoux's, for luma and chroma alike: the default of mozjpeg (its number 3), and known from ImageMagick.
_ROBIDOUX = np.array(
    [
        [16, 16, 16, 18, 25, 37, 56, 85],
        [16, 17, 20, 27, 34, 40, 53, 75],
        [16, 20, 24, 31, 43, 62, 91, 135],
        [18, 27, 31, 40, 53, 74, 106, 156],
        [25, 34, 43, 53, 69, 94, 131, 189],
        [37, 40, 62, 74, 94, 124, 169, 238],
        [56, 53, 91, 106, 131, 169, 226, 311],
        [85, 75, 135, 156, 189, 238, 311, 418],
    ]
)
_MOST_8_BITS, _MOST_16_BITS = 255, 32767


def robidoux_table(quality: int, largest: int = _MOST_8_BITS) -> Table:
    """[8, 8]: the steps at a quality of 1 to 100."""
    return np.clip(scaled_steps(_ROBIDOUX, quality), 1, largest)


def robidoux_rate(quality: int) -> JpegRate:
    """The rate of mozjpeg's files at a quality of 1 to 100, as it is set by default."""
    table = robidoux_table(quality)
    return JpegRate.from_tables(table, table)


def is_of_mozjpeg(steps: npt.NDArray[np.float32]) -> bool:
    """Whether a table [8, 8] is mozjpeg's default at some quality. (At its ends all programs' tables are alike.)"""
    return steps.astype(np.int64).tobytes() in _known()


@lru_cache(maxsize=1)
def _known() -> frozenset[bytes]:
    sizes = (_MOST_8_BITS, _MOST_16_BITS)
    tables = [robidoux_table(quality, size) for quality in range(1, 101) for size in sizes]
    return frozenset(table.tobytes() for table in tables if table.min() < table.max())
