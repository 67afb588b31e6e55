"""Originals, what people do to them, and what is then known of the result."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from measure_harm import Original
from PIL import Image

from enhance.codecs.coding import Coding
from enhance.codecs.jpeg.estimation.history import find_coding, find_earlier
from enhance.codecs.jpeg.rate import JpegRate
from enhance.training.degradation.encode import encode_jpeg
from enhance.training.degradation.recipes import SAMPLES

Uint8 = npt.NDArray[np.uint8]

RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Found:
    """A picture as somebody finds it.

    Attributes:
        pixels: uint8 [H, W, 3] or [H, W].
        last: the rate in its file; None: it is in no file that tells one.
    """

    pixels: Uint8
    last: JpegRate | None = None

    def estimate(self) -> Coding | None:
        """What its pixels tell of an earlier coding."""
        return find_coding(self.pixels) if self.last is None else find_earlier(self.pixels, self.last)


def code(pixels: Uint8, rate: JpegRate, sampling: str = "4:2:0", *, trellis: bool = False) -> Found:
    """A picture after libjpeg, or mozjpeg with its trellis, and its file's rate."""
    if pixels.ndim == 2:
        return Found(encode_jpeg(pixels, rate, "4:4:4"), JpegRate.from_tables(rate.luma))
    told = replace(rate, subsampling=SAMPLES[sampling])
    return Found(encode_jpeg(pixels, rate, sampling, trellis=trellis), told)


def crop(pixels: Uint8, rows: int, columns: int) -> Uint8:
    """Without its first rows and columns."""
    return np.ascontiguousarray(pixels[rows:, columns:])


def scale(pixels: Uint8, factor: float, filter_name: str = "lanczos") -> Uint8:
    """Resampled by Pillow."""
    size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
    return np.asarray(Image.fromarray(pixels).resize(size, RESAMPLING[filter_name]))


def to_gray(pixels: Uint8) -> Uint8:
    """[H, W]: luma."""
    return np.asarray(Image.fromarray(pixels).convert("L"))


def as_file(pixels: Uint8, quality: int, sampling: str = "4:2:0") -> bytes:
    """A JPEG file of IJG's tables."""
    file = io.BytesIO()
    options: dict[str, Any] = {"subsampling": sampling} if pixels.ndim == 3 else {}
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def is_neutral(original: Original) -> bool:
    """Whether it has no colour."""
    return bool((np.ptp(original.pixels.astype(np.int16), axis=2) == 0).all())


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """As Markdown."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def percent(hits: Sequence[bool]) -> str:
    """Of how many something is true."""
    return f"{100 * float(np.mean(hits)):.1f} %" if len(hits) else ""
