"""Where frames go: stdout, a FIFO or a device as they come; a file whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO

from enhance.errors import DecodeError, OutputError, UsageError
from enhance.frames.format import FrameFormat, Planes
from enhance.frames.raw import write_planes
from enhance.frames.y4m import Y4MHeader, write_frame, write_header
from enhance.output.writer import check_target
from enhance.system.atomic_file import as_output_error, atomic_file, buffered

STDOUT = "-"
_DESCRIPTORS = {STDOUT: 1, "/dev/stdout": 1, "/dev/stderr": 2}


class FrameWriter:
    """Writes frames, and hands each on before the next one is made.

    Attributes:
        count: frames written.

    Args:
        stream: a buffered stream.
        layout: a header for y4m, or the frames' layout for raw planes.
        name: of the output, for messages.
    """

    def __init__(self, stream: BinaryIO, layout: Y4MHeader | FrameFormat, *, name: str) -> None:
        self.count = 0
        self._stream = stream
        self._layout = layout
        self._name = name

    def write(self, planes: Planes) -> None:
        """Writes the next frame.

        Raises:
            OutputError: the disk is full, or another error.
            BrokenPipeError: whoever reads the output has left.
        """
        with as_output_error(self._name):
            if isinstance(self._layout, FrameFormat):
                write_planes(self._stream, self._layout, planes)
            else:
                if self.count == 0:
                    write_header(self._stream, self._layout)
                write_frame(self._stream, self._layout, planes)
            self._stream.flush()
        self.count += 1


@contextlib.contextmanager
def prints_on_stderr() -> Iterator[int]:
    """Keeps stdout for frames: what is printed meanwhile, by Python, C libraries or other programs, goes to stderr.

    Yields:
        a descriptor of what stdout was; -1 where it was closed.
    """
    if sys.__stdout__ is None:  # number 1 is free then, and may be any file's by now
        yield -1
        return
    _flush_prints()
    frames = os.dup(1)
    prints = 2 if sys.__stderr__ is not None else os.open(os.devnull, os.O_WRONLY)
    os.dup2(prints, 1)
    try:
        yield frames
    finally:
        _flush_prints()
        os.dup2(frames, 1)
        os.close(frames)
        if prints != 2:
            os.close(prints)


def _flush_prints() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Windows has no C library under this name
        ctypes.CDLL(None).fflush(None)


@contextlib.contextmanager
def open_output(name: str, *, stdout: int = 1, source: str, overwrite: bool) -> Iterator[BinaryIO]:
    """Opens the place for frames.

    Args:
        name: a path; - or /dev/stdout for stdout, /dev/fd/N for an open descriptor.
        stdout: descriptor of stdout, from `prints_on_stderr`.
        source: name of the input, which is never written to.
        overwrite: a file that is already there may be replaced.

    Yields:
        a buffered stream. A regular file gets its name in the end; if the block raises DecodeError after frames were
        written (an input that is cut) they are kept; after any other exception there is no file.

    Raises:
        UsageError: stdout is a terminal.
        OutputError: the place cannot be written.
    """
    descriptor = descriptor_of(name)
    if descriptor == 1 and stdout < 0:
        raise OutputError("stdout is closed", hint="name a file with -o")
    if descriptor is not None or _is_special(name):
        with as_output_error(name):
            if descriptor is None:
                own = os.open(name, os.O_WRONLY)  # a FIFO's open waits for its reader
            else:
                own = os.dup(stdout if descriptor == 1 else descriptor)
        with buffered(own) as stream:
            if os.isatty(own):
                raise UsageError("the output is a terminal", hint="pipe it somewhere, or name a file with -o")
            yield stream
        return
    check_target(name, source=source, overwrite=overwrite)
    broken = None
    with atomic_file(name, overwrite=overwrite) as stream:
        try:
            yield stream
        except DecodeError as error:
            if stream.tell() == 0:
                raise
            broken = error
    if broken is not None:
        raise broken


def descriptor_of(name: str) -> int | None:
    """The open descriptor that a name stands for; None: it is a path."""
    match = re.fullmatch(r"/(?:dev|proc/self)/fd/([0-9]{1,6})", name)
    return int(match[1]) if match else _DESCRIPTORS.get(name)


def _is_special(name: str) -> bool:
    """True for FIFOs, devices and sockets, which are written to as they are."""
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
