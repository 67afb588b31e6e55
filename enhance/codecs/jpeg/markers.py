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
from enhance.errors import DecodeError

SOI, EOI, SOS, DQT, DRI, DHP, COM, APP0, APP1, APP2, APP14 = (
    0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xDE, 0xFE, 0xE0, 0xE1, 0xE2, 0xEE,
)  # fmt: skip
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # DHT, JPG and DAC sit between the frame headers
_STANDALONE = {0x01, SOI, *range(0xD0, 0xD8)}

_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte nor a restart marker

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
        segments: (marker, start of the segment, start and end of its payload) of the APPn and COM segments before the
            first scan, byte offsets into the file.
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


@dataclass
class _Reader:
    """State of one pass over a file; `read_markers` is the way in."""

    data: bytes
    frame: Frame | None = None
    defined: dict[int, Table] = field(default_factory=dict)
    latched: dict[int, Table] = field(default_factory=dict)
    restart_interval: int = 0
    jfif: bytes | None = None
    adobe_transform: int | None = None
    segments: list[tuple[int, int, int, int]] = field(default_factory=list)
    num_scans: int = 0
    scan_bytes: int = 0
    position: int = 2

    def walk(self) -> Iterator[tuple[int, int, bytes]]:
        """Yields (marker, start, payload) until EOI or the end of the file; skips garbage as libjpeg does."""
        while match := _NEXT_MARKER.search(self.data, self.position):
            marker, self.position = match[1][0], match.end()
            if marker in _STANDALONE:
                continue
            if marker == EOI:
                return
            if self.position + 2 > len(self.data):
                break
            length = int.from_bytes(self.data[self.position : self.position + 2], "big")
            end = self.position + length
            if length < 2 or end > len(self.data):
                raise ValueError(f"the segment of marker FF{marker:02X} at byte {match.end() - 2} has a wrong length")
            payload_start, self.position = self.position + 2, end
            yield marker, match.end() - 2, self.data[payload_start:end]
        raise ValueError("the file ends before the end-of-image marker")

    def accept(self, marker: int, start: int, payload: bytes) -> None:
        if marker == DQT:
            self.define_tables(payload)
        elif marker in _SOF or marker == DHP:
            if self.frame is None:
                self.frame = _read_frame(0xC5 if marker == DHP else marker, payload)
            elif not self.frame.hierarchical:
                raise ValueError("two frame headers in one picture")
        elif marker == SOS:
            self.begin_scan(payload)
        elif marker == DRI and len(payload) >= 2:
            self.restart_interval = int.from_bytes(payload[:2], "big")
        elif (marker & 0xF0 == APP0 or marker == COM) and not self.num_scans:
            self.segments.append((marker, start, self.position - len(payload), self.position))
            if marker == APP0 and payload[:5] == b"JFIF\0" and len(payload) >= 14:
                self.jfif = payload
            elif marker == APP14 and payload[:5] == b"Adobe" and len(payload) >= 12:
                self.adobe_transform = payload[11]

    def define_tables(self, payload: bytes) -> None:
        while payload:
            wide, selector = payload[0] >> 4, payload[0] & 15
            size = 128 if wide else 64
            if len(payload) < 1 + size or wide > 1 or selector > 3:
                raise ValueError("a damaged quantisation table")
            table = np.empty(64, np.uint16)
            table[_ZIGZAG] = np.frombuffer(payload, ">u2" if wide else "u1", 64, 1)
            self.defined[selector], payload = table.reshape(8, 8), payload[1 + size :]

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


def _read_frame(marker: int, payload: bytes) -> Frame:
    if len(payload) < 6 or len(payload) < 6 + 3 * payload[5] or payload[5] == 0:
        raise ValueError("a damaged frame header")
    precision, height, width, count = struct.unpack(">BHHB", payload[:6])
    rows = (payload[6 + 3 * i : 9 + 3 * i] for i in range(count))
    components = tuple(Component(row[0], row[1] >> 4, row[1] & 15, row[2]) for row in rows)
    if not all(1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4 for c in components):
        raise ValueError("sampling factors out of range")
    return Frame(marker, precision, height, width, components)


def read_markers(data: bytes, *, source: str) -> JpegMarkers:
    """Reads the segments of a JPEG file.

    Args:
        data: the whole file, from the SOI marker on; anything behind the first EOI is ignored.
        source: the name to use in messages.

    Raises:
        DecodeError: there is no complete frame header followed by a scan. Damage behind the first scan header is for
            the decoder to judge: it only clears `complete`.
    """
    reader, complete = _Reader(data), True
    try:
        for marker, start, payload in reader.walk():
            reader.accept(marker, start, payload)
    except ValueError as error:
        complete = False
        if not reader.num_scans:
            raise DecodeError(f"a damaged JPEG: {error}", source=source, hint="get a fresh copy of the file") from None
    if reader.frame is None or not reader.num_scans:
        raise DecodeError("a JPEG without a picture", source=source, hint="get a fresh copy of the file")
    tables = tuple(
        reader.latched.get(index, reader.defined.get(component.table))
        for index, component in enumerate(reader.frame.components)
    )
    return JpegMarkers(
        reader.frame, tables, reader.restart_interval, reader.jfif, reader.adobe_transform, tuple(reader.segments),
        reader.num_scans, reader.scan_bytes, complete, reader.position if complete else len(data),
    )  # fmt: skip
