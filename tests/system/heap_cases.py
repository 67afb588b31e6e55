"""Freed memory stays with the process while it computes, and only then."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import pytest

from enhance.system import heap

LARGE = 48 << 20  # above every threshold that glibc sets by itself

pytestmark = pytest.mark.skipif(heap._glibc() is None, reason="another C library, or a malloc that the user has set up")


def mapped_blocks() -> int:
    """Blocks that malloc had from the kernel for themselves alone, and that go back to it when they are freed."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = heap._Mallinfo2
    return int(mallinfo2().hblks)


def comes_from_the_kernel() -> bool:
    before = mapped_blocks()
    block = np.empty(heap.unused() + LARGE, np.uint8)  # more than lies free from before
    return mapped_blocks() > before and len(block) > LARGE


def test_large_blocks_come_from_the_heap_while_it_is_kept() -> None:
    with heap.freed_memory_kept():
        assert not comes_from_the_kernel()
    assert comes_from_the_kernel()


def test_it_is_kept_until_the_last_one_leaves() -> None:
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with heap.freed_memory_kept():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    entered.wait()
    with heap.freed_memory_kept(), heap.freed_memory_kept():
        pass
    assert not comes_from_the_kernel()
    leave.set()
    thread.join()
    assert comes_from_the_kernel()


def test_it_is_released_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), heap.freed_memory_kept():
        raise ZeroDivisionError
    assert comes_from_the_kernel()


@pytest.mark.parametrize(
    ("name", "value"),
    [("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=131072"), ("MALLOC_TRIM_THRESHOLD_", "131072")],
)
def test_what_the_user_says_of_malloc_counts(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with heap.freed_memory_kept():
        assert comes_from_the_kernel()


def test_freed_blocks_count_as_unused() -> None:
    with heap.freed_memory_kept():
        block = np.ones(LARGE, np.uint8)
        before = heap.unused()
        del block
        assert heap.unused() > before + LARGE // 2
