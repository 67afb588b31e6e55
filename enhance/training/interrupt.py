"""Ctrl-C between two steps instead of inside one, so that what is saved is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Collects SIGINT and SIGTERM in an event; outside the main thread, which gets no signals, it stays unset."""
    arrived = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        arrived.set()

    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
