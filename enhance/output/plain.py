"""Formats that Pillow writes alone, or with a plugin if that is installed: AVIF, JPEG XL, HEIC, BMP and PPM."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, features

from enhance.errors import UsageError
from enhance.images import Metadata, Pixels
from enhance.metadata.exif import PREFIX

_LOSSY_QUALITY = 92
"""Default of AVIF and HEIC, all planes in full resolution; JPEG XL is lossless by default, as WebP is."""


def check_available(name: str) -> None:
    """Raises UsageError where this installation cannot write "avif", "jxl" or "heic"."""
    if name == "avif" and not features.check("avif"):
        raise UsageError("this Pillow cannot write AVIF", hint="pip install 'pillow>=11.3'")
    if name == "jxl":
        _require("pillow_jxl", "pip install pillow-jxl-plugin")
    if name == "heic":
        _require("pillow_heif", "pip install pillow-heif").register_heif_opener()


def encode_plain(pixels: Pixels, metadata: Metadata, *, name: str, quality: int | None) -> bytes:
    """The file, without what it has no place for.

    Args:
        pixels: uint8 [H, W, 3] or [H, W].
        metadata: what the format can hold, see `fitting`.
        name: "avif", "jxl", "heic", "bmp" or "ppm".
        quality: 1-100 where the format has one; None: the default.
    """
    check_available(name)
    options: dict[str, Any] = {}
    if metadata.exif:
        block = metadata.exif.removeprefix(PREFIX)
        options["exif"] = block if name == "jxl" else PREFIX + block  # that plugin wants it as it stands in TIFF
    given = {"icc_profile": metadata.icc_profile, "xmp": metadata.xmp, "dpi": metadata.dpi if name == "bmp" else None}
    options |= {key: value for key, value in given.items() if value}
    options |= _with_quality(name, quality)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, _PILLOW_NAMES[name], **options)
    return buffer.getvalue()


_PILLOW_NAMES = {"avif": "AVIF", "jxl": "JXL", "heic": "HEIF", "bmp": "BMP", "ppm": "PPM"}


def _with_quality(name: str, quality: int | None) -> dict[str, Any]:
    if name == "avif":
        return {"quality": quality or _LOSSY_QUALITY, "subsampling": "4:4:4", "speed": 8}
    if name == "heic":
        return {"quality": quality or _LOSSY_QUALITY, "chroma": 444}
    if name == "jxl":
        return {"lossless": True} if quality is None else {"quality": quality}
    return {}


def _require(module: str, hint: str) -> Any:
    try:
        return __import__(module)
    except ImportError:
        raise UsageError(f"this format needs the plugin {module}, which is not installed", hint=hint) from None
