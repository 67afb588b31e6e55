"""Raw planar video: frames one after the other, nothing else. 8 bits in a byte, more in 16 bits, little-endian."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from enhance.errors import DecodeError, UnsupportedImageError, UsageError
from enhance.frames.format import MAX_DEPTH, MIN_DEPTH, FrameFormat, Planes, Subsampling
from enhance.system.limits import DEFAULT_MAX_PIXELS

_SUBSAMPLINGS: dict[str, Subsampling] = {"400": "4:0:0", "420": "4:2:0", "422": "4:2:2", "444": "4:4:4"}
# ffmpeg's names of planar formats: yuv422p, yuv420p10le, gray, gray12le.
_FFMPEG_NAME = re.compile(r"(?:yuv(?P<yuv>420|422|444)p|(?P<gray>gray))(?P<depth>\d+)?(?P<order>le|be)?")
_PIECE = 1 << 20
_WRONG_OPTIONS = "check --size, --format and --depth; if they are right, the input was cut"


class RawReader:
    """Reads the frames of a stream in their order, in the memory of one frame. Iterating gives planes.

    Args:
        stream: the frames; read from where it stands to its end. Not closed.
        frame: their layout.
        source: the name to use in messages.
        max_pixels: refuse frames with more pixels than this.

    Raises:
        UnsupportedImageError: the frames are too large.
        DecodeError: while iterating: the input cannot be read, ends within a frame, or holds values that its depth
            does not allow.
    """

    def __init__(
        self, stream: BinaryIO, frame: FrameFormat, *, source: str, max_pixels: int = DEFAULT_MAX_PIXELS
    ) -> None:
        check_size(frame, source, max_pixels)
        self.frame = frame
        self._stream = stream
        self._source = source

    def __iter__(self) -> Iterator[Planes]:
        number = 1
        while (planes := read_planes(self._stream, self.frame, number, self._source, hint=_WRONG_OPTIONS)) is not None:
            yield planes
            number += 1


def check_size(frame: FrameFormat, source: str, max_pixels: int) -> None:
    """Raises UnsupportedImageError for a frame that is larger than the limit."""
    if frame.width * frame.height > max_pixels:
        reason = f"{frame.width}x{frame.height} pixels, more than the limit of {max_pixels / 1e6:g} megapixels"
        raise UnsupportedImageError(reason, source=source, hint="raise --max-megapixels, or max_pixels")


def read_planes(stream: BinaryIO, frame: FrameFormat, number: int, source: str, *, hint: str) -> Planes | None:
    """Reads the planes of one frame.

    Args:
        stream: stands at the first byte of the frame.
        frame: its layout.
        number: of the frame, counted from 1, for messages.
        source: the name to use in messages.
        hint: what to do about a frame that is cut short.

    Returns:
        the planes, or None where the stream ends before the first byte.

    Raises:
        DecodeError: see `RawReader`.
    """
    try:
        raw = bytearray(frame.frame_bytes)  # memory is taken when it is written to, so a false size costs nothing
        had = _read_into(stream, raw, source)
    except MemoryError:
        raise DecodeError(
            f"not enough memory for frames of {frame.frame_bytes} bytes", source=source, hint="free memory"
        ) from None
    if had == 0:
        return None
    if had < len(raw):
        raise DecodeError(f"frame {number} is cut short: {had} of its {len(raw)} bytes", source=source, hint=hint)
    planes = frame.unpack(raw)
    highest = max(int(plane.max()) for plane in planes) if frame.depth % 8 else 0
    if highest >= 2**frame.depth:
        reason = f"frame {number} has the value {highest}, and {frame.depth} bits end at {2**frame.depth - 1}"
        raise DecodeError(reason, source=source, hint="its samples are deeper, big-endian, or aligned to the left")
    return planes


def _read_into(stream: BinaryIO, target: bytearray, source: str) -> int:
    """Fills `target` from the stream, whose reads may come in pieces. Returns how many bytes there were.

    Raises:
        DecodeError: the stream cannot be read.
    """
    had = 0
    with memoryview(target) as view:
        while had < len(target):
            try:
                piece = stream.read(min(len(target) - had, _PIECE))
            except (OSError, ValueError) as error:  # ValueError: it was closed
                reason = getattr(error, "strerror", None) or error
                raise DecodeError(
                    f"cannot be read: {reason}", source=source, hint="check the disk or the pipe"
                ) from error
            if not piece:
                break
            view[had : had + len(piece)] = piece
            had += len(piece)
    return had


def write_planes(stream: BinaryIO, frame: FrameFormat, planes: Planes) -> None:
    """Writes the planes of one frame.

    Args:
        stream: a buffered stream, which takes all that it is given.
        frame: layout of the planes.
        planes: as `frame` says.

    Raises:
        UsageError: the planes are not of the frame's layout.
        OSError: the stream does not take them.
    """
    shapes = tuple(plane.shape for plane in planes)
    if shapes != frame.plane_shapes:
        raise UsageError(f"planes of shapes {shapes} are not a {frame.subsampling} frame: {frame.plane_shapes}")
    for plane in planes:
        stream.write(np.ascontiguousarray(plane, frame.dtype).data.cast("B"))


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from "416x240". Raises UsageError for other text."""
    match = re.fullmatch(r"([0-9]{1,7})[xX]([0-9]{1,7})", text)
    if not match or not int(match[1]) or not int(match[2]):
        raise UsageError(f"a size is WIDTHxHEIGHT in pixels, for example 1920x1080, not {text!r}")
    return int(match[1]), int(match[2])


def parse_format(text: str) -> tuple[Subsampling, int | None]:
    """Subsampling and depth from "420" or "4:2:0" (which say no depth), "yuv420p10le" or "gray" (as ffmpeg names them).

    Raises:
        UsageError: there is no such format, or it is not planar and little-endian.
    """
    plain = _SUBSAMPLINGS.get(text.replace(":", ""))
    if plain:
        return plain, None
    match = _FFMPEG_NAME.fullmatch(text.lower())
    depth = int(match["depth"] or 8) if match else 0
    if not match or not MIN_DEPTH <= depth <= MAX_DEPTH:
        hint = "400, 420, 422, 444, or one of ffmpeg's planar formats such as yuv420p10le"
        raise UsageError(f"there is no format {text!r} here", hint=hint)
    if match["order"] == "be":
        raise UsageError(f"{text} is big-endian, which is not read", hint=f"convert it to {text[:-2]}le first")
    return _SUBSAMPLINGS[match["yuv"] or "400"], depth
