"""The JPEG decoder: libjpeg through Pillow, with what Pillow does not tell read from the file's own markers."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageFile, JpegImagePlugin

from enhance.codecs.jpeg.consistency import jpeg_consistency
from enhance.codecs.jpeg.markers import Frame, JpegMarkers, read_markers, without_metadata
from enhance.codecs.jpeg.metadata import read_metadata
from enhance.codecs.jpeg.rate import JpegRate, Space
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.images import DEFAULT_MAX_PIXELS, DecodedImage
from enhance.limits import DEFAULT_LIMITS, Limits, way_out

logger = logging.getLogger(__name__)

_SMALL = 1 << 24  # pixels that cost little, however few bytes claim them
_MAX_SIDE = 65500  # libjpeg's JPEG_MAX_DIMENSION
_FRESH_COPY = "get a fresh copy of the file"
_SUBSAMPLING: dict[tuple[float, float], str] = {
    (1, 1): "4:4:4", (2, 1): "4:2:2", (1, 2): "4:4:0", (2, 2): "4:2:0", (4, 1): "4:1:1",
    (4, 2): "4:1:0", (1, 4): "4:4:1",
}  # fmt: skip
_SPACES: dict[str, Space] = {"gray": "gray", "YCbCr": "ycbcr", "YCCK": "ycbcr"}


@dataclass(frozen=True)
class JpegDecoder:
    """Decodes 8-bit DCT JPEGs: baseline to progressive, Huffman or arithmetic, gray, YCbCr, RGB, CMYK, YCCK."""

    name: str = "jpeg"
    extensions: tuple[str, ...] = (".jpg", ".jpeg", ".jpe", ".jfif")
    limits: Limits = DEFAULT_LIMITS

    def sniff(self, head: bytes) -> bool:
        return head.startswith(b"\xff\xd8") and not head.startswith(b"\xff\xd8\xff\xf7")  # the latter is JPEG-LS

    def decode(self, data: bytes, *, source: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> DecodedImage:
        """Decodes a JPEG file.

        Args:
            data: the file; only the first picture in it is read.
            source: the name to use in messages.
            max_pixels: refuse pictures with more pixels than this.

        Returns:
            uint8 pixels, [H, W, 3] RGB or [H, W] gray, not rotated. Thread-safe.

        Raises:
            DecodeError: damaged, truncated, or not as large as its header claims.
            UnsupportedImageError: not 8 bits per sample, lossless, hierarchical, too large, not 1, 3 or 4 components.
        """
        markers = read_markers(data, source=source, limits=self.limits)
        _check_kind(markers.frame, source)
        _check_size(markers, source, max_pixels, self.limits)
        rate, notes = _read_rate(markers, source)
        metadata, metadata_notes = read_metadata(data, markers, source=source)
        image = _decode_pixels(data, markers, source)
        notes += metadata_notes
        if not markers.complete:
            notes.append("the end-of-image marker is missing, but the picture could be read to its end")
        profile_space = (metadata.icc_profile or b"")[16:20]
        if image.mode == "CMYK":
            image, way = _cmyk_to_rgb(image, metadata.icc_profile if profile_space == b"CMYK" else None, source)
            notes.append(f"{markers.color_space} converted to sRGB {way}; a CMYK profile is not carried over")
            metadata = replace(metadata, icc_profile=None)
        elif profile_space and profile_space != (b"GRAY" if image.mode == "L" else b"RGB "):
            notes.append("an ICC profile for another colour space than the picture's, dropped")
            metadata = replace(metadata, icc_profile=None)
        consistency = None
        if len(markers.frame.components) < 4:
            consistency, reason = jpeg_consistency(data, source=source)
            notes += [reason] if reason else []
        return DecodedImage(
            pixels=np.array(image), rate=rate, metadata=metadata, source=source, details=_details(markers),
            notes=tuple(notes), consistency=consistency,
        )  # fmt: skip


def _check_kind(frame: Frame, source: str) -> None:
    reason = hint = None
    if frame.hierarchical:
        reason, hint = f"a {frame.process} JPEG", "convert the original to a baseline or progressive JPEG"
    elif frame.lossless:
        reason, hint = "a lossless JPEG", "there is nothing to repair in it; use it as it is"
    elif frame.precision != 8:
        reason, hint = f"a JPEG with {frame.precision} bits per sample", "only 8 bits are supported"
    elif len(frame.components) not in (1, 3, 4):
        reason, hint = f"a JPEG with {len(frame.components)} components", "only 1, 3 or 4 components are supported"
    if reason:
        raise UnsupportedImageError(reason, source=source, hint=hint)


def _check_size(markers: JpegMarkers, source: str, max_pixels: int, limits: Limits) -> None:
    frame = markers.frame
    size = f"{frame.width}x{frame.height} pixels"
    if not frame.width or not frame.height:
        raise DecodeError(f"the header gives a size of {size}", source=source, hint=_FRESH_COPY)
    claim = f"the header claims {size}, the file holds {markers.scan_bytes} bytes of picture data"
    # A Huffman-coded block takes at least one bit, so a small file cannot hold a huge picture.
    if not frame.arithmetic and frame.num_blocks > 8 * markers.scan_bytes:
        raise DecodeError(f"truncated: {claim}", source=source, hint=_FRESH_COPY)
    # Arithmetic coding knows no such bound: what is expected costs nearly nothing.
    if frame.arithmetic and frame.width * frame.height > max(_SMALL, limits.max_expansion * markers.scan_bytes):
        raise UnsupportedImageError(claim, source=source, hint=way_out("max_expansion"))
    if max(frame.width, frame.height) > _MAX_SIDE:
        raise UnsupportedImageError(
            f"{size}, libjpeg's limit is {_MAX_SIDE} a side", source=source, hint="split the picture"
        )
    if frame.width * frame.height > max_pixels:
        reason = f"{size}, more than the limit of {max_pixels / 1e6:g} megapixels"
        raise UnsupportedImageError(reason, source=source, hint=way_out("max_pixels"))


def _read_rate(markers: JpegMarkers, source: str) -> tuple[JpegRate, list[str]]:
    """The rate from the tables of the first two components, and notes on what that leaves out."""
    if any(table is None for table in markers.tables):
        raise DecodeError("a quantisation table is missing", source=source, hint=_FRESH_COPY)
    luma, *chroma = (np.asarray(table) for table in markers.tables)
    # libjpeg codes RGB and CMYK with the luma table alone: there is no chroma that its other table could be for.
    plain = markers.color_space in ("RGB", "CMYK") and all(np.array_equal(table, luma) for table in chroma)
    space = _SPACES.get(markers.color_space, "rgb")
    rate = JpegRate.from_tables(
        luma, chroma[0] if chroma and not plain else None, subsampling=_chroma_sampling(markers.frame), space=space
    )
    notes = []
    if rate.custom:
        notes.append(f"custom quantisation tables, nearest to IJG quality {rate.quality}")
    if any(not np.array_equal(table, chroma[0]) for table in chroma[1:2]):
        notes.append("the second and third component have different quantisation tables; the second's is used")
    if markers.color_space == "RGB":
        notes.append("coded as RGB, not as the usual YCbCr: expect less improvement")
    if rate.quality > 95:
        notes.append("nearly lossless, there is little to repair")
    return rate, notes


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
            "not enough memory to decode it", source=source, hint="free memory or lower max_pixels"
        ) from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, struct.error, ValueError, ... on damaged files
        logger.debug("%s: Pillow says: %s", source, error)
        if "truncated" in str(error):
            raise DecodeError(
                "truncated: the file ends before the picture does", source=source, hint=_FRESH_COPY
            ) from error
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
            logger.warning("%s: the CMYK profile cannot be used: %s", source, error)
    return image.convert("RGB"), "by the plain formula"


def _subsampling(frame: Frame) -> str:
    components = frame.components
    if len(components) == 1:
        return "4:0:0"
    luma, *chroma = ((c.horizontal, c.vertical) for c in components)
    ratio = (luma[0] / chroma[0][0], luma[1] / chroma[0][1])
    regular = chroma[0] == chroma[1] and all(black == luma for black in chroma[2:])
    name = _SUBSAMPLING.get(ratio) if regular else None
    return name or ",".join(f"{h}x{v}" for h, v in (luma, *chroma))


def _chroma_sampling(frame: Frame) -> tuple[int, int]:
    """Luma samples per sample of the second component, whole numbers, horizontally and vertically."""
    luma, *chroma = frame.components
    if not chroma:
        return 1, 1
    return max(luma.horizontal // chroma[0].horizontal, 1), max(luma.vertical // chroma[0].vertical, 1)


def _details(markers: JpegMarkers) -> dict[str, Any]:
    frame = markers.frame
    return {
        "width": frame.width,
        "height": frame.height,
        "color_space": markers.color_space,
        "subsampling": _subsampling(frame),
        "process": frame.process,
        "progressive": frame.progressive,
        "precision": frame.precision,
        "restart_interval": markers.restart_interval,
        "scans": markers.num_scans,
    }
