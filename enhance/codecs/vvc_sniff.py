"""Tells a VVC byte stream (ITU-T H.266, Annex B) by its first bytes, and apart from those of its predecessors."""

from __future__ import annotations

_PREFIX = b"\0\0\x01"
_MAX_LAYER_ID = 55  # 7.4.2.2: the others are reserved
# 7.4.2.4.3: what may begin an access unit: OPI, DCI, VPS, SPS, PPS, prefix APS, picture header, AUD, prefix SEI; but
# no slice: nothing is known yet of what it refers to.
_FIRST_TYPES = frozenset({12, 13, 14, 15, 16, 17, 19, 20, 23})


def is_vvc(head: bytes) -> bool:
    """True if a file that begins with `head` is a VVC byte stream."""
    start = head.find(_PREFIX)
    if start < 0 or head[:start].strip(b"\0"):
        return False
    first = _nal_header(head, start)
    # The first picture has temporal sub-layer 0, and its parameter sets with it. H.264's and H.265's headers have bits
    # set that are zero here, but for an H.264 SPS of low importance, whose profile does not make a sub-layer 0.
    if first is None or first[0] not in _FIRST_TYPES or first[1] != 0:
        return False
    second = head.find(_PREFIX, start + len(_PREFIX))
    return second < 0 or second + 5 > len(head) or _nal_header(head, second) is not None


def _nal_header(head: bytes, start: int) -> tuple[int, int] | None:
    """Type and temporal sub-layer of the NAL unit whose start code is at `start` (7.3.1.2); None if it is no header."""
    header = head[start + len(_PREFIX) : start + len(_PREFIX) + 2]
    if len(header) < 2 or header[0] & 0xC0 or header[0] & 0x3F > _MAX_LAYER_ID or header[1] & 7 == 0:
        return None
    return header[1] >> 3, (header[1] & 7) - 1
