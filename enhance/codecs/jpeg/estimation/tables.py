"""The quantisation tables that earlier codings are looked for with: each quality of the families that encoders use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.mozjpeg import robidoux_table
from enhance.codecs.jpeg.rate import JpegRate, ijg_tables

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
        table = robidoux_table(quality, LARGEST_STEP)
        rates.append(JpegRate.from_tables(table, table))
    luma = np.stack([rate.luma.reshape(64) for rate in rates]).astype(np.int64)
    return Tables(tuple(rates), luma, tuple(sorted({int(step) for step in luma[:, 0]})))
