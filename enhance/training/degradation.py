"""JPEG degradation with real libjpeg, for training pairs and for calibration."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate, ijg_tables

Uint8 = npt.NDArray[np.uint8]


def encode_jpeg(pixels: Uint8, rate: JpegRate, subsampling: str = "4:2:0", offset: tuple[int, int] = (0, 0)) -> Uint8:
    """Codes and decodes an image with libjpeg.

    Args:
        pixels: uint8, [H, W, 3] RGB or [H, W] gray.
        rate: the tables to use.
        subsampling: "4:4:4", "4:2:2" or "4:2:0"; gray has none.
        offset: rows and columns by which the JPEG grid is moved up and left (an image cropped after coding).

    Returns:
        the decoded image, the same shape.
    """
    top, left = offset
    if top or left:
        edges = ((top, 0), (left, 0)) + ((0, 0),) * (pixels.ndim - 2)
        pixels = np.pad(pixels, edges, mode="edge")
    # Pillow wants the tables in natural order, as `JpegRate` has them.
    tables = [rate.luma.reshape(-1).tolist(), rate.chroma.reshape(-1).tolist()]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", qtables=tables[: 1 if pixels.ndim == 2 else 2], subsampling=subsampling
    )
    return np.asarray(Image.open(buffer))[top:, left:]


@dataclass(frozen=True)
class JpegDegradation:
    """Draws a coding for a crop: what real files look like, with the common cases most often.

    Attributes:
        quality_range: lowest and highest IJG quality.
        low_share: share of draws below quality 60, where the artefacts are.
        custom_share: share of tables that no quality factor makes.
        gray_share: share of gray files.
        resaved_share: share of files that were damaged first, with a grid of their own, and re-saved at a high
            quality; they are conditioned on the first coding, as the user's `quality=` override says it.
    """

    quality_range: tuple[int, int] = (3, 98)
    low_share: float = 0.75
    custom_share: float = 0.06
    gray_share: float = 0.05
    resaved_share: float = 0.04

    def __call__(self, original: Uint8, rng: np.random.Generator) -> tuple[Uint8, Uint8, JpegRate]:
        """Codes one crop.

        Args:
            original: uint8, [H, W, 3] RGB.
            rng: source of randomness.

        Returns:
            original and decoded image, [H, W, 3] each (gray is repeated), and the rate to condition on.
        """
        rate = self.draw_rate(rng)
        if rng.random() < self.gray_share:
            gray = np.asarray(Image.fromarray(original).convert("L"))
            rate = JpegRate.from_tables(rate.luma)
            return _repeat(gray), _repeat(encode_jpeg(gray, rate)), rate
        subsampling = str(rng.choice(["4:2:0", "4:4:4", "4:2:2"], p=[0.82, 0.13, 0.05]))
        if rng.random() < self.resaved_share:
            offset = (int(rng.integers(16)), int(rng.integers(16)))
            damaged = encode_jpeg(original, rate, subsampling, offset)
            return original, encode_jpeg(damaged, JpegRate.from_quality(int(rng.integers(88, 99)))), rate
        return original, encode_jpeg(original, rate, subsampling), rate

    def draw_rate(self, rng: np.random.Generator) -> JpegRate:
        """A quality factor's tables, or custom ones near them."""
        low, high = self.quality_range
        middle = min(60, high)
        first = rng.random() < self.low_share
        quality = int(rng.integers(low, middle + 1) if first else rng.integers(min(middle, high), high + 1))
        if rng.random() >= self.custom_share:
            return JpegRate.from_quality(quality)
        luma, chroma = (table.astype(np.float64) for table in ijg_tables(quality))
        kind = rng.integers(3)
        if kind == 0:  # cameras: the curve of another steepness, luma and chroma scaled apart
            steepness = rng.uniform(0.5, 1.2)
            luma, chroma = luma**steepness * rng.uniform(0.6, 1.4), chroma**steepness * rng.uniform(0.5, 1.5)
        elif kind == 1:  # one table for both
            chroma = luma = luma * rng.uniform(0.7, 1.3)
        else:  # flat tables
            luma, chroma = np.full((8, 8), np.median(luma)), np.full((8, 8), np.median(chroma))
        return JpegRate.from_tables(*(np.clip(np.rint(table), 1, 255) for table in (luma, chroma)))


def _repeat(gray: Uint8) -> Uint8:
    return np.repeat(gray[..., None], 3, axis=2)
