"""JPEG encoders: libjpeg through Pillow, and through jpeglib what Pillow does not offer."""

from __future__ import annotations

import io
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate

logger = logging.getLogger(__name__)

Uint8 = npt.NDArray[np.uint8]

PILLOW_SUBSAMPLING = ("4:4:4", "4:2:2", "4:2:0")
SUBSAMPLING = (*PILLOW_SUBSAMPLING, "4:4:0", "4:1:1")
MOZJPEG = "mozjpeg403"
"""The name of jpeglib's build of mozjpeg 4.0.3."""


def encode_jpeg(
    pixels: Uint8,
    rate: JpegRate,
    subsampling: str = "4:2:0",
    offset: tuple[int, int] = (0, 0),
    *,
    is_rgb: bool = False,
    trellis: bool = False,
) -> Uint8:
    """Codes an image as JPEG and decodes it with libjpeg.

    Args:
        offset: rows and columns by which the JPEG grid is moved up and left (an image cropped after coding).
        pixels, rate, subsampling, is_rgb, trellis: as for `encode_file`.

    Returns:
        the decoded image, the same shape.
    """
    top, left = offset
    if top or left:
        edges = ((top, 0), (left, 0)) + ((0, 0),) * (pixels.ndim - 2)
        pixels = np.pad(pixels, edges, mode="edge")
    file = encode_file(pixels, rate, subsampling, is_rgb=is_rgb, trellis=trellis)
    return np.asarray(Image.open(io.BytesIO(file)))[top:, left:]


def encode_file(
    pixels: Uint8, rate: JpegRate, subsampling: str = "4:2:0", *, is_rgb: bool = False, trellis: bool = False
) -> bytes:
    """A JPEG file.

    Args:
        pixels: uint8, [H, W, 3] RGB or [H, W] gray.
        rate: the tables to use.
        subsampling: one of `SUBSAMPLING`; gray and RGB files have none.
        is_rgb: the components are R, G and B, all coded with the luma table.
        trellis: the coefficients are chosen by mozjpeg (trellis quantisation, overshoot deringing), where it is there.
    """
    trellis = trellis and not is_rgb and has_mozjpeg()
    if trellis or (subsampling not in PILLOW_SUBSAMPLING and pixels.ndim == 3 and not is_rgb):
        return _through_jpeglib(pixels, rate, subsampling, MOZJPEG if trellis else "6b")
    return _through_pillow(pixels, rate, subsampling, is_rgb)


@lru_cache(maxsize=1)
def has_mozjpeg() -> bool:
    """Whether jpeglib was built with mozjpeg; warns once if it was not."""
    import jpeglib

    found = MOZJPEG in jpeglib.version.versions()
    if not found:
        logger.warning("jpeglib has no %s here: no training pairs with trellis quantisation and its tables", MOZJPEG)
    return found


def _through_pillow(pixels: Uint8, rate: JpegRate, subsampling: str, is_rgb: bool) -> bytes:
    # Pillow wants the tables in natural order, as `JpegRate` has them.
    tables = [rate.luma.reshape(-1).tolist(), rate.chroma.reshape(-1).tolist()]
    options: dict[str, Any] = {"subsampling": subsampling}
    if is_rgb:
        options = {"keep_rgb": True}
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", qtables=tables[: 1 if pixels.ndim == 2 or is_rgb else 2], **options)
    return buffer.getvalue()


def _through_jpeglib(pixels: Uint8, rate: JpegRate, subsampling: str, version: str) -> bytes:
    import jpeglib

    picture = jpeglib.from_spatial(np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1)))
    tables = np.stack([rate.luma, rate.chroma])
    if pixels.ndim == 2:
        tables = tables[:1]
    else:
        picture.samp_factor = subsampling
    with _scratch_file() as path:
        with jpeglib.version(version):
            picture.write_spatial(path, qt=tables)
        return Path(path).read_bytes()


@contextmanager
def _scratch_file() -> Iterator[str]:
    """The path of an empty file: in memory where the system has such files, since a disk takes longer than libjpeg."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("jpeg")
        try:
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
    else:
        with tempfile.TemporaryDirectory(prefix="enhance-") as folder:
            yield str(Path(folder) / "picture.jpg")
