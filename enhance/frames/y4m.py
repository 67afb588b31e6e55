"""YUV4MPEG2 (.y4m): a line that says what the frames are, then a line and the raw planes for each frame.

After the format's description in the mjpegtools (yuv4mpeg(5)), with the names that ffmpeg and VTM write for depths
above 8 bits (C420p10, Cmono10) and ffmpeg's XCOLORRANGE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.frames.format import MAX_DEPTH, MIN_DEPTH, ChromaLocation, ColorSpace, FrameFormat, Planes, Subsampling
from enhance.frames.raw import check_size, read_planes, write_planes
from enhance.system.limits import DEFAULT_MAX_PIXELS

MAGIC = b"YUV4MPEG2"
MAX_LINE = 4096
"""Longest header that is read, its end of line included; ffmpeg's own limit is 128."""

_CUT = "the program that wrote it stopped early, or the file was cut"
_DAMAGED = "get a fresh copy, or write it again"
_LOCATIONS: dict[str, ChromaLocation] = {"jpeg": "center", "mpeg2": "left", "paldv": "topleft"}
_TAG_SUFFIXES = {location: suffix for suffix, location in _LOCATIONS.items()}
# 420jpeg, 422p10, mono, mono12; older versions of VTM write monop12.
_TAG = re.compile(r"(mono)(?:p?([0-9]{1,2}))?|(420|422|444)(?:p([0-9]{1,2}))?|(420)(?:jpeg|mpeg2|paldv)")
_LAYOUTS: dict[str, Subsampling] = {"mono": "4:0:0", "420": "4:2:0", "422": "4:2:2", "444": "4:4:4"}
_RANGES = {"XCOLORRANGE=FULL": True, "XCOLORRANGE=LIMITED": False}


@dataclass(frozen=True)
class Y4MHeader:
    """The first line of a file.

    Attributes:
        parameters: everything after the magic word, in its order, as it came: "W416", "H240", "F50:1", "C420p10", ...
        frame: what they say about the frames' layout.
    """

    parameters: tuple[str, ...]
    frame: FrameFormat

    @property
    def full_range(self) -> bool | None:
        """What XCOLORRANGE says; None where it is missing."""
        found = [_RANGES[word.upper()] for word in self.parameters if word.upper() in _RANGES]
        return found[-1] if found else None

    @property
    def chroma_location(self) -> ChromaLocation | None:
        """What the tag of the format says: 420jpeg, 420mpeg2 and 420paldv do, the others do not."""
        return _LOCATIONS.get(_tag(self.parameters)[3:])

    @property
    def interlaced(self) -> bool:
        """True if the frames are pairs of fields."""
        return (_value(self.parameters, "I") or "p")[:1] in ("t", "b", "m")

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, one line each."""
        return ("interlaced: its frames are enhanced as if they were progressive",) if self.interlaced else ()

    def line(self) -> bytes:
        """The header as it stands in a file, end of line included."""
        return b" ".join([MAGIC, *(word.encode("latin-1") for word in self.parameters)]) + b"\n"

    def with_depth(self, depth: int) -> Y4MHeader:
        """The header for the same frames with another depth; everything else stays."""
        if depth == self.frame.depth:
            return self
        frame = replace(self.frame, depth=depth)
        tag = f"C{_tag_of(frame, self.chroma_location)}"
        kept = (word for word in self.parameters if not word.startswith("XYSCSS="))
        words = tuple(tag if word.startswith("C") else word for word in kept)
        return Y4MHeader(words if tag in words else (*words, tag), frame)

    @classmethod
    def of(
        cls,
        frame: FrameFormat,
        space: ColorSpace,
        *,
        frame_rate: tuple[int, int] | None = None,
        sample_aspect: tuple[int, int] | None = None,
    ) -> Y4MHeader:
        """The header for frames that did not come from a y4m file.

        Args:
            frame: their layout.
            space: range and chroma location are written down where the format has names for them.
            frame_rate: frames per second as a fraction; None: unknown, for which a player needs a number, 25.
            sample_aspect: width and height of a sample as a fraction; None: unknown.
        """
        frames, seconds = frame_rate or (25, 1)
        wide, high = sample_aspect or (0, 0)
        words = (
            f"W{frame.width}",
            f"H{frame.height}",
            f"F{frames}:{seconds}",
            "Ip",
            f"A{wide}:{high}",
            f"C{_tag_of(frame, space.chroma_location)}",
            f"XCOLORRANGE={'FULL' if space.full_range else 'LIMITED'}",
        )
        return cls(words, frame)

    @classmethod
    def parse(cls, line: bytes, *, source: str) -> Y4MHeader:
        """Reads a header.

        Args:
            line: the first line of a file, with or without its end.
            source: the name to use in messages.

        Raises:
            DecodeError: it is no header, or what it says makes no sense.
            UnsupportedImageError: 4:1:1, an alpha channel, or another format that is not handled.
        """
        magic, *words = line.rstrip(b"\n").decode("latin-1").split(" ")
        if magic != MAGIC.decode():
            raise DecodeError("not a y4m header", source=source, hint="raw frames need --size, --format and --depth")
        parameters = tuple(word for word in words if word)
        for letter in "WHC":
            if sum(word.startswith(letter) for word in parameters) > 1:
                raise DecodeError(f"the y4m header has two parameters {letter}", source=source, hint=_DAMAGED)
        subsampling, depth = _read_tag(_tag(parameters), source)
        width, height = (_read_side(parameters, letter, source) for letter in "WH")
        return cls(parameters, FrameFormat(width, height, subsampling, depth))


class Y4MReader:
    """Reads the frames of a y4m stream in their order, in the memory of one frame. Iterating gives planes.

    Attributes:
        header: the first line.
        frame: layout of the frames.
    """

    def __init__(self, stream: BinaryIO, header: Y4MHeader, *, source: str) -> None:
        self.header = header
        self.frame = header.frame
        self._stream = stream
        self._source = source

    def __iter__(self) -> Iterator[Planes]:
        """Raises DecodeError where a frame is missing its line or ends early, after the frames before it."""
        number = 1
        while self._frame_begins(number):
            planes = read_planes(self._stream, self.frame, number, self._source, hint=_CUT)
            if planes is None:
                reason = f"frame {number} is cut short: 0 of its {self.frame.frame_bytes} bytes"
                raise DecodeError(reason, source=self._source, hint=_CUT)
            yield planes
            number += 1

    def _frame_begins(self, number: int) -> bool:
        line = _read_line(self._stream, f"the line before frame {number}", self._source)
        if line and line != b"FRAME\n" and not line.startswith(b"FRAME "):
            if not line.endswith(b"\n") and b"FRAME".startswith(line[:5]):
                raise DecodeError(f"the line before frame {number} is cut short", source=self._source, hint=_CUT)
            reason = f"the word FRAME is missing before frame {number}"
            raise DecodeError(
                reason, source=self._source, hint="the header does not fit the frames, or bytes were lost"
            )
        return bool(line)


def read_y4m(stream: BinaryIO, *, source: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Y4MReader:
    """Reads the header of a y4m stream; the frames come from the reader.

    Args:
        stream: stands at the magic word. Never read further than asked for; not closed.
        source: the name to use in messages.
        max_pixels: refuse frames with more pixels than this.

    Raises:
        DecodeError: it is empty, cannot be read, or its header makes no sense.
        UnsupportedImageError: 4:1:1, an alpha channel, or frames that are too large.
    """
    line = _read_line(stream, "the y4m header", source)
    if not line:
        raise DecodeError("the input is empty", source=source, hint="the program that should write it may have failed")
    if line.startswith(MAGIC) and not line.endswith(b"\n"):
        raise DecodeError("the y4m header is cut short", source=source, hint=_CUT)
    header = Y4MHeader.parse(line, source=source)
    check_size(header.frame, source, max_pixels)
    return Y4MReader(stream, header, source=source)


def write_header(stream: BinaryIO, header: Y4MHeader) -> None:
    """Writes the first line of a file. Raises OSError where the stream does not take it."""
    stream.write(header.line())


def write_frame(stream: BinaryIO, header: Y4MHeader, planes: Planes) -> None:
    """Writes one frame with its line. Arguments and errors as in `raw_video.write_planes`."""
    stream.write(b"FRAME\n")
    write_planes(stream, header.frame, planes)


def _read_line(stream: BinaryIO, what: str, source: str) -> bytes:
    try:
        line = stream.readline(MAX_LINE)
    except (OSError, ValueError) as error:  # ValueError: it was closed
        reason = getattr(error, "strerror", None) or error
        raise DecodeError(f"cannot be read: {reason}", source=source, hint="check the disk or the pipe") from error
    if len(line) == MAX_LINE and not line.endswith(b"\n") and line.startswith((MAGIC, b"FRAME")):
        raise DecodeError(f"{what} is longer than {MAX_LINE} bytes", source=source, hint=_DAMAGED)
    return line


def _value(parameters: tuple[str, ...], start: str) -> str | None:
    return next((word[len(start) :] for word in parameters if word.startswith(start)), None)


def _tag(parameters: tuple[str, ...]) -> str:
    """The name of the format; XYSCSS is what programs wrote before there was C."""
    return _value(parameters, "C") or (_value(parameters, "XYSCSS=") or "420").lower()


def _read_side(parameters: tuple[str, ...], letter: str, source: str) -> int:
    text = _value(parameters, letter)
    name = {"W": "width", "H": "height"}[letter]
    if text is None:
        raise DecodeError(f"the y4m header says no {name}", source=source, hint=_DAMAGED)
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise DecodeError(f"the y4m header says a {name} of {text!r}", source=source, hint=_DAMAGED)
    return int(text)


def _tag_of(frame: FrameFormat, location: ChromaLocation | None) -> str:
    layout = next(name for name, subsampling in _LAYOUTS.items() if subsampling == frame.subsampling)
    if frame.depth > 8:
        return f"{layout}{frame.depth}" if layout == "mono" else f"{layout}p{frame.depth}"
    return layout + (_TAG_SUFFIXES.get(location, "") if location and layout == "420" else "")


def _read_tag(tag: str, source: str) -> tuple[Subsampling, int]:
    match = _TAG.fullmatch(tag)
    depth = int(match[2] or match[4] or 8) if match else 0
    if match is None or not MIN_DEPTH <= depth <= MAX_DEPTH:
        raise _unsupported(tag, source)
    return _LAYOUTS[match[1] or match[3] or match[5]], depth


def _unsupported(tag: str, source: str) -> EnhanceError:
    if tag == "444alpha":
        reason, hint = "4:4:4 with an alpha channel, which is not handled", "write yuv444p, without alpha"
    elif tag == "411":
        reason, hint = "4:1:1, which VVC cannot code and which is not handled", "convert it to 4:2:2 or 4:2:0"
    else:
        reason, hint = f"a y4m format {tag!r}", "mono, 420, 422 and 444 with 8 to 16 bits are handled"
    return UnsupportedImageError(reason, source=source, hint=hint)
