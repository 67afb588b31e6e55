"""What a JPEG's header says and what is refused for it: kind, size, rate and metadata, before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from enhance.codecs.jpeg.markers import Frame, JpegMarkers, read_markers
from enhance.codecs.jpeg.metadata import read_metadata
from enhance.codecs.jpeg.rate import JpegRate, Space
from enhance.errors import DecodeError, UnsupportedImageError
from enhance.images import Metadata
from enhance.system.limits import Limits, way_out

_SMALL = 1 << 24  # pixels that cost little, however few bytes claim them
_MAX_SIDE = 65500  # libjpeg's JPEG_MAX_DIMENSION
_FRESH_COPY = "get a fresh copy of the file"
_SUBSAMPLING: dict[tuple[float, float], str] = {
    (1, 1): "4:4:4", (2, 1): "4:2:2", (1, 2): "4:4:0", (2, 2): "4:2:0", (4, 1): "4:1:1",
    (4, 2): "4:1:0", (1, 4): "4:4:1",
}  # fmt: skip
_SPACES: dict[str, Space] = {"gray": "gray", "YCbCr": "ycbcr", "YCCK": "ycbcr"}


@dataclass(frozen=True)
class JpegHeader:
    """A file that may be decoded, by what its header says.

    Attributes:
        markers: its segments.
        rate: from its quantisation tables.
        metadata: what travels with the pixels; without a profile that does not describe what is decoded.
        cmyk_profile: the profile of a CMYK picture.
        details: see `DecodedImage.details`.
        notes: what the user should know.
    """

    markers: JpegMarkers
    rate: JpegRate
    metadata: Metadata
    cmyk_profile: bytes | None
    details: dict[str, Any]
    notes: tuple[str, ...]


def read_header(data: bytes, *, source: str, limits: Limits, is_whole: bool = True) -> JpegHeader:
    """Reads and judges a header.

    Args:
        data: the file.
        source: the name to use in messages.
        limits: what it may claim.
        is_whole: refuse what claims more blocks than its Huffman-coded data can hold; otherwise only bombs.

    Raises:
        DecodeError: damaged, or not as large as it claims.
        UnsupportedImageError: of a kind that is not handled, or beyond the limits.
    """
    markers = read_markers(data, source=source, limits=limits)
    _check_kind(markers.frame, source)
    _check_size(markers, source, limits, is_whole)
    rate, notes = _read_rate(markers, source)
    metadata, metadata_notes = read_metadata(data, markers, source=source)
    notes += metadata_notes
    components, profile = len(markers.frame.components), metadata.icc_profile or b""
    space, cmyk_profile = profile[16:20], None
    if components == 4:
        cmyk_profile = profile if space == b"CMYK" else None
        metadata = replace(metadata, icc_profile=None)
    elif space and space != (b"GRAY" if components == 1 else b"RGB "):
        notes.append("an ICC profile for another colour space than the picture's, dropped")
        metadata = replace(metadata, icc_profile=None)
    return JpegHeader(markers, rate, metadata, cmyk_profile, _details(markers), tuple(notes))


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


def _check_size(markers: JpegMarkers, source: str, limits: Limits, is_whole: bool) -> None:
    frame = markers.frame
    size = f"{frame.width}x{frame.height} pixels"
    if not frame.width or not frame.height:
        raise DecodeError(f"the header gives a size of {size}", source=source, hint=_FRESH_COPY)
    claim = f"the header claims {size}, the file holds {markers.scan_bytes} bytes of picture data"
    # A Huffman-coded block takes at least one bit, so a small file cannot hold a huge picture.
    if not frame.arithmetic and is_whole and frame.num_blocks > 8 * markers.scan_bytes:
        raise DecodeError(f"truncated: {claim}", source=source, hint="--salvage keeps the rows that are there")
    # Arithmetic coding knows no such bound: what is expected costs nearly nothing.
    is_bounded = not frame.arithmetic and is_whole
    if not is_bounded and frame.width * frame.height > max(_SMALL, limits.max_expansion * markers.scan_bytes):
        raise UnsupportedImageError(claim, source=source, hint=way_out("max_expansion"))
    if max(frame.width, frame.height) > _MAX_SIDE:
        raise UnsupportedImageError(
            f"{size}, libjpeg's limit is {_MAX_SIDE} a side", source=source, hint="split the picture"
        )
    if frame.width * frame.height > limits.max_pixels:
        reason = f"{size}, more than the limit of {limits.max_pixels / 1e6:g} megapixels"
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
