"""The rate of a JPEG: its quantisation tables, and the IJG quality factor that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.errors import UsageError

# ITU-T T.81 Annex K, tables K.1 and K.2, in natural (row-major) order.
_LUMA_BASE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMA_BASE = np.full((8, 8), 99)
_CHROMA_BASE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

Table = npt.NDArray[np.uint16]


def ijg_tables(quality: int) -> tuple[Table, Table]:
    """Luma and chroma tables that libjpeg makes for a quality factor (jcparam.c, `jpeg_quality_scaling`, baseline).

    Args:
        quality: 1-100.

    Returns:
        two uint16 arrays of shape [8, 8] in natural order, values 1-255.

    Raises:
        UsageError: the quality is not an integer from 1 to 100.
    """
    if not 1 <= quality <= 100 or quality != int(quality):
        raise UsageError(f"JPEG quality must be an integer from 1 to 100, not {quality}")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    scaled = (np.clip((base * scale + 50) // 100, 1, 255) for base in (_LUMA_BASE, _CHROMA_BASE))
    luma, chroma = (table.astype(np.uint16) for table in scaled)
    return luma, chroma


@lru_cache(maxsize=1)
def _log_tables_of_all_qualities() -> npt.NDArray[np.float64]:
    return np.log2([np.stack(ijg_tables(quality)) for quality in range(1, 101)])


@dataclass(frozen=True)
class JpegRate:
    """Quantisation tables of a JPEG and the quality factor they stand for.

    Attributes:
        quality: IJG quality 1-100; for custom tables the nearest one, by least squares on log2 of the tables.
        luma: [8, 8] uint16, natural order.
        chroma: [8, 8] uint16, natural order; the luma table again where the file has no chroma.
        custom: True if no IJG quality makes these tables.
    """

    quality: int
    luma: Table
    chroma: Table
    custom: bool = False

    @classmethod
    def from_quality(cls, quality: int) -> JpegRate:
        """The rate of IJG's tables. Raises UsageError outside 1-100."""
        luma, chroma = ijg_tables(quality)
        return cls(int(quality), luma, chroma)

    @classmethod
    def from_tables(cls, luma: npt.ArrayLike, chroma: npt.ArrayLike | None = None) -> JpegRate:
        """The rate of a file's tables, [8, 8] each in natural order; gray files have no `chroma`."""
        luma = np.asarray(luma, np.uint16).reshape(8, 8)
        gray = chroma is None
        chroma_table = luma if chroma is None else np.asarray(chroma, np.uint16).reshape(8, 8)
        known = _log_tables_of_all_qualities()
        log_tables = np.log2(np.maximum(np.stack([luma, chroma_table]), 1))
        used = slice(0, 1) if gray else slice(0, 2)
        distance = ((known[:, used] - log_tables[used]) ** 2).sum(axis=(1, 2, 3))
        # The highest quality of equally near ones: several qualities may share a table only at the clipped low end.
        best = 99 - int(np.argmin(distance[::-1]))
        return cls(best + 1, luma, chroma_table, custom=bool(distance[best] > 0))

    @property
    def codec(self) -> str:
        return "jpeg"

    @property
    def level(self) -> float:
        return float(self.quality)

    def conditioning(self) -> npt.NDArray[np.float32]:
        """[128]: log2 of the luma, then the chroma table, mapped from 1..256 to -1..1."""
        tables = np.stack([self.luma, self.chroma]).reshape(-1)
        return (np.log2(np.maximum(tables, 1)) / 4 - 1).astype(np.float32)

    def describe(self) -> dict[str, Any]:
        return {"quality": self.quality, "tables": "custom" if self.custom else "standard"}
