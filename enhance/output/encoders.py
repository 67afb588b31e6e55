"""Pixels and their metadata as the bytes of a PNG, JPEG, WebP, TIFF or other file."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from enhance.errors import EnhanceError, OutputError, UsageError
from enhance.frames.depth import to_dtype
from enhance.images import EnhancedImage, Metadata, Pixels
from enhance.metadata.carry_over import carry_over, orient
from enhance.metadata.exif import PREFIX
from enhance.metadata.photoshop import HEADER
from enhance.output.fitting import encode_without_obstacles, fit
from enhance.output.high_depth import cicp, encode_png16, encode_tiff
from enhance.output.multi_picture import with_second_picture
from enhance.output.plain import check_available, encode_plain

DEFAULT_JPEG_QUALITY = 95
# Beside runs alone (Z_RLE at level 4), decoded photographs of 0.1 megapixels take 7.3 instead of 6.6 ms and are 1.7 %
# smaller, drawings 5.9 instead of 6.1 ms and 20 % smaller (a dozen of each, CPU time). One filter for all rows would
# take 3.3 ms, but files 11 % larger than with runs; the better of two for each row 4.0 ms and 7 %.
_PNG_LEVEL, _PNG_STRATEGY = 1, zlib.Z_FILTERED
_ALIASES = {
    "jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "tif": "tiff", "heif": "heic", "pgm": "ppm", "pnm": "ppm",
}  # fmt: skip
_PIECE = 65000  # bytes of Photoshop resources in a JPEG segment


class OutputFormat(Enum):
    """A file format that results can be written in."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    TIFF = "tiff"
    AVIF = "avif"
    JXL = "jxl"
    HEIC = "heic"
    BMP = "bmp"
    PPM = "ppm"

    @classmethod
    def from_name(cls, name: str) -> OutputFormat:
        """The format of a name or an extension ("png", "jpg", ".tif"). Raises UsageError for others."""
        key = name.lower().removeprefix(".")
        key = _ALIASES.get(key, key)
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
        return {"jpeg": 65500, "webp": 16383, "avif": 65536, "heic": 16384}.get(self.value, 2**31 - 1)

    @property
    def max_depth(self) -> int:
        """Most bits per sample that are written."""
        return 16 if self in (OutputFormat.PNG, OutputFormat.TIFF) else 8

    @property
    def has_quality(self) -> bool:
        """Whether its files can be smaller for less quality."""
        return self not in (OutputFormat.PNG, OutputFormat.TIFF, OutputFormat.BMP, OutputFormat.PPM)

    @property
    def keeps_orientation_tag(self) -> bool:
        """True if viewers honour the orientation tag, so that pixels may stay as stored."""
        return self is OutputFormat.JPEG


@dataclass(frozen=True)
class Encoded:
    """A picture's file.

    Attributes:
        content: its bytes.
        notes: what of the metadata could not be kept, one line each.
    """

    content: bytes
    notes: tuple[str, ...] = ()


def encode_image(
    image: EnhancedImage, fmt: OutputFormat | str, *, quality: int | None = None, depth: int | None = None
) -> bytes:
    """Encodes a picture with its metadata. Arguments and errors as in `encode_with_notes`."""
    return encode_with_notes(image, fmt, quality=quality, depth=depth).content


def encode_with_notes(
    image: EnhancedImage,
    fmt: OutputFormat | str,
    *,
    quality: int | None = None,
    depth: int | None = None,
    keep_gain_map: bool = False,
) -> Encoded:
    """Encodes a picture with its metadata.

    EXIF, ICC profile and XMP go into every format but BMP and PPM, the resolution and the comment into PNG, JPEG and
    TIFF, IPTC into JPEG and TIFF. What a format cannot hold is left out, with a note; metadata never cost a picture.
    The orientation tag is kept in JPEG, elsewhere it is applied to the pixels.

    Args:
        image: pixels [H, W, 3] RGB or [H, W] gray; uint8, uint16 (0-65535) or float32 (0-1). Gray stays gray (WebP has
            no gray: three equal channels).
        fmt: the format or its name.
        quality: JPEG 1-100, 4:4:4 (default 95); WebP and JPEG XL 1-100 are lossy, the default is
            lossless; AVIF and HEIC 1-100, 4:4:4 (default 92). Not for PNG, TIFF, BMP and PPM.
        depth: bits per sample, 8, or 16 in PNG and TIFF; by default 16 for uint16 pixels where the format has them,
            otherwise 8.
        keep_gain_map: a JPEG gets the HDR gain map of the file that it comes from; otherwise that, and what announces
            it, is dropped.

    Raises:
        UsageError: unknown format, quality or depth out of range or not applicable.
        OutputError: the picture does not fit the format, or its library failed.
    """
    fmt = OutputFormat.from_name(fmt) if isinstance(fmt, str) else fmt
    check_quality(fmt, quality)
    check_depth(fmt, depth)
    check_available(fmt.value)
    height, width = image.pixels.shape[:2]
    if max(height, width) > fmt.max_side:
        reason = f"{width}x{height} pixels do not fit into {fmt.name}, its limit is {fmt.max_side} a side"
        raise OutputError(reason, source=image.source, hint="write PNG or TIFF")
    apply_orientation = not fmt.keeps_orientation_tag
    carried = carry_over(
        image.metadata, width=width, height=height, apply_orientation=apply_orientation,
        keep_gain_map=keep_gain_map and fmt is OutputFormat.JPEG, source=image.source,
    )  # fmt: skip
    notes = ("damaged EXIF, dropped",) if image.metadata.exif and carried.exif is None else ()
    metadata, unfit = fit(carried, fmt.name, is_gray=image.pixels.ndim == 2)
    if depth is None:
        depth = fmt.max_depth if image.pixels.dtype == np.uint16 else 8
    pixels = to_dtype(image.pixels, np.uint16 if depth == 16 else np.uint8)
    if apply_orientation:
        pixels = orient(pixels, image.metadata.orientation)
    encode = partial(_ENCODERS[fmt], quality=quality)
    try:
        content, guilty = encode_without_obstacles(encode, np.ascontiguousarray(pixels), metadata)
    except EnhanceError:
        raise
    except MemoryError:
        raise OutputError("not enough memory to encode it", source=image.source, hint="free memory") from None
    except Exception as error:  # Pillow raises OSError, ValueError, struct.error, ... according to the format
        raise OutputError(
            f"cannot be encoded as {fmt.name}: {error}", source=image.source, hint="try another format"
        ) from error
    return Encoded(content, notes + unfit + guilty)


def check_quality(fmt: OutputFormat, quality: int | None) -> None:
    """Raises UsageError for a quality that is out of range or that the format does not have; see `encode_image`."""
    if quality is None:
        return
    if not fmt.has_quality:
        raise UsageError(f"{fmt.name} is lossless and has no quality", hint="leave the output quality out")
    if not 1 <= quality <= 100 or quality != int(quality):
        raise UsageError(f"the output quality must be an integer from 1 to 100, not {quality}")


def check_depth(fmt: OutputFormat, depth: int | None) -> None:
    """Raises UsageError for a depth that the format does not have; see `encode_image`."""
    if depth not in (None, 8, 16):
        raise UsageError(f"the output depth must be 8 or 16, not {depth}")
    if depth is not None and depth > fmt.max_depth:
        raise UsageError(f"{fmt.name} files hold {fmt.max_depth} bits per sample", hint="write PNG or TIFF")


def _encode_png(pixels: Pixels, metadata: Metadata, *, quality: int | None) -> bytes:
    texts = {"XML:com.adobe.xmp": metadata.xmp.decode("utf-8") if metadata.xmp else None}
    texts["Comment"] = _as_text(metadata.comment)
    kept = {keyword: text for keyword, text in texts.items() if text}
    if pixels.dtype == np.uint16:
        return encode_png16(pixels, metadata, kept)
    chunks = PngImagePlugin.PngInfo()
    if metadata.colour:
        chunks.add(b"cICP", cicp(metadata.colour))
    for keyword, text in kept.items():
        chunks.add_itxt(keyword, text)
    how = {"compress_level": _PNG_LEVEL, "compress_type": _PNG_STRATEGY}
    return _save(pixels, metadata, format="PNG", **how, pnginfo=chunks, dpi=metadata.dpi)


def _encode_jpeg(pixels: Pixels, metadata: Metadata, *, quality: int | None) -> bytes:
    options: dict[str, Any] = {"quality": int(quality or DEFAULT_JPEG_QUALITY), "subsampling": "4:4:4"}
    given = {"xmp": metadata.xmp, "comment": metadata.comment, "dpi": metadata.dpi}
    options |= {name: value for name, value in given.items() if value}
    if metadata.photoshop:
        options["extra"] = _photoshop_segments(metadata.photoshop)
    content = _save(pixels, metadata, format="JPEG", **options)
    return content if metadata.gain_map is None else with_second_picture(content, metadata.gain_map)


def _encode_webp(pixels: Pixels, metadata: Metadata, *, quality: int | None) -> bytes:
    lossy: dict[str, Any] = {"quality": int(quality), "method": 4} if quality is not None else {"lossless": True}
    return _save(pixels, metadata, format="WEBP", xmp=metadata.xmp or b"", **lossy)


def _encode_tiff(pixels: Pixels, metadata: Metadata, *, quality: int | None) -> bytes:
    return encode_tiff(pixels, metadata, comment=_as_text(metadata.comment))


_ENCODERS: dict[OutputFormat, Callable[..., bytes]] = {
    OutputFormat.PNG: _encode_png, OutputFormat.JPEG: _encode_jpeg, OutputFormat.WEBP: _encode_webp,
    OutputFormat.TIFF: _encode_tiff,
    **{fmt: partial(encode_plain, name=fmt.value)
       for fmt in (OutputFormat.AVIF, OutputFormat.JXL, OutputFormat.HEIC, OutputFormat.BMP, OutputFormat.PPM)},
}  # fmt: skip


def _as_text(comment: bytes | None) -> str | None:
    """A JPEG comment, whose encoding nobody says, as text: UTF-8 if it can be, otherwise Latin-1."""
    if not comment:
        return None
    try:
        text = comment.decode("utf-8")
    except UnicodeDecodeError:
        text = comment.decode("latin-1")
    return text.replace("\0", "") or None


def _photoshop_segments(resources: bytes) -> bytes:
    pieces = (resources[at : at + _PIECE] for at in range(0, len(resources), _PIECE))
    return b"".join(struct.pack(">BBH", 0xFF, 0xED, len(HEADER) + len(piece) + 2) + HEADER + piece for piece in pieces)


def _save(pixels: Pixels, metadata: Metadata, **options: Any) -> bytes:
    if metadata.exif:
        options["exif"] = metadata.exif if metadata.exif.startswith(PREFIX) else PREFIX + metadata.exif
    if options.get("dpi", ...) is None:
        del options["dpi"]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, icc_profile=metadata.icc_profile, **options)
    return buffer.getvalue()
