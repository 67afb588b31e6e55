"""Runs a decoder beside this program: its frames come through a pipe or a FIFO, its log line by line.

All is done in the caller's thread while it waits for frames. So no thread is left behind, the log never fills its pipe,
and when a frame is there, all that the decoder said before it wrote that frame has been read.
"""

from __future__ import annotations

import io
import os
import re
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from weakref import WeakSet

from enhance.codecs.vvc.guardian import guardian
from enhance.errors import DecodeError, describe_status, one_line

_TICK = 0.05
"""Seconds between two looks at whether the program still runs, where nothing else wakes the caller up."""

_PIECE = 1 << 16
_LONGEST_LINE = 1 << 16
_TOLD = 1000  # characters of a line that a message quotes
_KEPT_LINES = 20
_TELLING = re.compile(r"error|invalid|fail|exception|unsupported|mismatch|cannot|unable| not ", re.IGNORECASE)
_CONSEQUENCE = re.compile(
    r"Terminating thread|Task finished|Nothing was written|Conversion failed|Could not open encoder before EOF|"
    r"ERROR CONDITION"
)
# ffmpeg's names for its parts; the place in the source that VTM and vvdecapp name.
_PLACE = re.compile(r"\[[^\]]*@ 0x[0-9a-f]+\] ?|ERROR: In function \".*\" in .*?:\d+: ")

_running: WeakSet[subprocess.Popen[bytes]] = WeakSet()


class DecoderStopped(DecodeError):
    """A decoder hung, took longer than it may, or was killed: to run it again is no use."""


class DecoderProcess:
    """A running decoder. Leaving the context, or `close`, ends it and what it has started.

    Args:
        command: program and arguments; no shell is involved.
        title: the decoder's name for messages.
        source: the name of what it decodes, for messages.
        patience: seconds without frames and without log after which it is given up; the caller's time does not count.
        time_limit: seconds that are waited for it in all.
        fifo: the FIFO that it writes its frames into; its log is on stdout and stderr then, and goes through a
            terminal, since programs hold back what they print into a pipe. None: frames on stdout, log on stderr.
        on_line: is given every line of the log.

    Attributes:
        frames: the frames as a file. Reading raises DecoderStopped where the decoder hangs.
        resources: closing it does what `close` does, without a reference to this object.

    Raises:
        DecodeError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        title: str,
        source: str,
        patience: float,
        time_limit: float | None = None,
        fifo: Path | None = None,
        on_line: Callable[[str], object] | None = None,
    ) -> None:
        if not hasattr(select, "poll"):
            reason = "VVC decoders are run through pipes that this system does not have"
            raise DecodeError(reason, source=source, hint="use Linux, macOS or the Windows Subsystem for Linux")
        self.title, self._source = title, source
        self._patience, self._time_left = patience, time_limit
        self._on_line = on_line
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._rest, self._log_has_ended = b"", False
        self._has_written = False
        with ExitStack() as kept, ExitStack() as lent:
            self._log, log_writer = _open_ends(_terminal if fifo else os.pipe, kept, lent)
            if fifo is None:
                self._output, output_writer = _open_ends(os.pipe, kept, lent)
            else:
                # Without O_NONBLOCK this would wait for the decoder, which may never come to open its end.
                self._output, output_writer = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), log_writer
                kept.callback(os.close, self._output)
            self._process = self._start(command, output_writer, log_writer)
            kept.callback(_end, self._process)
            self.resources = kept.pop_all()
        self.frames: BinaryIO = io.BufferedReader(_Frames(self))

    def __enter__(self) -> DecoderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kills the decoder if it still runs, and waits for its end."""
        self.resources.close()

    def read_log(self) -> bool:
        """Takes what the decoder has printed up to now. Returns True if there was anything."""
        grown = False
        while not self._log_has_ended and (piece := _read(self._log, _PIECE)) is not None:
            self._take(piece)
            grown = True
        return grown

    def finish(self) -> None:
        """Waits for the end of a decoder that has no more frames.

        Raises:
            DecodeError: its exit status says that it failed.
            DecoderStopped: it does not end, or was killed.
        """
        quiet_since = time.monotonic()
        while self._process.poll() is None:
            self._wait([], quiet_since)
            if self.read_log():
                quiet_since = time.monotonic()
        self.read_log()
        if self._process.returncode:
            how = self.failure(describe_status(self._process.returncode))
            raise DecoderStopped(how.reason, source=how.source) if self._process.returncode == -signal.SIGKILL else how

    def read_frames(self, target: memoryview) -> int:
        """Puts bytes of frames into `target`. Returns how many; 0 at the end.

        Raises:
            DecoderStopped: the decoder hangs.
        """
        quiet_since = time.monotonic()
        while True:
            had_ended = self._process.poll() is not None
            piece = _read(self._output, len(target))
            if piece:
                self._has_written = True
                target[: len(piece)] = piece
                return len(piece)
            if piece is not None and (had_ended or self._has_written):
                return 0
            # A FIFO that the decoder has not opened yet reads as if it had ended.
            self._wait([] if piece is not None else [self._output], quiet_since)
            if self.read_log():
                quiet_since = time.monotonic()

    def _start(self, command: Sequence[str], output: int, log: int) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, start_new_session=True
            )
        except (OSError, ValueError) as error:
            reason = f"{self.title} cannot be started: {getattr(error, 'strerror', None) or error}"
            raise DecodeError(reason, source=self._source, hint=f"check {command[0]}") from error
        _running.add(process)
        guardian.watch(process.pid)
        return process

    def _wait(self, descriptors: list[int], quiet_since: float) -> None:
        """Waits until there is something to read, a tick at most."""
        begun = time.monotonic()
        poll = select.poll()
        for descriptor in descriptors + ([] if self._log_has_ended else [self._log]):
            poll.register(descriptor, select.POLLIN)
        is_ready = bool(poll.poll(_TICK * 1000))
        now = time.monotonic()
        if self._time_left is not None:
            self._time_left -= now - begun
            if self._time_left < 0:
                raise self._too_slow("has not finished within its time limit")
        if not is_ready and now - quiet_since > self._patience:
            raise self._too_slow(f"has done nothing for {self._patience:g} seconds")

    def _take(self, piece: bytes) -> None:
        self._log_has_ended = not piece
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if self._rest and (self._log_has_ended or len(self._rest) > _LONGEST_LINE):
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            if text:
                self._said.append(text[:_TOLD])
                if self._on_line is not None:
                    self._on_line(text)

    def failure(self, how: str) -> DecodeError:
        """The error for a decoder that has failed, with what it said last."""
        hint = "the stream is damaged or cut, or of a kind that this decoder does not know"
        return DecodeError(f"{self.title} {how}{self._last_words()}", source=self._source, hint=hint)

    def _too_slow(self, what: str) -> DecoderStopped:
        self.read_log()
        self.close()
        hint = "raise the time limit, or try another decoder"
        return DecoderStopped(f"{self.title} {what}{self._last_words()}", source=self._source, hint=hint)

    def _last_words(self) -> str:
        """The line of the log that tells most, for the end of a message."""
        lines = [line for line in self._said if not _CONSEQUENCE.search(line)]
        telling = [line for line in lines if _TELLING.search(line)] or lines
        return f": {one_line(_PLACE.sub('', telling[-1]).strip())}" if telling else ""


class _Frames(io.RawIOBase):
    """The frames of a decoder as a raw stream."""

    def __init__(self, process: DecoderProcess) -> None:
        self._process = process

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._process.read_frames(memoryview(buffer).cast("B"))


def end_all() -> None:
    """Kills every decoder that runs, whichever thread waits for it: for a program that was interrupted."""
    for process in list(_running):
        _kill(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    process.wait()
    guardian.forget(process.pid)
    _running.discard(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a program that has not been waited for, and its whole group."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _open_ends(make: Callable[[], tuple[int, int]], kept: ExitStack, lent: ExitStack) -> tuple[int, int]:
    """The end to read from, which does not wait, and the end to write to."""
    reader, writer = make()
    kept.callback(os.close, reader)
    lent.callback(os.close, writer)
    os.set_blocking(reader, False)
    return reader, writer


def _terminal() -> tuple[int, int]:
    """A terminal's two ends, or a pipe's where there are no terminals."""
    try:
        reader, writer = os.openpty()
    except OSError:
        return os.pipe()
    import tty  # some systems have neither this nor terminals

    tty.setraw(writer)
    return reader, writer


def _read(descriptor: int, most: int) -> bytes | None:
    """None if there is nothing yet, nothing at all at the end."""
    try:
        return os.read(descriptor, most)
    except BlockingIOError:
        return None
    except OSError:  # EIO: a terminal that nobody has open any more
        return b""
