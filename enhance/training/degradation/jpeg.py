"""Draws how a picture was saved as JPEG: what real files look like, with the common cases most often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate
from enhance.training.chance import pick
from enhance.training.degradation.encode import Uint8
from enhance.training.degradation.recipes import CodedCrop, CodedOnce, JpegCoding, Recipe, SavedAgain, ScaledBetween
from enhance.training.degradation.tables import custom_rate, editor_rate, mozjpeg_rate, ones_rate

Rng = np.random.Generator

_GRID = 16
_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)
_NEARLY_LOSSLESS = 96
_OWN_TABLES = 0.85  # share of mozjpeg's files that have its tables, too: few of its users change them
_EDITORS_FULL_COLOUR = 0.7  # share of an image editor's files whose chroma has all samples


@dataclass(frozen=True)
class Habits:
    """How a kind of pictures is usually saved.

    Attributes:
        bands: shares of ranges of qualities, both ends included.
        subsampling: shares of colour formats; "rgb": the components are R, G and B.
    """

    bands: Mapping[tuple[int, int], float]
    subsampling: Mapping[str, float]


# Below quality 60 are the artefacts that are worth most; above 95 is where a network can only do harm.
PHOTOS = Habits(
    {(1, 2): 0.005, (3, 60): 0.8, (61, 95): 0.16, (96, 100): 0.035},
    {"4:2:0": 0.82, "4:4:4": 0.10, "4:2:2": 0.03, "4:4:0": 0.01, "4:1:1": 0.01, "rgb": 0.03},
)
GRAPHICS = Habits(
    {(1, 2): 0.01, (3, 60): 0.51, (61, 95): 0.31, (96, 100): 0.17},
    {"4:2:0": 0.47, "4:4:4": 0.40, "4:2:2": 0.05, "4:4:0": 0.02, "4:1:1": 0.02, "rgb": 0.04},
)
# The first time, of files that were saved again: where the first time left nothing, they are as if saved once.
EARLIER_BANDS = {(3, 60): 0.8, (61, 88): 0.2}


@dataclass(frozen=True)
class JpegDegradation:
    """Draws a recipe for a crop.

    Attributes:
        quality_range: lowest and highest IJG quality of a file that was saved once.
        custom_share: share of tables that no quality factor makes.
        editor_share: share of files of an image editor, with its tables.
        ones_share: share of tables with ones among those above quality 95.
        gray_share: share of gray files.
        trellis_share: share of files whose coefficients mozjpeg chose, most of them with its own tables.
        resaved_share: share of files that were saved twice: on one grid, cropped, or scaled in between.
            aligned_to_file: the grid of the file's own coding begins with the picture; by default that of the stronger
            coding does, so that a network meets it where it meets all others.
        photos, graphics: how either kind is saved.
    """

    quality_range: tuple[int, int] = (1, 100)
    custom_share: float = 0.06
    editor_share: float = 0.08
    ones_share: float = 0.25
    gray_share: float = 0.03
    trellis_share: float = 0.12
    resaved_share: float = 0.04
    aligned_to_file: bool = False
    photos: Habits = field(default=PHOTOS)
    graphics: Habits = field(default=GRAPHICS)

    def __call__(self, rng: Rng, *, graphic: bool = False) -> Recipe:
        """What is done to the next crop; `graphic`: it is not of a photo."""
        habits = self.graphics if graphic else self.photos
        if rng.random() < self.resaved_share:
            return self._draw_resaved(rng, habits)
        return CodedOnce(self.draw_coding(rng, habits))

    def code(self, original: Uint8, rng: Rng, *, graphic: bool = False) -> CodedCrop:
        """Codes one picture, uint8 [S, S, 3]; for scaling it is as large as it is."""
        return self(rng, graphic=graphic)(original, original.shape[0])

    def draw_coding(self, rng: Rng, habits: Habits = PHOTOS) -> JpegCoding:
        """One coding, its grid beginning with the picture."""
        if rng.random() < self.editor_share:
            full_colour = rng.random() < _EDITORS_FULL_COLOUR
            return JpegCoding(editor_rate(rng), "4:4:4" if full_colour else "4:2:0")
        trellis = bool(rng.random() < self.trellis_share)
        if trellis and rng.random() < _OWN_TABLES:
            rate = mozjpeg_rate(rng, self.draw_quality(rng, habits))
        else:
            rate = self.draw_rate(rng, habits)
        if rng.random() < self.gray_share:
            return JpegCoding(JpegRate.from_tables(rate.luma), "gray", trellis=trellis)
        subsampling = pick(rng, habits.subsampling)
        if subsampling == "rgb":
            return JpegCoding(JpegRate.from_tables(rate.luma), "4:4:4", is_rgb=True)
        return JpegCoding(rate, subsampling, trellis=trellis)

    def draw_rate(self, rng: Rng, habits: Habits = PHOTOS) -> JpegRate:
        """A quality factor's tables, or others near them."""
        quality = self.draw_quality(rng, habits)
        if quality >= _NEARLY_LOSSLESS and rng.random() < self.ones_share:
            return ones_rate(rng, quality)
        if rng.random() < self.custom_share:
            return custom_rate(rng, quality)
        return JpegRate.from_quality(quality)

    def draw_quality(self, rng: Rng, habits: Habits = PHOTOS) -> int:
        """A quality within the range, by the habits' shares of what the range leaves of their bands."""
        lowest, highest = self.quality_range
        bands = {
            (max(low, lowest), min(high, highest)): share
            for (low, high), share in habits.bands.items()
            if low <= highest and high >= lowest
        }
        low, high = pick(rng, bands or {self.quality_range: 1.0})
        return int(rng.integers(low, high + 1))

    def _draw_resaved(self, rng: Rng, habits: Habits) -> Recipe:
        """Most files are saved at a higher quality than the first time, some at a lower one."""
        first = self.draw_coding(rng, replace(habits, bands=EARLIER_BANDS))
        last = self._draw_last(rng, first, habits)
        kind = rng.random()
        if kind < 0.3:
            return ScaledBetween(first, last, float(rng.uniform(0.4, 1.6)), _FILTERS[int(rng.integers(len(_FILTERS)))])
        if kind < 0.6:
            return SavedAgain(first, last)
        offset = int(rng.integers(_GRID)), int(rng.integers(_GRID))
        if first.rate.level < last.rate.level and not self.aligned_to_file:
            return SavedAgain(first, replace(last, offset=offset))
        return SavedAgain(replace(first, offset=offset), last)

    def _draw_last(self, rng: Rng, first: JpegCoding, habits: Habits) -> JpegCoding:
        """The second time in colour if the first was; by a plain encoder."""
        if rng.random() < 0.7:
            quality = int(rng.integers(min(max(first.rate.quality + 10, 75), 100), 101))
        else:
            quality = self.draw_quality(rng, habits)
        if first.is_gray:
            return JpegCoding(JpegRate.from_tables(JpegRate.from_quality(quality).luma), "gray")
        subsampling = pick(rng, {"4:2:0": 0.75, "4:4:4": 0.2, "4:2:2": 0.05})
        return JpegCoding(JpegRate.from_quality(quality), subsampling)
