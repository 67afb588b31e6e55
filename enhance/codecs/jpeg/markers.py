"""The marker segments of a JPEG file (ITU-T T.81 Annex B): what libjpeg's wrappers do not tell.

Reads the structure only and never the entropy-coded data, in time linear in the size of the file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from enhance.codecs.jpeg.rate import Table
from enhance.errors import DecodeError, UnsupportedImageError
from enhance.system.limits import DEFAULT_LIMITS, Limits, way_out

SOI, EOI, SOS, DQT, DRI, DHP, COM, APP0, APP1, APP2, APP13, APP14 = (
    0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xDE, 0xFE, 0xE0, 0xE1, 0xE2, 0xED, 0xEE,
)  # fmt: skip
SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # DHT, JPG and DAC sit between the frame headers

# Fill bytes FF may stand before a marker. They are passed over by not being matched: a pattern that repeats FF would
# begin anew at each of them, which takes time quadratic in the length of a run.
_NEXT_MARKER = re.compile(rb"\xff([^\x00\xff\x01\xd0-\xd8])")  # neither TEM, a restart marker nor SOI: no segments
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte nor a restart marker

# T.81 figure A.6: the position in the zigzag sequence -> row * 8 + column.
_ZIGZAG = np.array(
    [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
     28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
     47, 55, 62, 63]
)  # fmt: skip


@dataclass(frozen=True)
class Component:
    """One component of the frame: its identifier, sampling factors 1-4 and quantisation table selector."""

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class Frame:
    """A frame header (SOF)."""

    marker: int
    precision: int
    height: int
    width: int
    components: tuple[Component, ...]

    @property
    def progressive(self) -> bool:
        return self.marker & 3 == 2

    @property
    def lossless(self) -> bool:
        return self.marker & 3 == 3

    @property
    def hierarchical(self) -> bool:
        return self.marker & 7 > 4

    @property
    def arithmetic(self) -> bool:
        return self.marker > 0xC8

    @property
    def process(self) -> str:
        """The coding process in T.81's words."""
        name = ("baseline", "extended sequential", "progressive", "lossless")[self.marker & 3]
        if self.arithmetic and self.marker & 3 == 1:
            name = "sequential"
        return ("hierarchical " if self.hierarchical else "") + name + (", arithmetic" if self.arithmetic else "")

    @property
    def num_blocks(self) -> int:
        """8x8 blocks that the entropy-coded data must hold, padding to whole MCUs not counted."""
        h_max = max(c.horizontal for c in self.components)
        v_max = max(c.vertical for c in self.components)
        return sum(
            -(-self.width * c.horizontal // (8 * h_max)) * -(-self.height * c.vertical // (8 * v_max))
            for c in self.components
        )


@dataclass(frozen=True)
class JpegMarkers:
    """Everything that the segments up to the first EOI say.

    Attributes:
        frame: the frame header.
        tables: quantisation table of each component, [8, 8] uint16 in natural order; None where the file has none.
        restart_interval: in MCUs; 0: no restart markers.
        jfif: the payload of the JFIF APP0 segment.
        adobe_transform: the colour transform of the Adobe APP14 segment (0: none, 1: YCbCr, 2: YCCK).
        segments: (marker, start of the segment, start and end of its payload) of all segments before the first scan,
            byte offsets into the file.
        first_scan: offset of the first scan's header.
        num_scans: scans seen.
        scan_bytes: bytes of entropy-coded data.
        complete: False if the file ends, or stops making sense, before the EOI marker.
        end: offset behind the EOI marker, or the length of the file.
    """

    frame: Frame
    tables: tuple[Table | None, ...]
    restart_interval: int
    jfif: bytes | None
    adobe_transform: int | None
    segments: tuple[tuple[int, int, int, int], ...]
    first_scan: int
    num_scans: int
    scan_bytes: int
    complete: bool
    end: int

    @property
    def color_space(self) -> str:
        """The colour space that libjpeg assumes (jdapimin.c, `default_decompress_parms`)."""
        identifiers = tuple(c.identifier for c in self.frame.components)
        if len(identifiers) == 1:
            return "gray"
        if len(identifiers) == 4:
            return "CMYK" if self.adobe_transform in (None, 0) else "YCCK"
        named_rgb = self.adobe_transform is None and identifiers == (0x52, 0x47, 0x42)
        return "RGB" if self.jfif is None and (self.adobe_transform == 0 or named_rgb) else "YCbCr"


class _BeyondLimit(Exception):
    """More than `Limits.<field>` allows."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass
class _Reader:
    """State of one pass over a file; `read_markers` is the way in."""

    data: bytes
    frame: Frame | None = None
    limits: Limits = DEFAULT_LIMITS
    defined: dict[int, bytes] = field(default_factory=dict)
    latched: dict[int, bytes] = field(default_factory=dict)
    restart_interval: int = 0
    jfif: bytes | None = None
    adobe_transform: int | None = None
    segments: list[tuple[int, int, int, int]] = field(default_factory=list)
    num_segments: int = 0
    num_scans: int = 0
    first_scan: int = 0
    scan_bytes: int = 0
    position: int = 2

    def walk(self) -> Iterator[tuple[int, int, bytes]]:
        """Yields (marker, start, payload) until EOI or the end of the file; skips garbage as libjpeg does."""
        while match := _NEXT_MARKER.search(self.data, self.position):
            marker, self.position = match[1][0], match.end()
            if marker == EOI:
                return
            if self.position + 2 > len(self.data):
                break
            length = int.from_bytes(self.data[self.position : self.position + 2], "big")
            end = self.position + length
            if length < 2 or end > len(self.data):
                raise ValueError(f"the segment of marker FF{marker:02X} at byte {match.end() - 2} has a wrong length")
            payload_start, self.position = self.position + 2, end
            self.num_segments += 1
            if self.num_segments > self.limits.max_segments:
                raise _BeyondLimit(f"more than {self.limits.max_segments} marker segments", "max_segments")
            yield marker, match.end() - 2, self.data[payload_start:end]
        raise ValueError("the file ends before the end-of-image marker")

    def accept(self, marker: int, start: int, payload: bytes) -> None:
        if marker == SOS:
            self.first_scan = self.first_scan or start
        elif not self.num_scans:
            self.segments.append((marker, start, self.position - len(payload), self.position))
        if marker == DQT:
            self.define_tables(payload)
        elif marker in SOF or marker == DHP:
            if self.frame is None:
                self.frame = _read_frame(0xC5 if marker == DHP else marker, payload)
            elif not self.frame.hierarchical:
                raise ValueError("two frame headers in one picture")
        elif marker == SOS:
            self.begin_scan(payload)
        elif marker == DRI and len(payload) >= 2:
            self.restart_interval = int.from_bytes(payload[:2], "big")
        elif marker == APP0 and not self.num_scans and is_jfif(payload):
            self.jfif = payload
        elif marker == APP14 and not self.num_scans and is_adobe(payload):
            self.adobe_transform = payload[11]

    def define_tables(self, payload: bytes) -> None:
        at = 0
        while at < len(payload):
            wide, selector = payload[at] >> 4, payload[at] & 15
            end = at + (129 if wide else 65)
            if end > len(payload) or wide > 1 or selector > 3:
                raise ValueError("a damaged quantisation table")
            self.defined[selector], at = payload[at:end], end

    def begin_scan(self, payload: bytes) -> None:
        if self.frame is None:
            raise ValueError("a scan without a frame header")
        identifiers = set(payload[1 : 1 + 2 * payload[0] : 2]) if payload else set()
        for index, component in enumerate(self.frame.components):
            # A table may be redefined between scans; libjpeg keeps the one of the component's first scan.
            if component.identifier in identifiers and component.table in self.defined:
                self.latched.setdefault(index, self.defined[component.table])
        match = _END_OF_SCAN.search(self.data, self.position)
        end = match.start() if match else len(self.data)
        self.num_scans, self.scan_bytes, self.position = self.num_scans + 1, self.scan_bytes + end - self.position, end
        if self.num_scans > self.limits.max_scans:
            raise _BeyondLimit(f"more than {self.limits.max_scans} scans", "max_scans")


def is_jfif(payload: bytes) -> bool:
    """True for what libjpeg takes for the payload of a JFIF segment (jdmarker.c, `examine_app0`)."""
    return payload[:5] == b"JFIF\0" and len(payload) >= 14


def is_adobe(payload: bytes) -> bool:
    """True for what libjpeg takes for the payload of an Adobe segment (jdmarker.c, `examine_app14`)."""
    return payload[:5] == b"Adobe" and len(payload) >= 12


def _as_table(definition: bytes | None) -> Table | None:
    """A table from its definition in a DQT segment: its kind and selector, then 64 values in zigzag order."""
    if definition is None:
        return None
    table = np.empty(64, np.uint16)
    table[_ZIGZAG] = np.frombuffer(definition, ">u2" if definition[0] >> 4 else "u1", 64, 1)
    return table.reshape(8, 8)


def _read_frame(marker: int, payload: bytes) -> Frame:
    if len(payload) < 6 or len(payload) < 6 + 3 * payload[5] or payload[5] == 0:
        raise ValueError("a damaged frame header")
    precision, height, width, count = struct.unpack(">BHHB", payload[:6])
    rows = (payload[6 + 3 * i : 9 + 3 * i] for i in range(count))
    components = tuple(Component(row[0], row[1] >> 4, row[1] & 15, row[2]) for row in rows)
    if not all(1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4 for c in components):
        raise ValueError("sampling factors out of range")
    return Frame(marker, precision, height, width, components)


def read_markers(data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> JpegMarkers:
    """Reads the segments of a JPEG file.

    Args:
        data: the whole file, from the SOI marker on; anything behind the first EOI is ignored.
        source: the name to use in messages.
        limits: how many segments and scans there may be.

    Raises:
        DecodeError: there is no complete frame header followed by a scan. Damage behind the first scan header is for
            the decoder to judge: it only clears `complete`.
        UnsupportedImageError: more segments or scans than allowed.
    """
    reader, complete = _Reader(data, limits=limits), True
    try:
        for marker, start, payload in reader.walk():
            reader.accept(marker, start, payload)
    except _BeyondLimit as error:
        reason = f"{error}, which no real JPEG has"
        raise UnsupportedImageError(reason, source=source, hint=way_out(error.field)) from None
    except ValueError as error:
        complete = False
        if not reader.num_scans:
            raise DecodeError(f"a damaged JPEG: {error}", source=source, hint="get a fresh copy of the file") from None
    if reader.frame is None or not reader.num_scans:
        raise DecodeError("a JPEG without a picture", source=source, hint="get a fresh copy of the file")
    tables = tuple(
        _as_table(reader.latched.get(index, reader.defined.get(component.table)))
        for index, component in enumerate(reader.frame.components)
    )
    return JpegMarkers(
        reader.frame, tables, reader.restart_interval, reader.jfif, reader.adobe_transform, tuple(reader.segments),
        reader.first_scan, reader.num_scans, reader.scan_bytes, complete, reader.position if complete else len(data),
    )  # fmt: skip


def without_metadata(data: bytes, markers: JpegMarkers) -> bytes:
    """The file up to its EOI, with only those application segments that tell libjpeg the colour space.

    What lies between the segments of the header is left out: libjpeg skips it, and Pillow reads it byte by byte.
    """
    kept = [data[start:end] for marker, start, begin, end in markers.segments if _is_needed(marker, data[begin:end])]
    end = markers.end if markers.complete else len(data)
    return b"".join((data[:2], *kept, data[markers.first_scan : end]))


def _is_needed(marker: int, payload: bytes) -> bool:
    if marker == APP0:
        return is_jfif(payload)
    if marker == APP14:
        return is_adobe(payload)
    return marker & 0xF0 != APP0 and marker != COM
