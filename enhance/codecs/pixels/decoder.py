"""Files that hold pixels as they are, or as another codec left them; what was done to them before is unknown."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

from enhance.codecs.unknown_rate import UnknownRate
from enhance.errors import DecodeError, UnsupportedImageError
from enhance.images import DecodedImage, InspectedImage, Metadata
from enhance.metadata.carry_over import read_orientation
from enhance.system.limits import DEFAULT_LIMITS, Limits

_FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_GRAY = ("L", "1")
_COLOUR = ("RGB", "P")
_WITH_ALPHA = ("LA", "RGBA", "PA")
_FRESH_COPY = "get a fresh copy of the file"


@dataclass(frozen=True)
class PixelDecoder:
    """Reads PNG, WebP, BMP and TIFF of 8 bits per sample. The rate has to be told, or found out from the pixels."""

    name: str = "unknown"
    extensions: tuple[str, ...] = (".png", ".webp", ".bmp", ".tif", ".tiff")

    def sniff(self, head: bytes) -> bool:
        return _format(head) is not None

    def inspect(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> InspectedImage:
        return InspectedImage.of(self.decode(data, source=source, limits=limits))

    def decode(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """Decodes a file; of several pictures in it, the first.

        Returns:
            uint8 pixels, [H, W, 3] RGB or [H, W] gray, not rotated, and an `UnknownRate`.

        Raises:
            DecodeError: it is damaged.
            UnsupportedImageError: it is too large, has a real alpha channel, or not 8 bits per sample.
        """
        name = _format(data) or ""
        try:
            with Image.open(io.BytesIO(data), formats=[name]) as image:
                if image.width * image.height > limits.max_pixels:
                    reason = f"{image.width}x{image.height} pixels, more than the limit of {limits.max_pixels / 1e6:g}"
                    raise UnsupportedImageError(f"{reason} megapixels", source=source, hint="raise --max-megapixels")
                image.load()
                return _decoded(image, source, name)
        except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
            raise DecodeError(f"the {name} file cannot be read: {error}", source=source, hint=_FRESH_COPY) from error


def _format(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for magic, name in _FORMATS.items() if head.startswith(magic)), None)


def _decoded(image: Image.Image, source: str, name: str) -> DecodedImage:
    notes = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"the first of {frames} pictures in the file")
    pixels = np.array(_opaque(image, source).convert("L" if image.mode in (*_GRAY, "LA") else "RGB"))
    exif, xmp = image.info.get("exif"), image.info.get("xmp")
    exif = exif if not exif or exif.startswith(b"Exif\0\0") else b"Exif\0\0" + exif
    xmp = xmp if isinstance(xmp, bytes) else None
    dpi = image.info.get("dpi")
    metadata = Metadata(
        exif=exif,
        icc_profile=image.info.get("icc_profile"),
        xmp=xmp,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        orientation=read_orientation(exif, xmp),
    )
    details = {"format": name, "width": image.width, "height": image.height}
    return DecodedImage(pixels, UnknownRate(), metadata, source, details, tuple(notes))


def _opaque(image: Image.Image, source: str) -> Image.Image:
    """The image without an alpha channel that says nothing. Raises UnsupportedImageError for one that does."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in _WITH_ALPHA:
        image = image.convert("LA" if image.mode == "LA" else "RGBA")
        low, _ = image.getchannel("A").getextrema()
        if low != 255:
            hint = "hand it to Enhancer as a PIL image, which keeps its alpha channel"
            raise UnsupportedImageError("a picture with transparent parts", source=source, hint=hint)
    elif image.mode not in (*_GRAY, *_COLOUR):
        reason = f"a picture of mode {image.mode}, not of 8 bits gray or RGB"
        raise UnsupportedImageError(reason, source=source, hint="convert it first")
    return image
