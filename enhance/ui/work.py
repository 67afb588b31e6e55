"""The thread that works: one picture after the other, each visitor in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from enhance.codecs.registry import decode, make_decoders
from enhance.comparison.layers import DECODED, Compared, Layer
from enhance.comparison.page import describe, make_page
from enhance.enhancer import Enhancer
from enhance.frames.depth import to_dtype
from enhance.images import InspectedImage
from enhance.output.encoders import OutputFormat
from enhance.output.writer import write_bytes, write_image
from enhance.system.limits import Limits
from enhance.ui.session import Item, Session, reason


class _Stopped(Exception):
    """Nobody wants the picture any more."""


class Worker:
    """Works until it is stopped, on whatever waits.

    Args:
        enhancer: makes one when there is something to do, which takes a second or two.
        sessions: all visitors.
        limits: what a file may be at most.
        facts: what is told of a file, as plain JSON values.
    """

    def __init__(
        self,
        enhancer: Callable[[], Enhancer],
        sessions: Callable[[], Sequence[Session]],
        limits: Limits,
        facts: Callable[[InspectedImage], dict[str, Any]],
    ) -> None:
        self._make, self._sessions, self._limits, self._facts = enhancer, sessions, limits, facts
        self._enhancer: Enhancer | None = None
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="ui worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Ends in the middle of the picture under way: a thread that computes when the program ends takes it down."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait()
            self._wake.clear()
            found = True
            while found and not self._stopped.is_set():
                found = False
                for session in self._sessions():  # in turn: nobody waits for all of somebody else's
                    item = session.next()
                    if item is not None:
                        self._work(session, item)
                        found = True

    def _work(self, session: Session, item: Item) -> None:
        with session.lock:
            knobs, fmt = session.knobs, session.format
        try:
            if self._enhancer is None:
                self._enhancer = self._make()
            decoders = make_decoders(pixels=knobs.takes_pixels)
            decoded = decode(item.source, source_name=item.name, limits=self._limits, decoders=decoders)

            def follow(share: float) -> None:
                if self._stopped.is_set():
                    raise _Stopped
                item.share = min(share, 0.99)

            enhanced = self._enhancer.run(decoded, knobs, progress=follow)
            result = session.folder / f"{item.number}{OutputFormat.from_name(fmt).extension}"
            notes = write_image(enhanced, result, fmt=fmt, overwrite=True)
            eight = np.dtype(np.uint8)
            layers = (
                Layer(DECODED, to_dtype(decoded.pixels, eight)),
                Layer("enhanced", to_dtype(enhanced.pixels, eight), enhanced.record, enhanced.weights),
            )
            told = self._facts(InspectedImage.of(decoded)) | {"found": enhanced.record.coding}
            facts = {name: fact for name, fact in told.items() if name not in ("file", "plan")}
            page = session.folder / f"{item.number}.html"
            _write_page(page, Compared(item.name, layers, facts, decoded.metadata))
            said = enhanced.record.summary() + "".join(f"; {note}" for note in notes)
            session.finish(item, knobs, fmt, said, result=result, page=page)
        except Exception as error:
            session.finish(item, knobs, fmt, reason(error))


def _write_page(path: Path, compared: Compared) -> None:
    write_bytes(make_page([describe(compared, 1)], title=compared.name), path, overwrite=True)
