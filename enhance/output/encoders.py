"""Pixels and their metadata as the bytes of a PNG, JPEG, WebP or TIFF file."""

from __future__ import annotations

import io
import logging
import os
from dataclasses import replace
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from enhance.errors import EnhanceError, OutputError, UsageError
from enhance.frames.depth import to_dtype
from enhance.images import EnhancedImage, Metadata, Pixels
from enhance.metadata.carry_over import carry_over, orient
from enhance.metadata.exif import PREFIX
from enhance.output.high_depth import encode_png16, encode_tiff

logger = logging.getLogger(__name__)

DEFAULT_JPEG_QUALITY = 95
_PNG_LEVEL = 4  # 0.5 % larger than zlib's default 6, in 60 % of its time (measured on photographs)
_JPEG_SEGMENT = 65533
_XMP_SEGMENT = _JPEG_SEGMENT - len(b"http://ns.adobe.com/xap/1.0/\0")


class OutputFormat(Enum):
    """A file format that results can be written in."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    TIFF = "tiff"

    @classmethod
    def from_name(cls, name: str) -> OutputFormat:
        """The format of a name or an extension ("png", "jpg", ".tif"). Raises UsageError for others."""
        key = name.lower().removeprefix(".")
        key = {"jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "tif": "tiff"}.get(key, key)
        try:
            return cls(key)
        except ValueError:
            known = ", ".join(fmt.value for fmt in cls)
            raise UsageError(f"unknown output format {name!r}", hint=f"choose one of {known}") from None

    @classmethod
    def from_path(cls, path: str | os.PathLike[str]) -> OutputFormat:
        """The format of a path's extension. Raises UsageError where there is none or it is unknown."""
        extension = PurePath(path).suffix
        if not extension:
            raise UsageError("the output has no extension", source=os.fspath(path), hint="add one, or name the format")
        return cls.from_name(extension)

    @property
    def extension(self) -> str:
        """The usual extension, with its dot."""
        return ".jpg" if self is OutputFormat.JPEG else f".{self.value}"

    @property
    def max_side(self) -> int:
        """Largest width or height that the format, or its library, can hold."""
        return {"jpeg": 65500, "webp": 16383}.get(self.value, 2**31 - 1)

    @property
    def max_depth(self) -> int:
        """Most bits per sample that are written."""
        return 16 if self in (OutputFormat.PNG, OutputFormat.TIFF) else 8

    @property
    def keeps_orientation_tag(self) -> bool:
        """True if viewers honour the orientation tag, so that pixels may stay as stored."""
        return self is OutputFormat.JPEG


def encode_image(
    image: EnhancedImage, fmt: OutputFormat | str, *, quality: int | None = None, depth: int | None = None
) -> bytes:
    """Encodes a picture with its metadata.

    EXIF, ICC profile and XMP go into every format, the resolution into all but WebP, the comment into JPEG. The
    orientation tag is kept in JPEG, elsewhere it is applied to the pixels.

    Args:
        image: pixels [H, W, 3] RGB or [H, W] gray; uint8, uint16 (0-65535) or float32 (0-1). Gray stays gray (WebP has
            no gray: three equal channels).
        fmt: the format or its name.
        quality: JPEG 1-100, 4:4:4 (default 95); WebP 1-100 is lossy, the default is lossless. Not for PNG and TIFF.
        depth: bits per sample, 8, or 16 in PNG and TIFF; by default 16 for uint16 pixels where the format has them,
            otherwise 8.

    Raises:
        UsageError: unknown format, quality or depth out of range or not applicable.
        OutputError: the picture does not fit the format, or its library failed.
    """
    fmt = OutputFormat.from_name(fmt) if isinstance(fmt, str) else fmt
    check_quality(fmt, quality)
    check_depth(fmt, depth)
    height, width = image.pixels.shape[:2]
    if max(height, width) > fmt.max_side:
        reason = f"{width}x{height} pixels do not fit into {fmt.name}, its limit is {fmt.max_side} a side"
        raise OutputError(reason, source=image.source, hint="write PNG or TIFF")
    apply_orientation = not fmt.keeps_orientation_tag
    metadata = carry_over(
        image.metadata, width=width, height=height, apply_orientation=apply_orientation, source=image.source
    )
    if depth is None:
        depth = fmt.max_depth if image.pixels.dtype == np.uint16 else 8
    pixels = to_dtype(image.pixels, np.uint16 if depth == 16 else np.uint8)
    if apply_orientation:
        pixels = orient(pixels, image.metadata.orientation)
    encode = {"png": _encode_png, "jpeg": _encode_jpeg, "webp": _encode_webp, "tiff": _encode_tiff}[fmt.value]
    try:
        return encode(np.ascontiguousarray(pixels), metadata, quality, image.source)
    except EnhanceError:
        raise
    except MemoryError:
        raise OutputError("not enough memory to encode it", source=image.source, hint="free memory") from None
    except Exception as error:  # Pillow raises OSError, ValueError, struct.error, ... according to the format
        raise OutputError(
            f"cannot be encoded as {fmt.name}: {error}", source=image.source, hint="try another format"
        ) from error


def check_quality(fmt: OutputFormat, quality: int | None) -> None:
    """Raises UsageError for a quality that is out of range or that the format does not have; see `encode_image`."""
    if quality is None:
        return
    if fmt in (OutputFormat.PNG, OutputFormat.TIFF):
        raise UsageError(f"{fmt.name} is lossless and has no quality", hint="leave the output quality out")
    if not 1 <= quality <= 100 or quality != int(quality):
        raise UsageError(f"the output quality must be an integer from 1 to 100, not {quality}")


def check_depth(fmt: OutputFormat, depth: int | None) -> None:
    """Raises UsageError for a depth that the format does not have; see `encode_image`."""
    if depth not in (None, 8, 16):
        raise UsageError(f"the output depth must be 8 or 16, not {depth}")
    if depth is not None and depth > fmt.max_depth:
        raise UsageError(f"{fmt.name} files hold {fmt.max_depth} bits per sample", hint="write PNG or TIFF")


def _encode_png(pixels: Pixels, metadata: Metadata, quality: int | None, source: str) -> bytes:
    xmp = None
    try:
        xmp = metadata.xmp.decode("utf-8") if metadata.xmp else None
    except UnicodeDecodeError:
        logger.warning("%s: XMP that is not UTF-8 dropped", source)
    if pixels.dtype == np.uint16:
        return encode_png16(pixels, metadata, xmp)
    text = PngImagePlugin.PngInfo()
    if xmp:
        text.add_itxt("XML:com.adobe.xmp", xmp)
    return _save(pixels, metadata, format="PNG", compress_level=_PNG_LEVEL, pnginfo=text, dpi=metadata.dpi)


def _encode_jpeg(pixels: Pixels, metadata: Metadata, quality: int | None, source: str) -> bytes:
    options: dict[str, Any] = {"quality": int(quality or DEFAULT_JPEG_QUALITY), "subsampling": "4:4:4"}
    too_long = [
        name
        for name, block, limit in (
            ("EXIF", metadata.exif, _JPEG_SEGMENT),
            ("XMP", metadata.xmp, _XMP_SEGMENT),
            ("comment", metadata.comment, _JPEG_SEGMENT),
        )
        if block and len(block) > limit
    ]
    for name in too_long:
        logger.warning("%s: %s dropped, it is longer than a JPEG segment", source, name)
    if metadata.xmp and "XMP" not in too_long:
        options["xmp"] = metadata.xmp
    if metadata.comment and "comment" not in too_long:
        options["comment"] = metadata.comment
    if metadata.dpi and all(0.5 < value < 65535 for value in metadata.dpi):
        options["dpi"] = metadata.dpi
    return _save(pixels, metadata, format="JPEG", with_exif="EXIF" not in too_long, **options)


def _encode_webp(pixels: Pixels, metadata: Metadata, quality: int | None, source: str) -> bytes:
    if pixels.ndim == 2 and metadata.icc_profile:
        logger.warning("%s: the gray ICC profile is dropped, WebP has no gray", source)
        metadata = replace(metadata, icc_profile=None)
    lossy: dict[str, Any] = {"quality": int(quality), "method": 4} if quality is not None else {"lossless": True}
    return _save(pixels, metadata, format="WEBP", xmp=metadata.xmp or b"", **lossy)


def _encode_tiff(pixels: Pixels, metadata: Metadata, quality: int | None, source: str) -> bytes:
    return encode_tiff(pixels, metadata, source=source)


def _save(pixels: Pixels, metadata: Metadata, *, with_exif: bool = True, **options: Any) -> bytes:
    if metadata.exif and with_exif:
        options["exif"] = metadata.exif if metadata.exif.startswith(PREFIX) else PREFIX + metadata.exif
    if options.get("dpi", ...) is None:
        del options["dpi"]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, icc_profile=metadata.icc_profile, **options)
    return buffer.getvalue()
