"""The JPEG decoder: libjpeg through Pillow, with what Pillow does not tell read from the file's own markers."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageFile, JpegImagePlugin

from enhance.codecs.jpeg.consistency import jpeg_consistency
from enhance.codecs.jpeg.damage import SALVAGE, find_damage, salvage, with_end
from enhance.codecs.jpeg.header import JpegHeader, read_header
from enhance.codecs.jpeg.markers import JpegMarkers, without_metadata
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.images import Consistency, DecodedImage, InspectedImage
from enhance.system.limits import DEFAULT_LIMITS, Limits

logger = logging.getLogger(__name__)

_FRESH_COPY = "get a fresh copy of the file"


@dataclass(frozen=True)
class JpegDecoder:
    """Decodes 8-bit DCT JPEGs: baseline to progressive, Huffman or arithmetic, gray, YCbCr, RGB, CMYK, YCCK.

    Attributes:
        strict: files are refused for which libjpeg has warnings, which are notes otherwise.
        salvage: of a file that is cut, the rows that are there are decoded; otherwise it is refused.
    """

    name: str = "jpeg"
    extensions: tuple[str, ...] = (".jpg", ".jpeg", ".jpe", ".jfif")
    strict: bool = False
    salvage: bool = False

    def sniff(self, head: bytes) -> bool:
        return head.startswith(b"\xff\xd8") and not head.startswith(b"\xff\xd8\xff\xf7")  # the latter is JPEG-LS

    def inspect(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> InspectedImage:
        """What `decode` would find, without any pixel. Arguments and errors as there."""
        header = read_header(data, source=source, limits=limits)
        if not self.salvage:
            with_end(data, header.markers, source=source)
        damage = find_damage(data, header.markers, source=source, strict=self.strict, must_read=not self.salvage)
        frame, color_space = header.markers.frame, header.details["color_space"]
        notes = damage + header.notes
        if len(frame.components) == 4:
            notes += (f"{color_space} is converted to sRGB; a CMYK profile is not carried over",)
        consistency, reason = _consistency(data, header, source)
        return InspectedImage(
            frame.width, frame.height, len(frame.components) == 1, header.rate, header.metadata, source,
            header.details, notes + reason, is_consistent=consistency is not None,
        )  # fmt: skip

    def decode(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """Decodes a JPEG file.

        Args:
            data: the file; only the first picture in it is read.
            source: the name to use in messages.
            limits: refuse what is beyond them.

        Returns:
            uint8 pixels, [H, W, 3] RGB or [H, W] gray, not rotated. Thread-safe.

        Raises:
            DecodeError: damaged, truncated, or not as large as its header claims.
            UnsupportedImageError: not 8 bits per sample, lossless, hierarchical, too large, not 1, 3 or 4 components.
        """
        notes: tuple[str, ...] = ()
        if self.salvage:
            data, notes = salvage(data, source=source, limits=limits)
        header = read_header(data, source=source, limits=limits)
        image = _decode_pixels(with_end(data, header.markers, source=source), header.markers, source)
        if not notes:
            notes = find_damage(data, header.markers, source=source, strict=self.strict)
        notes += header.notes
        if image.mode == "CMYK":
            image, way = _cmyk_to_rgb(image, header.cmyk_profile, source)
            color_space = header.details["color_space"]
            notes += (f"{color_space} converted to sRGB {way}; a CMYK profile is not carried over",)
        consistency, reason = _consistency(data, header, source)
        return DecodedImage(
            pixels=np.array(image), rate=header.rate, metadata=header.metadata, source=source, details=header.details,
            notes=notes + reason, consistency=consistency,
        )  # fmt: skip


def _consistency(data: bytes, header: JpegHeader, source: str) -> tuple[Consistency | None, tuple[str, ...]]:
    if len(header.markers.frame.components) == 4:
        return None, ()
    consistency, reason = jpeg_consistency(data, source=source)
    return consistency, (reason,) if reason else ()


def _decode_pixels(data: bytes, markers: JpegMarkers, source: str) -> Image.Image:
    """The picture through libjpeg, in mode L, RGB or CMYK (0: no ink)."""
    try:
        # Not Image.open: it would warn of bombs and broken EXIF, and take MPO files for another format.
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(without_metadata(data, markers)))
        if image.size != (markers.frame.width, markers.frame.height):
            raise DecodeError("contradicting frame headers", source=source, hint=_FRESH_COPY)
        # All at once: libjpeg cannot stop within arithmetic-coded data to wait for the next 64 KiB.
        image.decodermaxblock = max(markers.end, 1)
        image.load()
    except EnhanceError:
        raise
    except MemoryError:
        raise DecodeError(
            "not enough memory to decode it", source=source, hint="free memory, or lower --max-megapixels"
        ) from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, struct.error, ValueError, ... on damaged files
        logger.debug("%s: Pillow says: %s", source, error)
        if "truncated" in str(error) or not markers.complete:
            reason = "truncated: the file ends before the picture does"
            raise DecodeError(reason, source=source, hint=SALVAGE) from error
        if markers.frame.arithmetic:
            reason = "an arithmetic-coded JPEG, damaged or beyond this build of libjpeg"
            raise UnsupportedImageError(reason, source=source, hint="convert it with `jpegtran`") from error
        # What else Pillow's own reading of the header stumbles over is for programmers to read.
        told = f"libjpeg cannot decode it: {error}" if isinstance(error, (OSError, SyntaxError)) else "a damaged header"
        raise DecodeError(told, source=source, hint=_FRESH_COPY) from error
    if not markers.complete and ImageFile.LOAD_TRUNCATED_IMAGES:
        reason = "truncated, and Pillow was told to fill up truncated pictures"
        raise DecodeError(reason, source=source, hint="leave PIL.ImageFile.LOAD_TRUNCATED_IMAGES at False")
    return image


def _cmyk_to_rgb(image: Image.Image, profile: bytes | None, source: str) -> tuple[Image.Image, str]:
    """sRGB, and the way it was made. Pillow has already undone Adobe's inversion."""
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB",
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC, flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )  # fmt: skip
            if converted is not None:
                return converted, "through its ICC profile"
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            logger.debug("%s: the CMYK profile cannot be used: %s", source, error)
            return image.convert("RGB"), "by the plain formula, since its profile cannot be used"
    return image.convert("RGB"), "by the plain formula"
