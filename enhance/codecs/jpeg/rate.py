"""The rate of a JPEG: its quantisation tables, and the IJG quality factor that they stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from enhance.codecs import conditioning
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
Space = Literal["ycbcr", "rgb", "gray"]


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
    scaled = (np.clip(scaled_steps(base, quality), 1, 255) for base in (_LUMA_BASE, _CHROMA_BASE))
    luma, chroma = (table.astype(np.uint16) for table in scaled)
    return luma, chroma


def scaled_steps(base: npt.NDArray[Any], quality: int) -> npt.NDArray[np.int64]:
    """Base tables scaled to a quality as libjpeg scales its own (jcparam.c, `jpeg_quality_scaling`), unclipped."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return (base.astype(np.int64) * scale + 50) // 100


def _levels_of_steps(steps: Table, base: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The inverse of `scaled_steps` for each step, [64], not rounded."""
    scale = 100 * np.maximum(steps, 1) / base
    return np.clip(np.where(scale > 100, 5000 / scale, 100 - scale / 2), 1, 100).reshape(64)


@lru_cache(maxsize=1)
def _log_tables_of_all_qualities() -> npt.NDArray[np.float64]:
    return np.log2([np.stack(ijg_tables(quality)) for quality in range(1, 101)])


@lru_cache(maxsize=256)
def _level_of_table(table: bytes, kind: int) -> float:
    """The quality whose luma (0) or chroma (1) table is nearest, the highest of equally near ones."""
    steps = np.log2(np.maximum(np.frombuffer(table, np.uint16).reshape(8, 8), 1))
    distance = ((_log_tables_of_all_qualities()[:, kind] - steps) ** 2).sum(axis=(1, 2))
    return float(100 - int(np.argmin(distance[::-1])))


@dataclass(frozen=True)
class LaterCoding:
    """How a JPEG was saved again, after the coding that did the damage.

    Attributes:
        rate: of the later coding, which is the file's own.
        offset: row and column of the file's first pixel on the grid of the earlier coding, modulo 16; None: unknown.
        scale: size of the picture in the file over its size at the earlier coding.
    """

    rate: JpegRate
    offset: tuple[int, int] | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class JpegRate:
    """Quantisation tables of a JPEG, the quality factor they stand for, and what else of its coding a network is told.

    Attributes:
        quality: IJG quality 1-100; for custom tables the nearest one, by least squares on log2 of the tables.
        luma: [8, 8] uint16, natural order.
        chroma: [8, 8] uint16, natural order; the luma table again where the file has no chroma.
        custom: True if no IJG quality makes these tables.
        subsampling: luma samples per chroma sample, horizontally and vertically; (1, 1) in gray files.
        space: what the components are: "ycbcr", "rgb" (or any others that are no luma and chroma), or "gray".
        later: for files that were saved again at a higher quality, the coding that came after this one.
    """

    quality: int
    luma: Table
    chroma: Table
    custom: bool = False
    subsampling: tuple[int, int] = (2, 2)
    space: Space = "ycbcr"
    later: LaterCoding | None = None

    @classmethod
    def from_quality(cls, quality: int, subsampling: tuple[int, int] = (2, 2)) -> JpegRate:
        """The rate of IJG's tables for a picture in colour. Raises UsageError outside 1-100."""
        luma, chroma = ijg_tables(quality)
        return cls(int(quality), luma, chroma, subsampling=subsampling)

    @classmethod
    def told(cls, quality: int, is_gray: bool) -> JpegRate:
        """The rate of a picture of which only the quality is known. Raises UsageError outside 1-100."""
        rate = cls.from_quality(quality)
        return replace(rate, chroma=rate.luma, subsampling=(1, 1), space="gray") if is_gray else rate

    @classmethod
    def from_tables(
        cls,
        luma: npt.ArrayLike,
        chroma: npt.ArrayLike | None = None,
        *,
        subsampling: tuple[int, int] | None = None,
        space: Space | None = None,
    ) -> JpegRate:
        """The rate of a file's tables.

        Args:
            luma, chroma: [8, 8] each in natural order; gray files, and those with one table for all, have no `chroma`.
            subsampling: by default (2, 2) for YCbCr, and (1, 1) otherwise.
            space: by default "gray" without `chroma`, and "ycbcr" with it.
        """
        luma = np.asarray(luma, np.uint16).reshape(8, 8)
        one_table = chroma is None
        chroma_table = luma if chroma is None else np.asarray(chroma, np.uint16).reshape(8, 8)
        known = _log_tables_of_all_qualities()
        log_tables = np.log2(np.maximum(np.stack([luma, chroma_table]), 1))
        used = slice(0, 1) if one_table else slice(0, 2)
        distance = ((known[:, used] - log_tables[used]) ** 2).sum(axis=(1, 2, 3))
        # The highest quality of equally near ones: several qualities may share a table only at the clipped low end.
        best = 99 - int(np.argmin(distance[::-1]))
        space = space or ("gray" if one_table else "ycbcr")
        if subsampling is None:
            subsampling = (2, 2) if space == "ycbcr" else (1, 1)
        return cls(best + 1, luma, chroma_table, bool(distance[best] > 0), subsampling, space)

    def saved_again(self, later: JpegRate, offset: tuple[int, int] | None = None, scale: float = 1.0) -> JpegRate:
        """This rate of a file that was then saved again; arguments as in `LaterCoding`."""
        return replace(self, later=LaterCoding(later, offset, scale))

    @property
    def codec(self) -> str:
        return "jpeg"

    @property
    def level(self) -> float:
        return float(self.quality)

    @property
    def luma_level(self) -> float:
        """The IJG quality that the luma table alone stands for."""
        return _level_of_table(self.luma.tobytes(), 0)

    @property
    def chroma_level(self) -> float:
        """The IJG quality that the chroma table alone stands for; the luma table's where that is used for all."""
        return self.luma_level if self.space == "gray" else _level_of_table(self.chroma.tobytes(), 1)

    @property
    def step_levels(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Of luma and chroma, [64] each: the IJG quality at which a coefficient of this frequency has this step."""
        return _levels_of_steps(self.luma, _LUMA_BASE), _levels_of_steps(self.chroma, _CHROMA_BASE)

    @property
    def sampling(self) -> str:
        """How chroma was sampled, "4:4:4", "4:2:2", "4:2:0" or the nearest of these; "gray"; "rgb"."""
        if self.space != "ycbcr":
            return self.space
        horizontal, vertical = self.subsampling
        return {1: "4:4:4", 2: "4:2:2"}.get(horizontal * vertical, "4:2:0")

    def conditioning(self) -> npt.NDArray[np.float32]:
        """[`conditioning.SIZE`]: the parts that `conditioning.PARTS` names."""
        parts: dict[str, npt.ArrayLike] = {
            "luma": conditioning.log_steps(self.luma),
            "chroma": conditioning.log_steps(self.chroma),
            "subsampling": np.log2(self.subsampling),
            "gray": self.space == "gray",
            "rgb": self.space == "rgb",
        }
        return conditioning.pack(**parts, **_describe_later(self.later))

    def describe(self) -> dict[str, Any]:
        return {"quality": self.quality, "tables": "custom" if self.custom else "standard"}


def _describe_later(later: LaterCoding | None) -> dict[str, npt.ArrayLike]:
    if later is None:
        return {}
    parts: dict[str, npt.ArrayLike] = {
        "resaved": 1,
        "later_luma": conditioning.log_steps(later.rate.luma),
        "later_chroma": conditioning.log_steps(later.rate.chroma),
        "later_subsampling": np.log2(later.rate.subsampling),
        "scale": np.log2(later.scale),
    }
    if later.offset is not None:
        parts |= {"grid_known": 1, "grid": conditioning.grid_phase(later.offset)}
    return parts
