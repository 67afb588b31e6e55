"""The QPs of frames from the log of a decoder that runs beside this program, read while it is written."""

from __future__ import annotations

import os
import select
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from enhance.codecs.vvc.log import PictureLog
from enhance.codecs.vvc.rate import VvcRate
from enhance.errors import DecodeError
from enhance.frames.format import Planes

PATIENCE = 30.0
"""Seconds that are waited for what a log says about a picture."""

READ_AHEAD = 1 << 30
"""Bytes of frames that may wait for the log."""

_POLL = 0.02
_QUIET = 2.0  # seconds; a program writes out its log when it ends, right after its last frame
_LONGEST_LINE = 1 << 16
_LAST_LINE = b"Total Time:"  # VTM's
_LATE = "VTM writes its log in blocks: `stdbuf -oL DecoderApp ...` writes lines; or let -b run the decoder"


class FollowedLog:
    """The rates of pictures by the slice QPs in a log, in output order. A context: its end closes the log.

    Args:
        place: path of the log (a file that grows, a complete one, or a FIFO), or the number of an open descriptor.
        patience: seconds to wait for what it says about a picture.

    Raises:
        DecodeError: the log cannot be read. One that is not there yet is opened later.
    """

    def __init__(self, place: str | int, *, patience: float = PATIENCE) -> None:
        self.source = f"descriptor {place}" if isinstance(place, int) else place
        self.patience = patience
        self.ended = False
        self._place = place
        self._descriptor: int | None = None
        self._pictures = PictureLog()
        self._rest = b""
        self._last_growth = time.monotonic()
        # At once, and not with the first frame: a program that prints into a FIFO waits until somebody opens it.
        with self._errors(), suppress(FileNotFoundError):
            self._descriptor = self._open()

    def pop(self, *, seconds: float = 0.0) -> VvcRate | None:
        """The rate of the next picture in output order.

        Args:
            seconds: how long to wait for it.

        Returns:
            None if the log does not say it within that time, or has ended.

        Raises:
            DecodeError: the log cannot be read.
        """
        deadline = time.monotonic() + seconds
        while True:
            self._read()
            rate = self._pictures.pop_rate()
            if rate is not None:
                return rate
            if self.ended or time.monotonic() >= deadline:
                return None
            time.sleep(_POLL)

    def expect_end(self) -> None:
        """Says that the decoder has written its last frame: a log that stops growing is complete from now on.

        Raises:
            DecodeError: the log cannot be read.
        """
        self._last_growth = time.monotonic()
        while not self.ended and time.monotonic() - self._last_growth < _QUIET:
            self._read()
            time.sleep(_POLL)
        self._end()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._end()

    def __enter__(self) -> FollowedLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _end(self) -> None:
        if not self.ended:
            self._pictures.feed(self._rest.decode("latin-1"))
            self._pictures.end()
            self.ended = True

    def _read(self) -> None:
        """Takes what has been written since the last time, without waiting for more."""
        with self._errors():
            while not self.ended and (piece := self._read_piece()) is not None:
                self._last_growth = time.monotonic()
                self._feed(piece)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, OverflowError) as error:  # a null character in the path, a number beyond any
            reason = f"the log cannot be read: {getattr(error, 'strerror', None) or error}"
            raise DecodeError(reason, source=self.source, hint="check --vtm-log") from error

    def _read_piece(self) -> bytes | None:
        """None: nothing new yet. An empty piece: a pipe's end."""
        if self._descriptor is None:
            self._descriptor = self._open()
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            return os.read(self._descriptor, 1 << 16) or None
        if not select.select([self._descriptor], [], [], 0)[0]:
            return None
        with suppress(BlockingIOError):
            return os.read(self._descriptor, 1 << 16)
        return None

    def _open(self) -> int:
        if isinstance(self._place, int):
            return os.dup(self._place)
        # Without O_NONBLOCK a FIFO's open would wait for its writer.
        return os.open(self._place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))

    def _feed(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._pictures.feed(line.decode("latin-1"))
        if not piece or any(_LAST_LINE in line for line in lines):
            self._end()
        if len(self._rest) > _LONGEST_LINE:  # no log
            self._rest = b""


def rated_by_log(
    frames: Iterable[Planes], log: FollowedLog, *, frame_bytes: int, read_ahead: int = READ_AHEAD
) -> Iterator[tuple[Planes, VvcRate]]:
    """Frames with the QPs that the log says.

    A decoder's log lags behind its frames: the order of output is known up to 16 pictures later, and into a pipe or a
    file programs write in blocks. A decoder that is not read from stops, and its log with it, so frames are read on
    until the log has come up with them.

    Args:
        frames: in output order.
        log: of the program that writes them.
        frame_bytes: size of a frame.
        read_ahead: bytes of frames that may wait.

    Raises:
        DecodeError: the log does not say a picture's QP in time, or ends before the frames do.
    """
    waiting: deque[Planes] = deque()
    most = max(1, read_ahead // frame_bytes)
    number = 1
    source, broken = iter(frames), None
    while True:
        try:
            waiting.append(next(source))
        except StopIteration:
            break
        except DecodeError as error:
            broken = error  # frames that came whole before it are not lost
            break
        while waiting:
            is_full = len(waiting) >= most
            if (rate := log.pop(seconds=log.patience if is_full else 0)) is not None:
                yield waiting.popleft(), rate
                number += 1
            elif is_full or log.ended:
                raise _silent(log, number)
            else:
                break
    if waiting:
        log.expect_end()
    while waiting:
        if (rate := log.pop()) is None:
            raise broken or _silent(log, number)
        yield waiting.popleft(), rate
        number += 1
    if broken is not None:
        raise broken


def _silent(log: FollowedLog, number: int) -> DecodeError:
    if log.ended:
        reason = f"the log ends before it says the QP of frame {number}"
        return DecodeError(reason, source=log.source, hint="is it the log of this video? --qp sets a QP")
    reason = f"the log has not said the QP of frame {number} for {log.patience:g} seconds"
    return DecodeError(reason, source=log.source, hint=_LATE)
