"""What is wrong with a JPEG that can be decoded all the same: libjpeg's warnings, and the rows that a cut one lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from enhance.codecs.jpeg import libjpeg
from enhance.codecs.jpeg.coefficients import has_all_scans
from enhance.codecs.jpeg.header import read_header
from enhance.codecs.jpeg.markers import SOF, Frame, JpegMarkers, without_metadata
from enhance.errors import DecodeError
from enhance.system.limits import Limits

_EOI = b"\xff\xd9"
_BLOCK_BYTES = 128
_MOST_CHECKED = 1 << 30  # bytes of coefficients, which libjpeg keeps all at a time
# An arithmetic decoder reads zeros behind the end, and its encoder leaves out those that the data end in (T.81 D.1.8):
# up to 20 bytes where a photo ends in a flat area of 4 megapixels (measured). What needs more than this is cut, and the
# decoder's first difference to what other bytes give shows where. A photo that is cut needs thousands.
_MOST_LEFT_OUT = 64
_OTHER_BYTES = b"\x55" * 256
_FRESH_COPY = "get a fresh copy of the file"
SALVAGE = "--salvage keeps the rows that are there"


def find_damage(
    data: bytes, markers: JpegMarkers, *, source: str, strict: bool, must_read: bool = False
) -> tuple[str, ...]:
    """Notes on what libjpeg warns of, in its own words.

    Args:
        data: the file.
        markers: its markers.
        source: the name to use in messages.
        strict: warnings are errors.
        must_read: that libjpeg cannot read it is an error; otherwise it has been decoded, and that is a note.

    Raises:
        DecodeError: see `strict` and `must_read`.
    """
    if markers.frame.num_blocks * _BLOCK_BYTES > _MOST_CHECKED:
        notes: tuple[str, ...] = ("too large to be checked for damage",)
        warnings: tuple[str, ...] = ()
    else:
        warnings, notes = _warnings(data[: markers.end], markers, source, must_read)
    if not markers.complete:
        notes += ("the end-of-image marker is missing, but the picture could be read to its end",)
    if strict and warnings:
        hint = "without --strict it is enhanced, with a note"
        raise DecodeError(f"damaged: {warnings[0]}", source=source, hint=hint)
    return tuple(f"damaged: {warning}" for warning in warnings) + notes


def _warnings(
    jpeg: bytes, markers: JpegMarkers, source: str, must_read: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        warnings = _quoted(libjpeg.read(jpeg))
        if markers.frame.arithmetic and _first_made_up_row(jpeg, markers) is not None:
            warnings += ("the arithmetic-coded data end before the picture does",)
        return warnings, ()
    except libjpeg.LibjpegUnavailable as error:
        return (), (f"not checked for damage: {error}",)
    except libjpeg.LibjpegError as error:
        if must_read:
            raise DecodeError(f"libjpeg cannot decode it: {error}", source=source, hint=_FRESH_COPY) from error
        return (f"libjpeg says: {error}",), ()


def with_end(data: bytes, markers: JpegMarkers, *, source: str) -> bytes:
    """The file, its end-of-image marker added where only that is missing.

    Raises:
        DecodeError: more is missing.
    """
    if markers.complete:
        return data
    try:
        is_cut = not has_all_scans(data, markers) or bool(libjpeg.read(data + _EOI).warnings)
        if markers.frame.arithmetic and not is_cut:
            is_cut = _first_made_up_row(data, markers) is not None
    except libjpeg.LibjpegUnavailable:
        return data
    except libjpeg.LibjpegError:
        is_cut = True
    if is_cut:
        raise DecodeError("truncated: the file ends before the picture does", source=source, hint=SALVAGE)
    return data + _EOI


def salvage(data: bytes, *, source: str, limits: Limits) -> tuple[bytes, tuple[str, ...]]:
    """The part of a file that is there, as a whole file.

    Args:
        data: the file.
        source: the name to use in messages.
        limits: as in `read_header`.

    Returns:
        the file itself and no notes where nothing is wrong with it. Otherwise a file of the rows of MCUs that are
        complete, and notes that tell what is missing.

    Raises:
        DecodeError: its header is damaged, or no row is there.
        UnsupportedImageError: as `read_header`.
    """
    header = read_header(data, source=source, limits=limits, is_whole=False)
    markers = header.markers
    frame, was_complete = markers.frame, markers.complete
    whole = data[: markers.end] + (b"" if was_complete else _EOI)
    markers = replace(markers, complete=True, end=len(whole))
    made_up = None
    try:
        reading = libjpeg.read(without_metadata(whole, markers), _grids(frame))
        if frame.arithmetic:
            made_up = _first_made_up_row(whole, markers)
    except libjpeg.LibjpegError as error:
        raise DecodeError(f"libjpeg cannot decode it: {error}", source=source, hint=_FRESH_COPY) from error
    if was_complete and not reading.warnings and made_up is None:
        return data, ()
    notes = tuple(f"damaged: {warning}" for warning in _quoted(reading))
    if not was_complete:
        notes = ("damaged: the file ends before its end-of-image marker", *notes)
    rows = min(_rows_there(reading.planes, frame) if made_up is None else made_up, frame.height)
    if rows == 0:
        raise DecodeError("truncated: no row of the picture is there", source=source, hint=_FRESH_COPY)
    if rows < frame.height:
        whole = _with_height(whole, markers, rows)
        notes += (f"damaged: {rows} of its {frame.height} rows are there, the others are left out",)
    else:
        notes += ("damaged: all its rows are there, some perhaps not in full",)
    return whole, notes


def _grids(frame: Frame) -> list[tuple[int, int]]:
    """Rows and columns of blocks of each component (T.81 A.1.1 and A.2.4)."""
    h_max, v_max = (max(getattr(c, name) for c in frame.components) for name in ("horizontal", "vertical"))
    return [
        (-(-frame.height * c.vertical // (8 * v_max)), -(-frame.width * c.horizontal // (8 * h_max)))
        for c in frame.components
    ]


def _rows_there(planes: tuple[libjpeg.Indices, ...], frame: Frame) -> int:
    """Rows of pixels before the first MCU of which nothing was decoded, and after which nothing was.

    libjpeg leaves what it has no data for at zero, the DC coefficient included: no other part of a picture ends in
    blocks of zeros of all components, but one of exactly middle gray.
    """
    last_row, is_full = -1, False
    for plane, component in zip(planes, frame.components, strict=True):
        found = np.flatnonzero(plane.any(axis=(2, 3)).reshape(-1))
        if not len(found):
            continue
        row, column = divmod(int(found[-1]), plane.shape[1])
        factors = (1, 1) if len(frame.components) == 1 else (component.vertical, component.horizontal)
        mcu_row = row // factors[0]
        fills = column // factors[1] == (plane.shape[1] - 1) // factors[1]
        if mcu_row >= last_row:
            is_full = fills or (is_full and mcu_row == last_row)
            last_row = mcu_row
    return (last_row + is_full) * _mcu_height(frame)


def _first_made_up_row(jpeg: bytes, markers: JpegMarkers) -> int | None:
    """The first row of pixels that a decoder makes of bytes which arithmetic-coded data lack; None: they lack none."""
    frame = markers.frame
    cut = without_metadata(jpeg, markers)
    cut = cut[: -len(_EOI)] if markers.complete else cut
    readings = (
        libjpeg.read(cut + bytes(number) + _OTHER_BYTES + _EOI, _grids(frame)).planes for number in (2, _MOST_LEFT_OUT)
    )
    planes = libjpeg.read(cut + _EOI, _grids(frame)).planes
    early, late = (_first_difference(planes, others, frame) for others in readings)
    return None if late is None else early


def _first_difference(
    planes: tuple[libjpeg.Indices, ...], others: tuple[libjpeg.Indices, ...], frame: Frame
) -> int | None:
    rows = []
    for plane, other, component in zip(planes, others, frame.components, strict=True):
        different = (plane != other).any(axis=(1, 2, 3))
        if different.any():
            factor = 1 if len(frame.components) == 1 else component.vertical
            rows.append(int(different.argmax()) // factor)
    return min(rows) * _mcu_height(frame) if rows else None


def _mcu_height(frame: Frame) -> int:
    return 8 if len(frame.components) == 1 else 8 * max(component.vertical for component in frame.components)


def _quoted(reading: libjpeg.Reading) -> tuple[str, ...]:
    return tuple(f"libjpeg says: {warning}" for warning in reading.warnings)


def _with_height(data: bytes, markers: JpegMarkers, rows: int) -> bytes:
    start = next(begin for marker, _, begin, _ in markers.segments if marker in SOF)
    return data[: start + 1] + rows.to_bytes(2, "big") + data[start + 3 :]
