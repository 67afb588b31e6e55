"""The quantisation tables that earlier codings are looked for with: each quality of the families that encoders use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.rate import JpegRate, ijg_tables

# The table of N. Robidoux, for luma and chroma alike: ImageMagick's, and the default of mozjpeg (its number 3).
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
LARGEST_STEP = 255


@dataclass(frozen=True)
class Tables:
    """All candidates.

    Attributes:
        rates: their quantisation tables, luma and chroma.
        luma: int64 [N, 64], the luma tables, row-major.
        means: the steps that the means of blocks have in them.
    """

    rates: tuple[JpegRate, ...]
    luma: npt.NDArray[np.int64]
    means: tuple[int, ...]


@lru_cache(maxsize=1)
def all_tables() -> Tables:
    """IJG's tables of quality 1 to 100, then Robidoux's."""
    rates = [JpegRate.from_tables(*ijg_tables(quality)) for quality in range(1, 101)]
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        table = np.clip((_ROBIDOUX * scale + 50) // 100, 1, LARGEST_STEP)
        rates.append(JpegRate.from_tables(table, table))
    luma = np.stack([rate.luma.reshape(64) for rate in rates]).astype(np.int64)
    return Tables(tuple(rates), luma, tuple(sorted({int(step) for step in luma[:, 0]})))
