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

import numpy as np
import numpy.typing as npt

from enhance.temporary import temporary_path

Indices = npt.NDArray[np.int16]

_VERSIONS = ("turbo210", "turbo200", "turbo150", "6b")  # the best first: 6b knows no arithmetic coding
_WORKER = Path(__file__).with_name("libjpeg_worker.py")
_MOST_SAID = 1 << 16
_TICK = 0.1


class LibjpegError(Exception):
    """libjpeg cannot read the file, or cannot be run; one line."""


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
        LibjpegError: libjpeg refuses the file, or there is no jpeglib.
    """
    sizes = [rows * columns * 128 for rows, columns in shapes]
    with _worker.lock, contextlib.ExitStack() as stack:
        try:
            source = _written(jpeg, stack)
            target = _reserved(sum(sizes), stack) if sizes else None
        except OSError as error:
            raise LibjpegError(f"temporary files cannot be written: {error.strerror}") from error
        status, said = _worker.ask({"jpeg": str(source), "planes": target and str(target), "sizes": sizes})
        if status != 1:
            raise LibjpegError(said[-1] if said else "libjpeg refuses the file")
        values = np.fromfile(target, np.int16) if target else np.empty(0, np.int16)
    ends = np.cumsum([size // 2 for size in sizes])
    planes = (values[end - size // 2 : end] for size, end in zip(sizes, ends))
    return Reading(said, tuple(p.reshape(*shape, 8, 8) for p, shape in zip(planes, shapes)))


def _written(content: bytes, stack: contextlib.ExitStack) -> Path:
    path = temporary_path()
    stack.callback(path.unlink, missing_ok=True)
    path.write_bytes(content)
    return path


def _reserved(size: int, stack: contextlib.ExitStack) -> Path:
    """A file of zeros whose room on the disk is taken, so that writing into its memory cannot fail."""
    path = temporary_path()
    stack.callback(path.unlink, missing_ok=True)
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    return path


@dataclass
class _Worker:
    """The process, started when it is first needed and again after it has ended."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[bytes] | None = None
    said: int = -1

    def ask(self, request: dict[str, object]) -> tuple[int, tuple[str, ...]]:
        """The worker's answer (-1: it has ended) and what libjpeg has said meanwhile."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            answer = self._answer(self.process)
        except OSError:
            answer = b""
        if not answer:
            self.end()
        return int(answer or -1), self._take_said()

    def _answer(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(process.stdout, select.POLLIN)
            # In pieces, so that a signal or `end` from another thread is seen.
            while not poll.poll(_TICK * 1000) and process.poll() is None:
                pass
        return process.stdout.readline()

    def _start(self) -> None:
        library = find_library()
        if library is None or not sys.executable:
            raise LibjpegError("the package jpeglib is not installed" if library is None else "there is no Python")
        self.end()
        if self.said < 0:
            path = temporary_path()
            self.said = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with contextlib.suppress(OSError):
                path.unlink()
        # -I -S: nothing of the user's is loaded. A session of its own: Ctrl-C in a terminal is this process's affair.
        command = [sys.executable, "-I", "-S", str(_WORKER), str(library)]
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, start_new_session=True
            )
        except OSError as error:
            raise LibjpegError(f"the reader of coefficients cannot be started: {error.strerror}") from error

    def _take_said(self) -> tuple[str, ...]:
        size = os.fstat(self.said).st_size
        text = os.pread(self.said, min(size, _MOST_SAID), 0) if size else b""
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
