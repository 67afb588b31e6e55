"""An EXIF block that is corrected in place.

EXIF is a small TIFF file (Exif 2.32, 4.6) full of absolute offsets, those inside maker notes undocumented. So nothing
is moved and nothing is re-written: values are overwritten where they stand, and every unknown tag survives.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PREFIX = b"Exif\0\0"

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x112, 0x11A, 0x11B, 0x128
_IMAGE_WIDTH, _IMAGE_LENGTH, _PIXEL_X_DIMENSION, _PIXEL_Y_DIMENSION = 0x100, 0x101, 0xA002, 0xA003
_EXIF_IFD, _GPS_IFD, _INTEROPERABILITY_IFD = 0x8769, 0x8825, 0xA005
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x201, 0x202
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGER_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I"}


@dataclass(frozen=True)
class _Entry:
    """One tag of a directory: `position` is where its value, or the offset of its value, stands."""

    tag: int
    type: int
    count: int
    position: int

    @property
    def size(self) -> int:
        return _TYPE_SIZES.get(self.type, 1) * self.count


@dataclass(frozen=True)
class _Directory:
    start: int
    entries: tuple[_Entry, ...]
    next_position: int

    def find(self, tag: int) -> _Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)


class ExifBlock:
    """The tags of an EXIF block that must agree with the pixels.

    Args:
        block: the block, with or without its "Exif\\0\\0" prefix.

    Raises:
        ValueError: it is not a TIFF structure with a readable first directory.
    """

    def __init__(self, block: bytes) -> None:
        self._tiff = bytearray(block.removeprefix(PREFIX))
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(self._tiff[:4]))
        if order is None or len(self._tiff) < 14:
            raise ValueError("no TIFF header")
        self._order = order
        main = self._directory(self._integer_at(4, "I"))
        if main is None:
            raise ValueError("the first directory lies outside the block")
        self._main = main

    def _integer_at(self, position: int, format: str) -> int:
        return int(struct.unpack_from(self._order + format, self._tiff, position)[0])

    def _directory(self, start: int) -> _Directory | None:
        """The directory at an offset, or None if it does not fit into the block."""
        if not 8 <= start <= len(self._tiff) - 2:
            return None
        count = self._integer_at(start, "H")
        end = start + 2 + 12 * count
        if end > len(self._tiff):
            return None
        rows = ((*struct.unpack_from(self._order + "HHI", self._tiff, at), at + 8) for at in range(start + 2, end, 12))
        return _Directory(start, tuple(_Entry(*row) for row in rows), end)

    def _sub_directory(self, parent: _Directory | None, tag: int) -> _Directory | None:
        entry = parent.find(tag) if parent else None
        offset = self._integer(entry) if entry else None
        return self._directory(offset) if offset is not None else None

    def _integer(self, entry: _Entry) -> int | None:
        format = _INTEGER_FORMATS.get(entry.type)
        return self._integer_at(entry.position, format) if format and entry.count == 1 else None

    def _set_integers(self, directory: _Directory | None, tag: int, value: int) -> None:
        for entry in directory.entries if directory else ():
            format = _INTEGER_FORMATS.get(entry.type)
            if entry.tag == tag and format and entry.count == 1 and value < 1 << 8 * struct.calcsize(format):
                struct.pack_into(self._order + format, self._tiff, entry.position, value)

    @property
    def orientation(self) -> int | None:
        """1-8, or None where there is none or it is out of range."""
        entry = self._main.find(ORIENTATION)
        value = self._integer(entry) if entry else None
        return value if value is not None and 1 <= value <= 8 else None

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Horizontal and vertical pixels per inch of the stored pixels."""
        unit_entry = self._main.find(RESOLUTION_UNIT)
        unit = {None: 1.0, 2: 1.0, 3: 2.54}.get(self._integer(unit_entry) if unit_entry else None)
        x, y = self._rational(X_RESOLUTION), self._rational(Y_RESOLUTION)
        return (x * unit, y * unit) if unit and x and y else None

    def _rational(self, tag: int) -> float | None:
        entry = self._main.find(tag)
        if entry is None or entry.type != 5 or entry.count != 1:
            return None
        offset = self._integer_at(entry.position, "I")
        if offset + 8 > len(self._tiff):
            return None
        numerator, denominator = struct.unpack_from(self._order + "II", self._tiff, offset)
        return numerator / denominator if numerator and denominator else None

    def set_size(self, width: int, height: int) -> None:
        """Corrects the sizes where they are given, in pixels."""
        photo = self._sub_directory(self._main, _EXIF_IFD)
        self._set_integers(photo, _PIXEL_X_DIMENSION, width)
        self._set_integers(photo, _PIXEL_Y_DIMENSION, height)
        self._set_integers(self._main, _IMAGE_WIDTH, width)
        self._set_integers(self._main, _IMAGE_LENGTH, height)

    def set_orientation(self, orientation: int) -> None:
        """Corrects the orientation where it is given."""
        self._set_integers(self._main, ORIENTATION, orientation)

    def swap_resolution(self) -> None:
        """Exchanges the horizontal and the vertical resolution, for pixels that were turned by 90 degrees."""
        x, y = (self._main.find(tag) for tag in (X_RESOLUTION, Y_RESOLUTION))
        if x and y and x.type == y.type == 5 and x.count == y.count == 1:
            at_x, at_y = slice(x.position, x.position + 4), slice(y.position, y.position + 4)
            self._tiff[at_x], self._tiff[at_y] = self._tiff[at_y], self._tiff[at_x]

    def drop_thumbnail(self) -> None:
        """Unlinks the thumbnail directory and removes the thumbnail's own bytes, where nothing else lies in them."""
        link = self._main.next_position
        if link + 4 > len(self._tiff):
            return
        thumbnail = self._directory(self._integer_at(link, "I"))
        struct.pack_into(self._order + "I", self._tiff, link, 0)
        entries = [thumbnail.find(tag) if thumbnail else None for tag in (_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH)]
        start, length = (self._integer(entry) if entry else None for entry in entries)
        if not start or not length or start + length > len(self._tiff):
            return
        if any(start < end and begin < start + length for begin, end in self._used()):
            return
        if start + length == len(self._tiff):
            del self._tiff[start:]
        else:
            self._tiff[start : start + length] = bytes(length)

    def _used(self) -> Iterator[tuple[int, int]]:
        """Byte ranges of the header, the directories and their values."""
        photo = self._sub_directory(self._main, _EXIF_IFD)
        gps, interoperability = (
            self._sub_directory(self._main, _GPS_IFD),
            self._sub_directory(photo, _INTEROPERABILITY_IFD),
        )
        yield 0, 8
        for directory in (self._main, photo, gps, interoperability):
            if directory is None:
                continue
            yield directory.start, directory.next_position + 4
            for entry in directory.entries:
                if entry.size > 4:
                    offset = self._integer_at(entry.position, "I")
                    yield offset, offset + entry.size

    def to_bytes(self) -> bytes:
        """The block, with its "Exif\\0\\0" prefix."""
        return PREFIX + bytes(self._tiff)
