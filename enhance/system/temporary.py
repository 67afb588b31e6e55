"""Temporary files that do not outlive their process: one folder for each process, with a lock that its death opens.

A process that is killed cannot clean up. The next one that needs a temporary folder removes those whose lock is free.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from enhance.system.file_lock import free_lock, lock

_PREFIX = "enhance-"
_LOCK = "lock"
_making = threading.Lock()


@dataclass(frozen=True)
class _Home:
    """The folder of a process.

    Attributes:
        path: where it is.
        lock: descriptor of its locked file; open as long as the process lives.
        process: whose it is; a process that was forked off makes its own.
    """

    path: Path
    lock: int
    process: int


_home: _Home | None = None
_numbers = itertools.count()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new empty folder, removed with all that is in it when the block ends. Thread-safe. Raises OSError."""
    folder = temporary_path()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def temporary_path() -> Path:
    """A path for a temporary file that nobody else has. Whoever makes the file removes it. Raises OSError."""
    return _own_home().path / f"{next(_numbers)}"


def _own_home() -> _Home:
    global _home
    with _making:
        if _home is None or _home.process != os.getpid() or not _home.path.is_dir():
            _remove_abandoned(Path(tempfile.gettempdir()))
            _home = _make_home()
            atexit.register(_remove, _home)
        return _home


def _forget_lock() -> None:
    global _making
    _making = threading.Lock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)


def _make_home() -> _Home:
    path = Path(tempfile.mkdtemp(prefix=_PREFIX))
    # It gets its name when it is locked, so that nobody ever finds it free.
    descriptor = os.open(path / "new", os.O_RDWR | os.O_CREAT, 0o600)
    lock(descriptor)
    (path / "new").rename(path / _LOCK)
    return _Home(path, descriptor, os.getpid())


def _remove(home: _Home) -> None:
    if home.process == os.getpid():
        shutil.rmtree(home.path, ignore_errors=True)


def _remove_abandoned(place: Path) -> None:
    with contextlib.suppress(OSError):
        for folder in place.glob(f"{_PREFIX}*"):
            with free_lock(folder / _LOCK) as is_free:
                if is_free and folder.stat().st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)
