"""Recipes: what is done to one crop, drawn before the crop is taken, and the record of what was done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate
from enhance.training.degradation.encode import Uint8, encode_jpeg
from enhance.training.degradation.tables import rescaled_rate

SAMPLES = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2), "4:4:0": (1, 2), "4:1:1": (4, 1)}
"""Luma samples per chroma sample, horizontally and vertically."""

_GRID = 16


@dataclass(frozen=True)
class JpegCoding:
    """One coding of a picture as JPEG.

    Attributes:
        rate: the quantisation tables; of gray and RGB files the luma table stands for all.
        subsampling: "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", or "gray"; RGB files are "4:4:4".
        is_rgb: the components are R, G and B.
        trellis: mozjpeg chose the coefficients.
        offset: row and column of the picture's first pixel on the coding's grid, modulo 16.
    """

    rate: JpegRate
    subsampling: str = "4:2:0"
    is_rgb: bool = False
    trellis: bool = False
    offset: tuple[int, int] = (0, 0)

    @property
    def is_gray(self) -> bool:
        return self.subsampling == "gray"

    @property
    def told(self) -> JpegRate:
        """The rate as a decoder reads it from such a file, with the sampling of its planes."""
        if self.is_gray or self.is_rgb:
            return replace(self.rate, space="gray" if self.is_gray else "rgb", subsampling=(1, 1))
        return replace(self.rate, space="ycbcr", subsampling=SAMPLES[self.subsampling])

    def decode(self, pixels: Uint8) -> Uint8:
        """The picture after this coding, uint8 [H, W, 3] both; gray ones have three equal channels."""
        options = {"is_rgb": self.is_rgb, "trellis": self.trellis}
        if self.is_gray:
            gray = np.ascontiguousarray(pixels[..., 0])
            return _repeat(encode_jpeg(gray, self.rate, "4:4:4", self.offset, **options))
        return encode_jpeg(pixels, self.rate, self.subsampling, self.offset, **options)


@dataclass(frozen=True)
class CodedCrop:
    """A training pair.

    Attributes:
        original: uint8 [H, W, 3] RGB, what is to be restored.
        decoded: the same after all codings.
        coding: the coding that did most of the damage, to be conditioned on.
        last: of files that were saved again at a finer quantisation, the last coding, which is the file's own.
        scale: the picture's size over its size at the first coding.
    """

    original: Uint8
    decoded: Uint8
    coding: JpegCoding
    last: JpegCoding | None = None
    scale: float = 1.0

    @property
    def rate(self) -> JpegRate:
        """What the network is told."""
        if self.last is None:
            return self.coding.told
        rows, columns = (own - later for own, later in zip(self.coding.offset, self.last.offset))
        return self.coding.told.saved_again(
            self.last.told, (rows % _GRID, columns % _GRID) if self.scale == 1 else None, self.scale
        )


class Recipe(Protocol):
    """What is done to a crop."""

    @property
    def reach(self) -> float:
        """Side of the original that is needed, over the side of the crop that comes out."""

    def __call__(self, original: Uint8, side: int) -> CodedCrop:
        """Codes a picture.

        Args:
            original: uint8 [S, S, 3] RGB, S = `reach` · `side` rounded up, or as much as there is.
            side: of the crop that comes out.
        """


@dataclass(frozen=True)
class CodedOnce:
    """The usual file."""

    coding: JpegCoding
    reach: float = 1.0

    def __call__(self, original: Uint8, side: int) -> CodedCrop:
        original = _as_coded(original[:side, :side], self.coding)
        return CodedCrop(original, self.coding.decode(original), self.coding)


@dataclass(frozen=True)
class SavedAgain:
    """A file that was opened and saved again, cropped in between where the offsets differ."""

    first: JpegCoding
    last: JpegCoding
    reach: float = 1.0

    def __call__(self, original: Uint8, side: int) -> CodedCrop:
        original = _as_coded(original[:side, :side], self.first)
        decoded = self.last.decode(self.first.decode(original))
        stronger, last = _told(self.first, self.last)
        return CodedCrop(original, decoded, stronger, last)


@dataclass(frozen=True)
class ScaledBetween:
    """A file that was scaled before it was saved again: old blocks are no longer 8 pixels wide.

    Attributes:
        first, last: the codings; the first one's grid has no place in the scaled picture.
        scale: its size after over its size before.
        resampling: the filter.
    """

    first: JpegCoding
    last: JpegCoding
    scale: float
    resampling: Image.Resampling

    @property
    def reach(self) -> float:
        return 1 / self.scale

    def __call__(self, original: Uint8, side: int) -> CodedCrop:
        original = _as_coded(original, self.first)
        scale = side / original.shape[0]
        target, damaged = (self._resize(picture, side) for picture in (original, self.first.decode(original)))
        equivalent = replace(self.first, rate=rescaled_rate(self.first.rate, scale))
        stronger, last = _told(equivalent, self.last)
        return CodedCrop(target, self.last.decode(damaged), stronger, last, scale)

    def _resize(self, picture: Uint8, side: int) -> Uint8:
        return np.asarray(Image.fromarray(picture).resize((side, side), self.resampling))


def _told(first: JpegCoding, last: JpegCoding) -> tuple[JpegCoding, JpegCoding | None]:
    """The coding that did most of the damage, and the last one where that is another."""
    return (first, last) if first.rate.level < last.rate.level else (last, None)


def _as_coded(original: Uint8, coding: JpegCoding) -> Uint8:
    """The original, without its colours where the file has none."""
    return _repeat(np.asarray(Image.fromarray(original).convert("L"))) if coding.is_gray else original


def _repeat(gray: Uint8) -> Uint8:
    return np.repeat(gray[..., None], 3, axis=2)
