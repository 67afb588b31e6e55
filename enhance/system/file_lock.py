"""Locks on files that end with the process that holds them, however it ends (flock)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def lock(descriptor: int) -> None:
    """Locks an open file for as long as it is open; waits while somebody looks whether it is locked.

    Does nothing on systems and disks that have no such locks.
    """
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextlib.contextmanager
def free_lock(path: Path) -> Iterator[bool]:
    """Holds a file's lock while the block runs, if nobody else does. Gives False otherwise, and without such locks."""
    if fcntl is None:
        yield False
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        except OSError:
            is_free = False
        yield is_free
    finally:
        os.close(descriptor)
