"""What is attached to a JPEG behind its picture: gain maps (Ultra HDR), the video of a motion photo, previews.

XMP announces them (Google's container directory, Adobe's hdrgm, GCamera), so what is not carried over must not be
announced either: viewers would look for it, or brighten the picture by a map that is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_JPEG = b"\xff\xd8\xff"
# Without white space before the names: XMP is filled up with kilobytes of it, and each would be a beginning.
_GAIN_MAP_ATTRIBUTE = re.compile(rb"\bhdrgm:[A-Za-z]+\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_VIDEO_ATTRIBUTE = re.compile(rb"\bG?Camera:(?:MotionPhoto|MicroVideo)[A-Za-z]*\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_ELEMENT = re.compile(rb"<(hdrgm:[A-Za-z]+|G?Camera:(?:MotionPhoto|MicroVideo)[A-Za-z]*|Container:Directory)[\s/>]")
_VIDEO = re.compile(rb"ftyp(?:mp4|iso|qt |avc|M4V|MSNV)")


@dataclass(frozen=True)
class Attached:
    """What follows a picture.

    Attributes:
        gain_map: the JPEG file of the gain map.
        notes: what is there, and that it is not carried over.
    """

    gain_map: bytes | None = None
    notes: tuple[str, ...] = ()


def find_attached(behind: bytes, xmp: bytes | None, *, has_mpf: bool) -> Attached:
    """Says what is attached.

    Args:
        behind: what follows the end-of-image marker.
        xmp: the picture's own.
        has_mpf: whether a segment lists further pictures (CIPA DC-007).
    """
    announced = xmp or b""
    notes, gain_map = [], None
    has_picture = behind.startswith(_JPEG)
    if b"hdrgm:" in announced or b"GainMap" in announced:
        gain_map = behind if has_picture else None
        what = "a gain map (HDR) follows the picture" if has_picture else "a gain map (HDR) is announced but not there"
        notes.append(f"{what}; only --keep-gain-map carries one over, to JPEG")
    elif has_picture or has_mpf:
        notes.append("further pictures in the file (preview, stereo half or gain map) are not carried over")
    if b"MotionPhoto" in announced or b"MicroVideo" in announced or _VIDEO.search(behind):
        notes.append("the video of a motion photo is not carried over")
    elif behind.strip(b"\0") and not has_picture:
        notes.append(f"{len(behind)} bytes behind the picture are not carried over")
    return Attached(gain_map, tuple(notes))


def without_announcements(xmp: bytes, *, keep_gain_map: bool = False) -> bytes:
    """XMP that says nothing of what was attached; of the gain map it does if that is kept."""
    xmp = _VIDEO_ATTRIBUTE.sub(b"", xmp)
    if keep_gain_map:
        return _without_item(xmp, b"MotionPhoto")
    return _without_elements(_GAIN_MAP_ATTRIBUTE.sub(b"", xmp))


def _without_elements(xmp: bytes) -> bytes:
    kept, at = [], 0
    while match := _ELEMENT.search(xmp, at):
        closing = b"</" + match[1] + b">"
        end = xmp.find(b">", match.start()) + 1
        if not end:
            break
        if xmp[end - 2 : end] != b"/>":
            end = xmp.find(closing, end) + len(closing)
            if end < len(closing):
                break
        kept.append(xmp[at : match.start()])
        at = end
    return b"".join((*kept, xmp[at:]))


def _without_item(xmp: bytes, semantic: bytes) -> bytes:
    """Without the entry of the container directory that has this meaning."""
    place = xmp.find(b'Semantic="' + semantic)
    start, end = xmp.rfind(b"<rdf:li", 0, max(place, 0)), xmp.find(b"</rdf:li>", max(place, 0))
    return xmp if min(place, start, end) < 0 else xmp[:start] + xmp[end + len(b"</rdf:li>") :]
