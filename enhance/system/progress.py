"""Progress bars for people, or as JSON lines for programs: whichever the command that runs has been asked for.

{"progress": "enhancing", "done": 3.42, "of": 10, "seconds": 12.1, "seconds_left": 23.3, "megapixels_per_second": 0.8}
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

_as_json: ContextVar[bool] = ContextVar("_as_json", default=False)

_TERMINAL, _LOG_FILE, _PROGRAM = 0.1, 30.0, 0.5
"""Seconds between two words: a terminal gets a moving bar, a log file a line now and then."""


@contextlib.contextmanager
def progress_as_json(wanted: bool = True) -> Iterator[None]:
    """Within the block, bars are lines of JSON on stderr."""
    token = _as_json.set(wanted)
    try:
        yield
    finally:
        _as_json.reset(token)


def progress_bar(what: str, total: float | None = None, *, shown: bool = True, **options: Any) -> tqdm[Any]:
    """A bar on stderr, to be closed.

    Args:
        what: is being done, one word: "enhancing".
        total: of what is counted; None: not known.
        shown: whether there is one at all.
        **options: of tqdm: `iterable`, and for people the unit and the layout.
    """
    shown = shown and sys.stderr is not None
    if _as_json.get():
        options = {name: options[name] for name in ("iterable", "initial") if name in options}
        options |= {"mininterval": _PROGRAM, "miniters": 0}
        return JsonLines(desc=what, total=total, disable=not shown, file=sys.stderr, **options)
    interval = _TERMINAL if shown and sys.stderr.isatty() else _LOG_FILE
    # miniters: the first small part of the first picture shows, too.
    options = {"desc": what, "mininterval": interval, "miniters": 0, **options}
    return tqdm(total=total, disable=not shown, file=sys.stderr, **options)


class JsonLines(tqdm):  # type: ignore[misc]
    """A bar that is a line of JSON each time; what `set_facts` gave is in it."""

    disable: bool
    facts: dict[str, Any] = {}  # noqa: RUF012  (replaced, never changed)

    def set_description_str(self, desc: str | None = None, refresh: bool = True) -> None:
        """Programs are told what is done by its first name only."""

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Writes one line."""
        state = self.format_dict
        rate = state["rate"] or (self.n / state["elapsed"] if state["elapsed"] else 0)
        left = (self.total - self.n) / rate if rate and self.total is not None else None
        line: dict[str, Any] = {"progress": (self.desc or "").removesuffix(": "), "done": round(self.n, 4)}
        line |= {"of": self.total, "seconds": round(state["elapsed"], 2)}
        line["seconds_left"] = None if left is None else round(max(left, 0), 2)
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(json.dumps(line | self.facts) + "\n")
            sys.stderr.flush()
        return True

    def clear(self, nolock: bool = False) -> None:
        """Lines stay."""

    def close(self) -> None:
        """The last line."""
        if not self.disable:
            self.display()
            self.disable = True
            self._decr_instances(self)


class Clock:
    """Lets a bar's time go on while nothing is counted, so that nobody takes a long look at a picture for a standstill.

    For people at a terminal, and for programs; nothing is added to log files. A context inside that of the bar.
    """

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar, self._stopped = bar, threading.Event()
        watched = isinstance(bar, JsonLines) or sys.stderr.isatty()
        self._thread = threading.Thread(target=self._go_on, name="clock", daemon=True)
        if watched and not bar.disable:
            self._thread.start()

    def __enter__(self) -> Clock:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _go_on(self) -> None:
        while not self._stopped.wait(_PROGRAM):
            if time.time() - self._bar.last_print_t >= _PROGRAM:
                self._bar.refresh()

    def stop(self) -> None:
        """Nothing is written from here on."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()


def set_facts(bar: tqdm[Any], **facts: Any) -> None:
    """What a bar tells beside its count: after it on a terminal, by name in JSON."""
    if isinstance(bar, JsonLines):
        bar.facts = facts
