"""What of a picture's metadata a format can hold, so that metadata never cost a picture, and its readers can read it.

The largest blocks that are written are those that Pillow, OpenCV and libvips read back (tested): Pillow refuses PNG
files with a profile above a megabyte, libpng chunks above eight,
libtiff tags that take 50 in all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from enhance.images import Metadata, Pixels
from enhance.metadata.photoshop import has_iptc

Encode = Callable[[Pixels, Metadata], bytes]

_SEGMENT = 65533  # payload of a JPEG segment, its length excluded
_XMP_SEGMENT = _SEGMENT - len(b"http://ns.adobe.com/xap/1.0/\0")
_ICC_SEGMENTS = 255 * (_SEGMENT - len(b"ICC_PROFILE\0") - 2)
_MOST_BYTES = {
    "PNG": {"icc_profile": 1 << 20, "exif": 4 << 20, "xmp": 4 << 20, "comment": 1 << 20},
    "JPEG": {"icc_profile": _ICC_SEGMENTS, "exif": _SEGMENT, "xmp": _XMP_SEGMENT, "comment": _SEGMENT},
    "WEBP": {"icc_profile": 16 << 20, "exif": 16 << 20, "xmp": 16 << 20},
    "TIFF": {"icc_profile": 4 << 20, "exif": 4 << 20, "xmp": 4 << 20, "comment": 1 << 20, "photoshop": 4 << 20},
}
_MOST_BYTES |= dict.fromkeys(("AVIF", "JXL", "HEIC"), _MOST_BYTES["WEBP"]) | {"BMP": {}, "PPM": {}}
# Resolutions in pixels per inch: JFIF has 16 bits, PNG 31 bits of pixels per metre, TIFF 32 bits of numerator.
_DPI = {"PNG": (0.02, 5e7), "JPEG": (0.5, 65535), "TIFF": (1e-6, 4e9)}
_ANY = (0, float("inf"))
_NAMES = {
    "exif": "EXIF", "icc_profile": "ICC profile", "xmp": "XMP", "comment": "comment", "photoshop": "IPTC",
    "dpi": "resolution", "colour": "colour description",
}  # fmt: skip
_ABSENT: dict[str, tuple[str, ...]] = {"PNG": ("photoshop",), "JPEG": ("colour",), "TIFF": ("colour",)}
_ABSENT |= dict.fromkeys(("WEBP", "AVIF", "JXL", "HEIC"), ("comment", "photoshop", "colour"))
_ABSENT |= dict.fromkeys(("BMP", "PPM"), ("exif", "icc_profile", "xmp", "comment", "photoshop", "colour"))


def fit(metadata: Metadata, fmt: str, *, is_gray: bool) -> tuple[Metadata, tuple[str, ...]]:
    """What the format takes, and a note for each block that it does not.

    Args:
        metadata: to be written.
        fmt: name of an `OutputFormat`.
        is_gray: the pixels have one channel.
    """
    dropped: dict[str, str] = {}
    for name, most in _MOST_BYTES[fmt].items():
        block = getattr(metadata, name)
        if block and len(block) > most:
            dropped[name] = f"longer than the {most} bytes that {fmt} files hold"
    for name in _ABSENT[fmt]:
        block = getattr(metadata, name)
        if block and (name != "photoshop" or has_iptc(block)):
            dropped[name] = f"{fmt} has no place for it"
    if metadata.xmp and fmt == "PNG" and not _is_utf8(metadata.xmp):
        dropped["xmp"] = "it is not UTF-8"
    if is_gray and metadata.icc_profile and fmt == "WEBP":
        dropped["icc_profile"] = "it is for gray pictures, WebP has none"
    low, high = _DPI.get(fmt, _ANY)
    if metadata.dpi and not all(low < value < high for value in metadata.dpi):
        dropped["dpi"] = f"out of range for {fmt}"
    return _without(metadata, dropped), tuple(f"{_NAMES[name]} dropped, {reason}" for name, reason in dropped.items())


def encode_without_obstacles(encode: Encode, pixels: Pixels, metadata: Metadata) -> tuple[bytes, tuple[str, ...]]:
    """Encodes with as much of the metadata as the encoder takes: whatever it stumbles over is left out, with a note.

    Raises:
        whatever `encode` raises for the pixels alone.
    """
    try:
        return encode(pixels, metadata), ()
    except MemoryError:
        raise
    except Exception:
        speck = np.ascontiguousarray(pixels[:1, :1])
        encode(speck, Metadata())  # else it is not the metadata
        guilty = [name for name in _NAMES if getattr(metadata, name) and _fails(encode, speck, metadata, name)]
        if not guilty:
            raise
        return encode(pixels, _without(metadata, guilty)), tuple(
            f"{_NAMES[name]} dropped, it cannot be written" for name in guilty
        )


def _without(metadata: Metadata, names: Iterable[str]) -> Metadata:
    nothing: dict[str, Any] = dict.fromkeys(names)
    return replace(metadata, **nothing)


def _fails(encode: Encode, pixels: Pixels, metadata: Metadata, name: str) -> bool:
    try:
        encode(pixels, replace(Metadata(), **{name: getattr(metadata, name)}))
    except Exception:  # Pillow raises OSError, ValueError, struct.error, OverflowError, ... according to the format
        return True
    return False


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
