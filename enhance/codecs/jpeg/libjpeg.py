"""What libjpeg says about a file: its warnings, and the quantised DCT coefficients; both by `libjpeg_worker`.

Pillow hides libjpeg's warnings, and half a picture with a warning is half a lie. jpeglib brings a libjpeg that tells
them, but on this process's stderr, and it ends the process on some files; so it runs in one of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from enhance.system.temporary import temporary_path

Indices = npt.NDArray[np.int16]

_VERSIONS = ("turbo210", "turbo200", "turbo150", "6b")  # the best first: 6b knows no arithmetic coding
_WORKER = Path(__file__).with_name("libjpeg_worker.py")
_MOST_SAID = 1 << 16
_TICK = 0.1


class LibjpegError(Exception):
    """libjpeg cannot read the file; one line."""


class LibjpegUnavailable(LibjpegError):
    """There is no libjpeg to read it with; one line."""


@dataclass(frozen=True)
class Reading:
    """What came of reading a file.

    Attributes:
        warnings: libjpeg's own, a line each. It tells the first of a file and is silent about those that follow.
        planes: int16 [block rows, block columns, 8, 8] for each shape that was asked for.
    """

    warnings: tuple[str, ...]
    planes: tuple[Indices, ...] = ()


def find_library() -> Path | None:
    """The libjpeg inside the package jpeglib, or None where there is none."""
    spec = importlib.util.find_spec("jpeglib")
    folders = [Path(place, "cjpeglib") for place in (spec.submodule_search_locations or ())] if spec else []
    found = (path for version in _VERSIONS for folder in folders for path in folder.glob(f"cjpeglib_{version}.*"))
    return next((path for path in found if path.suffix in (".so", ".dylib", ".dll", ".pyd")), None)


def read(jpeg: bytes, shapes: Sequence[tuple[int, int]] = ()) -> Reading:
    """Reads a JPEG's entropy-coded data to their end.

    Args:
        jpeg: the file.
        shapes: rows and columns of blocks of each component whose coefficients are wanted, as the header says them;
            none by default.

    Raises:
        LibjpegError: libjpeg refuses the file.
        LibjpegUnavailable: there is no jpeglib, or no room for temporary files.
    """
    values = [np.empty((*shape, 8, 8), np.int16) for shape in shapes]
    with _worker.lock:
        status, said = _worker.ask(jpeg, values)
    if status != 1:
        raise LibjpegError(said[-1] if said else "libjpeg refuses the file")
    return Reading(said, tuple(values))


@dataclass
class _Worker:
    """The process, started when it is first needed and again after it has ended."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[bytes] | None = None
    said: int = -1

    def ask(self, jpeg: bytes, planes: list[Indices]) -> tuple[int, tuple[str, ...]]:
        """Fills the planes. Returns the worker's answer (-1: it has ended) and what libjpeg has said meanwhile."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        request = {"length": len(jpeg), "sizes": [plane.nbytes for plane in planes]}
        status = -1
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.write(jpeg)
            self.process.stdin.flush()
            status = int(self._answer(self.process) or -1)
            if status == 1 and not all(_fill(plane, self.process.stdout) for plane in planes):
                status = -1
        except OSError:
            status = -1
        said = self._take_said()
        if status < 0:
            self.end()
        return status, said

    def _answer(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(process.stdout, select.POLLIN)
            # In pieces, so that a signal or `end_worker` from another thread is seen.
            while not poll.poll(_TICK * 1000) and process.poll() is None:
                pass
        return process.stdout.readline()

    def _start(self) -> None:
        try:
            self._launch()
        except OSError as error:
            raise LibjpegUnavailable(f"the reader of coefficients cannot be started: {error.strerror}") from error

    def _launch(self) -> None:
        library = find_library()
        if library is None or not sys.executable:
            missing = "the package jpeglib is not installed" if library is None else "there is no Python to run it"
            raise LibjpegUnavailable(missing)
        self.end()
        if self.said < 0:
            path = temporary_path()
            self.said = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            if os.name == "posix":
                path.unlink()
        # -I -S: nothing of the user's is loaded. A session of its own: Ctrl-C in a terminal is this process's affair.
        command = [sys.executable, "-I", "-S", str(_WORKER), str(library)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, start_new_session=True
        )

    def _take_said(self) -> tuple[str, ...]:
        size = os.fstat(self.said).st_size
        os.lseek(self.said, 0, os.SEEK_SET)
        text = os.read(self.said, min(size, _MOST_SAID)) if size else b""
        os.ftruncate(self.said, 0)
        return tuple(line.strip() for line in text.decode(errors="replace").splitlines() if line.strip())

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


def _fill(plane: Indices, stream: IO[bytes]) -> bool:
    """Reads a plane; False where the stream ends before."""
    view, had = plane.data.cast("B"), 0
    while had < len(view):
        piece = stream.readinto(view[had:])  # type: ignore[attr-defined]
        if not piece:
            return False
        had += piece
    return True


_worker = _Worker()
_inherited: list[_Worker] = []


def end_worker() -> None:
    """Ends the worker, and with it the reading that any thread is waiting for: for a program that was interrupted."""
    process = _worker.process
    if process is not None:
        process.kill()


def _leave_to_parent() -> None:
    """A process that was forked off starts a worker of its own: two that talk to one would get each other's answers."""
    global _worker
    _inherited.append(_worker)
    _worker = _Worker()


atexit.register(lambda: _worker.end())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
