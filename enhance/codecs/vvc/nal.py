"""NAL units of VVC byte streams (ITU-T H.266, 7.3.1.2 and Annex B): how streams begin, and where a cut one is whole."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

_PREFIX = b"\0\0\x01"
_MAX_LAYER_ID = 55  # 7.4.2.2: the others are reserved
_LAST_SLICE_TYPE, _PICTURE_HEADER, _UNKNOWN = 11, 19, 31
# 7.4.2.4.3: what may begin an access unit: OPI, DCI, VPS, SPS, PPS, prefix APS, picture header, AUD, prefix SEI; but
# no slice: nothing is known yet of what it refers to.
_FIRST_TYPES = frozenset({12, 13, 14, 15, 16, 17, 19, 20, 23})
# What a stream that was cut out of another may begin with, the end of the picture before: end of sequence, end of
# bitstream, suffix SEI.
_LEFT_OVER_TYPES = frozenset({21, 22, 24})


def is_vvc(head: bytes) -> bool:
    """True if a file that begins with `head` is a VVC byte stream."""
    start = head.find(_PREFIX)
    if start < 0 or head[:start].strip(b"\0"):
        return False
    first = _nal_header(head, start)
    while first is not None and first[0] in _LEFT_OVER_TYPES:
        start = head.find(_PREFIX, start + len(_PREFIX))
        first = _nal_header(head, start) if start >= 0 else None
    # The first picture has temporal sub-layer 0, and its parameter sets with it. H.264's and H.265's headers have bits
    # set that are zero here, but for an H.264 SPS of low importance, whose profile does not make a sub-layer 0.
    if first is None or first[0] not in _FIRST_TYPES or first[1] != 0:
        return False
    second = head.find(_PREFIX, start + len(_PREFIX))
    return second < 0 or second + 5 > len(head) or _nal_header(head, second) is not None


def length_of_whole_pictures(stream: bytes | mmap) -> int:
    """How many bytes are left of a stream that was cut, without the picture that the cut goes through.

    The last NAL unit is taken for damaged; with it go the other slices of its picture, and what announces it.
    """
    units = _units_from_the_end(stream)
    end, kind, is_whole_picture = next(units, (0, _UNKNOWN, True))
    if kind <= _LAST_SLICE_TYPE and not is_whole_picture:
        end = next((start for start, kind, _ in units if kind == _PICTURE_HEADER), 0)
    for start, kind, _ in units:
        if kind not in _FIRST_TYPES:
            break
        end = start
    else:
        return 0
    while stream[end - 1] == 0:  # of the start code; VTM takes it for an error at the end of a file
        end -= 1
    return end


def _units_from_the_end(stream: bytes | mmap) -> Iterator[tuple[int, int, bool]]:
    """Place, type, and whether it is the only slice of its picture (7.3.7: it brings the picture header along)."""
    start = len(stream)
    while (start := stream.rfind(_PREFIX, 0, start)) >= 0:
        beginning = stream[start : start + 6]
        header = _nal_header(beginning, 0)
        yield start, header[0] if header else _UNKNOWN, beginning[5:] >= b"\x80"


def _nal_header(head: bytes, start: int) -> tuple[int, int] | None:
    """Type and temporal sub-layer of the NAL unit whose start code is at `start`; None if it is no header."""
    header = head[start + len(_PREFIX) : start + len(_PREFIX) + 2]
    if len(header) < 2 or header[0] & 0xC0 or header[0] & 0x3F > _MAX_LAYER_ID or header[1] & 7 == 0:
        return None
    return header[1] >> 3, (header[1] & 7) - 1
