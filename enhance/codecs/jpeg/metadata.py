"""EXIF, ICC, XMP, comment and resolution out of a JPEG's application segments."""

from __future__ import annotations

import logging

from enhance.codecs.jpeg.markers import APP1, APP2, APP13, COM, JpegMarkers, read_markers
from enhance.errors import EnhanceError
from enhance.images import Metadata
from enhance.metadata import exif as tiff_exif
from enhance.metadata.attached import find_attached
from enhance.metadata.carry_over import open_exif, read_orientation
from enhance.metadata.photoshop import HEADER, carried_resources

logger = logging.getLogger(__name__)

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"


def read_metadata(data: bytes, markers: JpegMarkers, *, source: str) -> tuple[Metadata, list[str]]:
    """What the file says besides its pixels, and a note for each thing that is not carried over.

    Damaged parts are left out, never an error.
    """
    payloads = [(marker, data[start:end]) for marker, _, start, end in markers.segments]
    notes: list[str] = []
    exif = _join_exif([payload for marker, payload in payloads if marker == APP1])
    block = open_exif(exif, source=source)
    if exif and block is None:
        notes.append("damaged EXIF, dropped")
    xmp = next((p.removeprefix(_XMP) for m, p in payloads if m == APP1 and p.startswith(_XMP)), None)
    if any(marker == APP1 and payload.startswith(_EXTENDED_XMP) for marker, payload in payloads):
        notes.append("extended XMP is not carried over")
    has_mpf = any(marker == APP2 and payload.startswith(b"MPF\0") for marker, payload in payloads)
    attached = find_attached(data[markers.end :], xmp, has_mpf=has_mpf)
    notes += attached.notes
    photoshop = b"".join(p.removeprefix(HEADER) for m, p in payloads if m == APP13 and p.startswith(HEADER))
    resources = carried_resources(photoshop)
    if photoshop and resources is None and photoshop.strip(b"\0"):
        notes.append("damaged IPTC or other Photoshop resources, dropped")
    comments = [payload for marker, payload in payloads if marker == COM and payload]
    if len(comments) > 1:
        notes.append(f"the first of {len(comments)} comments is carried over")
    icc_profile = _join_icc([payload for marker, payload in payloads if marker == APP2 and payload.startswith(_ICC)])
    if icc_profile is not None and (len(icc_profile) < 128 or icc_profile[36:40] != b"acsp"):
        icc_profile = None
        notes.append("damaged ICC profile, dropped")
    return Metadata(
        exif=exif if block is not None else None,
        icc_profile=icc_profile,
        xmp=xmp,
        comment=comments[0] if comments else None,
        photoshop=resources,
        gain_map=_first_file(attached.gain_map),
        dpi=_jfif_dpi(markers.jfif) or (block.dpi if block is not None else None),
        orientation=read_orientation(exif if block is not None else None, xmp, source=source),
    ), notes


def _first_file(jpegs: bytes | None) -> bytes | None:
    """The first of the files that follow a picture; None where it is damaged."""
    if jpegs is None:
        return None
    try:
        markers = read_markers(jpegs, source="gain map")
    except EnhanceError:
        return None
    return jpegs[: markers.end] if markers.complete else None


def _join_exif(payloads: list[bytes]) -> bytes | None:
    """The first EXIF block; one above 64 KiB goes on in further segments, which have no TIFF header of their own."""
    blocks = [payload for payload in payloads if payload.startswith(tiff_exif.PREFIX)]
    if not blocks:
        return None
    rest = [block.removeprefix(tiff_exif.PREFIX) for block in blocks[1:]]
    return blocks[0] + b"".join(part for part in rest if part[:4] not in (b"II*\0", b"MM\0*"))


def _join_icc(payloads: list[bytes]) -> bytes | None:
    """The profile from its numbered chunks (ICC.1:2022 annex B.4); b"" if chunks are missing."""
    if not payloads:
        return None
    chunks = {payload[12]: payload[14:] for payload in payloads if len(payload) > 14}
    count = max((payload[13] for payload in payloads if len(payload) > 14), default=0)
    if not count or set(chunks) != set(range(1, count + 1)):
        return b""
    return b"".join(chunks[number] for number in sorted(chunks))


def _jfif_dpi(jfif: bytes | None) -> tuple[float, float] | None:
    if jfif is None:
        return None
    unit = {1: 1.0, 2: 2.54}.get(jfif[7])
    x, y = int.from_bytes(jfif[8:10], "big"), int.from_bytes(jfif[10:12], "big")
    return (x * unit, y * unit) if unit and x and y else None
