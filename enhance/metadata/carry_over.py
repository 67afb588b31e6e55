"""What travels with the pixels, carried over exactly once.

Viewers honour the orientation tag of a JPEG and mostly ignore that of a PNG, WebP or TIFF. So the tag is either kept,
with the pixels as stored, or applied to the pixels and set to 1; never both, and EXIF and XMP always agree.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import numpy as np

from enhance.images import Metadata, Pixels
from enhance.metadata.attached import without_announcements
from enhance.metadata.exif import ExifBlock

logger = logging.getLogger(__name__)


def open_exif(exif: bytes | None, *, source: str = "<memory>") -> ExifBlock | None:
    """The EXIF block, or None where it is missing or damaged."""
    if not exif:
        return None
    try:
        return ExifBlock(exif)
    except ValueError as error:
        logger.debug("%s: damaged EXIF: %s", source, error)
        return None


def read_orientation(exif: bytes | None, xmp: bytes | None = None, *, source: str = "<memory>") -> int:
    """EXIF orientation 1-8; XMP's where EXIF has none (as Pillow does); 1 where neither has a valid one."""
    block = open_exif(exif, source=source)
    if block is not None and block.orientation is not None:
        return block.orientation
    match = _xmp_pattern("tiff", "Orientation").search(xmp or b"")
    value = int(match[2]) if match and len(match[2]) == 1 else 1
    return value if 1 <= value <= 8 else 1


def orient(pixels: Pixels, orientation: int) -> Pixels:
    """Stored pixels as they are meant to be seen.

    Args:
        pixels: [H, W] or [H, W, C].
        orientation: EXIF orientation 1-8: which side of the scene row 0 and column 0 are.

    Returns:
        a C-contiguous array; [W, H] or [W, H, C] for orientations 5-8.
    """
    if orientation in (5, 6, 7, 8):  # row 0 is the left or right side
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def carry_over(
    metadata: Metadata,
    *,
    width: int,
    height: int,
    apply_orientation: bool,
    keep_gain_map: bool = False,
    source: str = "<memory>",
) -> Metadata:
    """The metadata to write beside an enhanced picture.

    Args:
        metadata: as decoded.
        width: of the pixels as stored, before any rotation.
        height: likewise.
        apply_orientation: True if the caller passes the pixels through `orient`; False if it writes them as stored.
        keep_gain_map: the caller writes the gain map, too; otherwise it is dropped with what announces it.
        source: the name to use in log messages.

    Returns:
        metadata with right sizes, without a thumbnail of the damaged picture, and with the orientation that is left for
        a viewer to apply.
    """
    transposed = apply_orientation and metadata.orientation >= 5
    if transposed:
        width, height = height, width
    orientation = 1 if apply_orientation else metadata.orientation
    exif = open_exif(metadata.exif, source=source)
    if exif is not None:
        exif.drop_thumbnail()
        exif.set_size(width, height)
        exif.set_orientation(orientation)
        if transposed:
            exif.swap_resolution()
    xmp = metadata.xmp and without_announcements(metadata.xmp, keep_gain_map=keep_gain_map)
    return replace(
        metadata,
        exif=exif.to_bytes() if exif is not None else None,
        xmp=_updated_xmp(xmp, orientation, width, height) if xmp else None,
        gain_map=metadata.gain_map if keep_gain_map else None,
        dpi=metadata.dpi[::-1] if metadata.dpi and transposed else metadata.dpi,
        orientation=orientation,
    )


def _xmp_pattern(prefix: str, name: str) -> re.Pattern[bytes]:
    """A number in XMP, as an attribute (tiff:Orientation="6") or as an element (<tiff:Orientation>6</...>)."""
    return re.compile(rb"(\b%s:%s(?:\s*=\s*[\"']|>)\s*)(\d+)" % (prefix.encode(), name.encode()))


def _updated_xmp(xmp: bytes, orientation: int, width: int, height: int) -> bytes:
    for prefix, name, value in (
        ("tiff", "Orientation", orientation),
        ("tiff", "ImageWidth", width),
        ("tiff", "ImageLength", height),
        ("exif", "PixelXDimension", width),
        ("exif", "PixelYDimension", height),
    ):
        xmp = _xmp_pattern(prefix, name).sub(rb"\g<1>%d" % value, xmp)
    return xmp
