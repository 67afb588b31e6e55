"""One run of a decoder over a VVC stream: its frames, and the slice QPs that it prints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from enhance.codecs.vvc.headers import HeaderReader, StreamHeaders
from enhance.codecs.vvc.log import PictureLog
from enhance.codecs.vvc.process import DecoderProcess, DecoderStopped
from enhance.codecs.vvc.programs import Y4M_DEPTHS, ExternalDecoder, find_ffmpeg, trace_arguments
from enhance.errors import DecodeError
from enhance.frames.format import FrameFormat, Planes
from enhance.frames.raw import read_planes
from enhance.frames.y4m import read_y4m

DAMAGED = "get a fresh copy of the file"


@dataclass(frozen=True)
class DecoderSetup:
    """A decoder and how it is run.

    Attributes:
        decoder: which one.
        program: where it is.
        folder: for what it needs besides the bitstream.
        source: the name of the stream for messages.
        patience: seconds in which it must do something.
        time_limit: seconds that may be waited for it in all.
    """

    decoder: ExternalDecoder
    program: Path
    folder: Path
    source: str
    patience: float
    time_limit: float | None

    def start(self, bitstream: Path, headers: StreamHeaders) -> DecoderRun:
        """Starts it. Raises DecodeError where that fails."""
        return DecoderRun(self, bitstream, headers)


class DecoderRun:
    """A decoder at work. `resources` end it.

    Args:
        setup: the decoder.
        bitstream: file of the stream.
        headers: of the stream.
    """

    def __init__(self, setup: DecoderSetup, bitstream: Path, headers: StreamHeaders) -> None:
        self._source = setup.source
        self._frame = headers.shown()[0].frame
        self._decoder = setup.decoder
        self._log = PictureLog(headers.hidden())
        self._has_complained = False
        self._is_y4m = setup.decoder.writes_y4m and self._frame.depth in Y4M_DEPTHS
        self._y4m: Iterator[Planes] | None = None
        self._number = 0
        with ExitStack() as resources:
            output = setup.folder / f"{bitstream.stem}.{'y4m' if self._is_y4m else 'yuv'}"
            if setup.decoder.writes_file:
                os.mkfifo(output, 0o600)
            self._process = DecoderProcess(
                [str(setup.program), *setup.decoder.arguments(bitstream, output)],
                title=setup.decoder.title,
                source=setup.source,
                patience=setup.patience,
                time_limit=setup.time_limit,
                fifo=output if setup.decoder.writes_file else None,
                on_line=self._read_line,
            )
            resources.push(self._process.resources)
            self.resources = resources.pop_all()

    def next_planes(self, frame: FrameFormat | None = None) -> Planes | None:
        """The next frame, or None after the last one.

        Args:
            frame: its layout; by default that of the first one.

        Raises:
            DecodeError: the decoder failed, hangs, or says that a picture is damaged.
        """
        try:
            planes = self._read(frame or self._frame)
        except DecoderStopped:
            raise
        except DecodeError:
            self._process.finish()  # why the decoder stopped tells more than that it did
            raise
        if planes is None:
            self._process.finish()
        else:
            self._process.read_log()
        if self._has_complained:
            raise self._process.failure("found the stream damaged")
        return planes

    def slice_qp(self) -> int | None:
        """Slice QP of the frame that `next_planes` gave, if the decoder prints it."""
        return self._log.pop(written=True)

    def _read_line(self, line: str) -> None:
        if self._decoder.prints_qp:
            self._log.feed(line)
        if self._decoder.complaint is not None and self._decoder.complaint.search(line):
            self._has_complained = True

    def _read(self, frame: FrameFormat) -> Planes | None:
        if self._is_y4m:
            self._y4m = self._y4m or self._y4m_reader()
            return next(self._y4m, None)
        self._number += 1
        return read_planes(self._process.frames, frame, self._number, self._source, hint=DAMAGED)

    def _y4m_reader(self) -> Iterator[Planes]:
        reader = read_y4m(self._process.frames, source=self._source)
        if reader.frame != self._frame:
            reason = f"{self._process.title} says that frames are {reader.frame}, the headers say {self._frame}"
            raise DecodeError(reason, source=self._source, hint="try another decoder")
        return iter(reader)


def read_headers(bitstream: Path, *, source: str, patience: float, time_limit: float | None = None) -> StreamHeaders:
    """The headers of all pictures of a stream, by ffmpeg.

    Args:
        bitstream: its file.
        source: the name to use in messages.
        patience, time_limit: as in `DecoderSetup`.

    Raises:
        DecodeError: it holds no picture.
        UnsupportedImageError: its pictures are of a size or depth that cannot be.
    """
    reader = HeaderReader(source)
    failure: DecodeError | None = None
    with DecoderProcess(
        [str(find_ffmpeg()), *trace_arguments(bitstream)],
        title="ffmpeg",
        source=source,
        patience=patience,
        time_limit=time_limit,
        on_line=reader.feed,
    ) as process:
        try:
            process.finish()
        except DecodeError as error:
            failure = error
    headers = reader.headers()
    if not headers.shown():
        raise failure or DecodeError("holds no picture that can be shown", source=source, hint=DAMAGED)
    return headers
