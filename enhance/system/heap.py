"""Memory that was freed stays with the process while it computes.

glibc gives each large block back to the kernel as soon as it is freed, and the kernel clears every page of the next.
A network frees and asks for dozens of blocks of the same size in a row: without this it took a third of its time to get
pages of zeros. The settings are malloc's own (mallopt(3)); other C libraries are left as they are.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_KEPT = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1}
# Where glibc's own dynamic thresholds end in a process that has freed a large block (mallopt(3)): malloc stops to move
# them once they are set, so they cannot be left to it again.
_RELEASED = {_M_MMAP_MAX: 65536, _M_MMAP_THRESHOLD: 32 << 20, _M_TRIM_THRESHOLD: 64 << 20}

_lock = threading.Lock()
_inside = 0


class _Mallinfo2(ctypes.Structure):
    """What malloc has, in bytes (mallinfo(3))."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
        )
    ]  # fmt: skip


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc and nobody has said how its malloc shall be."""
    if not sys.platform.startswith("linux") or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return None
    if any(name.startswith("MALLOC_") for name in os.environ):
        return None
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  # musl has none
        library.mallopt  # noqa: B018
    except (OSError, AttributeError):
        return None
    return library


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Blocks that are freed meanwhile, in any thread, are there for the next ones of the process.

    May be entered again, also by other threads. Afterwards the kernel gets what lies free at the end of the heap with
    the next large block that is freed.
    """
    _enter(1, _KEPT)
    try:
        yield
    finally:
        _enter(-1, _RELEASED)


def _enter(step: int, settings: dict[int, int]) -> None:
    global _inside
    with _lock:
        _inside += step
        if _inside == (1 if step > 0 else 0) and (library := _glibc()) is not None:
            for name, value in settings.items():
                library.mallopt(name, value)


def unused() -> int:
    """Bytes that malloc holds and nobody uses: the kernel counts them as taken. 0 where that is not known."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2  # glibc 2.33
    except (OSError, AttributeError, TypeError):
        return 0
    mallinfo2.restype = _Mallinfo2
    return int(mallinfo2().fordblks)
