"""A second picture behind a JPEG, as HDR gain maps are kept (CIPA DC-007, Multi-Picture Format)."""

from __future__ import annotations

import struct

_APP2 = 0xE2
_HEADER = b"MPF\0"
# "MM\0*", the offset of the directory, three entries, no further directory, then two entries of 16 bytes.
_DIRECTORY = 8
_VERSION, _COUNT, _ENTRIES = 0xB000, 0xB001, 0xB002
_BASELINE_PRIMARY = 0x030000
_SEGMENT_BYTES = 4 + len(_HEADER) + 8 + 2 + 3 * 12 + 4 + 2 * 16


def with_second_picture(jpeg: bytes, second: bytes) -> bytes:
    """The file with another JPEG behind it, and a segment that says where."""
    place = _end_of_application_segments(jpeg)
    first_bytes = len(jpeg) + _SEGMENT_BYTES
    # Offsets count from the byte order mark.
    offset = first_bytes - (place + 4 + len(_HEADER))
    return jpeg[:place] + _segment(first_bytes, len(second), offset) + jpeg[place:] + second


def _end_of_application_segments(jpeg: bytes) -> int:
    at = 2
    while jpeg[at] == 0xFF and jpeg[at + 1] & 0xF0 == 0xE0:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def _segment(first_bytes: int, second_bytes: int, offset: int) -> bytes:
    values_at = _DIRECTORY + 2 + 3 * 12 + 4
    directory = struct.pack(
        ">4sIHHHI4sHHIIHHIII", b"MM\0*", _DIRECTORY, 3, _VERSION, 7, 4, b"0100", _COUNT, 4, 1, 2, _ENTRIES, 7, 32,
        values_at, 0,
    )  # fmt: skip
    entries = struct.pack(">IIIHHIIIHH", _BASELINE_PRIMARY, first_bytes, 0, 0, 0, 0, second_bytes, offset, 0, 0)
    payload = _HEADER + directory + entries
    return struct.pack(">BBH", 0xFF, _APP2, len(payload) + 2) + payload
