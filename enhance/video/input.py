"""Where frames and their QPs come from: y4m or raw planes with a QP or a log, or a VVC bitstream."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from enhance.codecs.reading import read_stdin
from enhance.codecs.vvc.facts import StreamFacts
from enhance.codecs.vvc.followed_log import FollowedLog, rated_by_log
from enhance.codecs.vvc.headers import StreamHeaders
from enhance.codecs.vvc.rate import VvcRate
from enhance.errors import DecodeError, UsageError
from enhance.frames.format import ChromaLocation, ColorSpace, FrameFormat, Matrix, Planes
from enhance.frames.raw import RawReader
from enhance.frames.y4m import MAGIC, Y4MHeader, read_y4m
from enhance.system.limits import DEFAULT_LIMITS, DEFAULT_MAX_PIXELS, Limits
from enhance.video.filter import RatedFrame, rated

STDIN = "-"
_NOTHING_SAID = StreamFacts()


@dataclass(frozen=True)
class Colour:
    """What the user says about colour; None where the input is to be believed.

    Attributes:
        matrix, full_range, chroma_location: as in `ColorSpace`.
    """

    matrix: Matrix | None = None
    full_range: bool | None = None
    chroma_location: ChromaLocation | None = None

    def over(self, space: ColorSpace) -> ColorSpace:
        """What the input says, except where the user says something else."""
        return space.replaced(self.matrix, self.full_range, self.chroma_location)


@dataclass(frozen=True)
class Video:
    """Frames of one layout, with their rates.

    Attributes:
        frames: in output order; reading raises DecodeError where the input is damaged.
        frame, space: what they are; frames of a bitstream may be smaller.
        source: the name to use in messages.
        header: of a y4m stream, as it came.
        is_raw: they came as raw planes.
        notes: what the user should know, one line each.
        facts: of a bitstream.
        count: of the frames, where it is known.
    """

    frames: Iterator[RatedFrame]
    frame: FrameFormat
    space: ColorSpace
    source: str
    header: Y4MHeader | None = None
    is_raw: bool = False
    notes: tuple[str, ...] = ()
    facts: StreamFacts = _NOTHING_SAID
    count: int | None = None


@contextmanager
def open_frames(
    name: str,
    rates: Iterator[VvcRate] | FollowedLog,
    *,
    raw: FrameFormat | None = None,
    colour: Colour | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Iterator[Video]:
    """Opens decoded video.

    Args:
        name: of a file or a FIFO; - for stdin.
        rates: of the frames, or the log of the decoder that writes them.
        raw: the layout of raw planes; None for y4m, which says its own.
        colour: in place of what the input says. Where nobody says it, limited-range BT.709 is assumed.
        max_pixels: refuse frames with more pixels than this.

    Raises:
        UsageError: stdin is a terminal.
        DecodeError, UnsupportedImageError: see `read_y4m`.
    """
    source, colour = name_of(name), colour or Colour()
    with _open(name) as stream:
        header: Y4MHeader | None = None
        if raw is None:
            reader = read_y4m(stream, source=source, max_pixels=max_pixels)
            header, frame, frames = reader.header, reader.frame, iter(reader)
            space = ColorSpace().replaced(None, header.full_range, header.chroma_location)
        else:
            planes = RawReader(stream, raw, source=source, max_pixels=max_pixels)
            frame, frames, space = raw, _not_y4m(iter(planes), source), ColorSpace()
        with_rates = (
            rated_by_log(frames, rates, frame_bytes=frame.frame_bytes)
            if isinstance(rates, FollowedLog)
            else rated(frames, rates)
        )
        notes = header.notes if header else ()
        yield Video(with_rates, frame, colour.over(space), source, header, raw is not None, notes)


@contextmanager
def open_bitstream(
    name: str,
    rates: Iterator[VvcRate] | None = None,
    *,
    decoder: str | None = None,
    vtm: str | os.PathLike[str] | None = None,
    colour: Colour | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Video]:
    """Opens a VVC stream, which an external decoder decodes meanwhile.

    Args:
        name: of the file; - for stdin, which is read to its end first.
        rates: in place of those that the stream says.
        decoder, vtm, limits: as in `open_vvc`.
        colour: in place of what the stream says.

    Raises:
        UsageError: stdin is a terminal, or the decoder is not found.
        DecodeError, UnsupportedImageError: see `open_vvc`.
    """
    from enhance.codecs.vvc.decoder import open_vvc

    source, colour = name_of(name), colour or Colour()
    with ExitStack() as stack:
        content: bytes | Path = Path(name)
        if name == STDIN:
            _refuse_terminal()
            content = read_stdin(limits)
        stream = stack.enter_context(
            open_vvc(
                content,
                source_name=source,
                decoder=decoder,
                vtm=vtm,
                limits=limits,
                matrix=colour.matrix,
                full_range=colour.full_range,
                chroma_location=colour.chroma_location,
            )
        )
        frames: Iterator[RatedFrame] = ((picture.planes, picture.rate) for picture in stream)
        if rates is not None:
            frames = rated((planes for planes, _ in frames), rates)
        largest = stream.headers.largest
        notes = (*stream.notes, *_unsayable(stream.facts), *_resized(stream.headers))
        yield Video(frames, largest, stream.space, source, notes=notes, facts=stream.facts, count=stream.count)


def _unsayable(facts: StreamFacts) -> tuple[str, ...]:
    """What y4m cannot say of them, and what it must say all the same."""
    notes = [] if facts.frame_rate else ["it does not say its frame rate: y4m, which must say one, gets 25"]
    if facts.colour is not None and not facts.colour.is_usual:
        colours = facts.colour.describe()
        notes.append(f"its colours are {colours}, which y4m cannot say: tell it to what reads the output")
    return tuple(notes)


def _resized(headers: StreamHeaders) -> tuple[str, ...]:
    """That all frames get one size, where pictures have several: neither y4m nor raw video can say another."""
    if not headers.changes_size:
        return ()
    size = f"{headers.largest.width}x{headers.largest.height}"
    return (f"its pictures change their size: each is enhanced in its own, and written as {size}",)


def name_of(name: str) -> str:
    """An input's name for messages."""
    return "<stdin>" if name == STDIN else name


def _refuse_terminal() -> None:
    if sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("stdin is a terminal", hint="pipe frames into it, or name a file")


@contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == STDIN:
        _refuse_terminal()
    try:
        stream = open(0, "rb", closefd=False) if name == STDIN else open(name, "rb")  # noqa: SIM115
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise DecodeError(reason, source=name_of(name), hint="check the path") from error
    with stream:
        yield stream


def _not_y4m(frames: Iterator[Planes], source: str) -> Iterator[Planes]:
    for number, planes in enumerate(frames):
        if number == 0 and planes[0][:1].tobytes().startswith(MAGIC):
            raise DecodeError(
                "this is y4m, not raw video", source=source, hint="leave out --size, --format and --depth"
            )
        yield planes
