"""What one visitor has dropped: files, what became of them, and a temporary folder that is gone with the visitor."""

from __future__ import annotations

import itertools
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from enhance.errors import EnhanceError, UsageError, one_line
from enhance.knobs import Knobs


def _quality(text: str) -> int | str:
    return text if text in ("auto", "file") else int(text)


_KNOBS: dict[str, Callable[[str], Any]] = {
    "mode": str, "perception": float, "strength": float, "quality": _quality, "steps": int, "seed": int,
    "ensemble": int,
}  # fmt: skip
"""What the page can set; with the names and the meaning that they have everywhere."""

FOUND_OUT = Knobs(quality="auto")
"""Whoever drops a PNG that was a JPEG once need not know of it."""

MOST_FILES = 2000


@dataclass
class Item:
    """One dropped file.

    Attributes:
        number: by which the page asks for it; names are only shown.
        name: as dropped, without folders.
        source: where its bytes lie.
        status: "waiting", "working", "done" or "failed".
        share: of the work that is done, 0 to 1.
        told: what was done, or why not.
        result, page: files with the enhanced picture and with its comparison, once it is done.
    """

    number: int
    name: str
    source: Path
    status: str = "waiting"
    share: float = 0.0
    told: str = ""
    result: Path | None = None
    page: Path | None = None

    def describe(self) -> dict[str, Any]:
        """As plain JSON values."""
        shown = {name: getattr(self, name) for name in ("number", "name", "status", "told")}
        return {**shown, "share": round(self.share, 4)}


@dataclass
class Session:
    """One visitor. All that is done to it is done under its lock.

    Attributes:
        folder: for its files; nobody else's are in it.
        items: by number.
        knobs: of what is still to be done.
        format: of the results: "png", "jpeg", ...
        looked_at: number of the file that the visitor looks at: it is done first.
        runs_all: whether the others are done, too.
    """

    folder: Path
    items: dict[int, Item] = field(default_factory=dict)
    knobs: Knobs = FOUND_OUT
    format: str = "png"
    looked_at: int | None = None
    runs_all: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def add(self, name: str) -> Item:
        """A place for a file that is being dropped. Raises UsageError where there are too many."""
        with self.lock:
            if len(self.items) >= MOST_FILES:
                raise UsageError(f"{MOST_FILES} files at a time", hint="enhance run takes any number")
            number = next(self._numbers)
            return Item(number, shown_name(name), self.folder / f"{number}.in")

    def keep(self, item: Item) -> None:
        """The file is there: it waits for its turn."""
        with self.lock:
            self.items[item.number] = item
            if self.looked_at is None:
                self.looked_at = item.number

    def look_at(self, number: int) -> None:
        """That file is done next, if it waits. Raises UsageError where there is none."""
        with self.lock:
            if number not in self.items:
                raise UsageError("there is no such file")
            self.looked_at = number

    def run_all(self) -> None:
        """All files are done, with the knobs that are set now."""
        with self.lock:
            self.runs_all = True

    def set_knobs(self, values: dict[str, Any]) -> None:
        """Takes the page's choices; what was done with others waits to be done again.

        Raises:
            UsageError: a value is out of range, or there is no such knob.
        """
        given = {name: value for name, value in values.items() if value not in (None, "") and name != "format"}
        try:
            chosen = {name: _KNOBS[name](value) for name, value in given.items()}
        except KeyError as error:
            raise UsageError(f"there is no knob {error.args[0]!r}") from None
        except (TypeError, ValueError):
            raise UsageError("a knob has no such value") from None
        knobs = replace(FOUND_OUT, **chosen)
        fmt = values.get("format") or "png"
        if fmt not in ("png", "jpeg", "webp", "tiff"):
            raise UsageError(f"there is no format {fmt!r}")
        with self.lock:
            if (knobs, fmt) == (self.knobs, self.format):
                return
            self.knobs, self.format, self.runs_all = knobs, fmt, False
            for item in self.items.values():
                if item.status in ("done", "failed"):
                    item.status, item.share, item.told = "waiting", 0.0, ""

    def next(self) -> Item | None:
        """What is to be done next, now being worked on: what is looked at, then the first that waits."""
        with self.lock:
            looked_at = [self.items[self.looked_at]] if self.looked_at is not None else []
            for item in [*looked_at, *(self.items.values() if self.runs_all else ())]:
                if item.status == "waiting":
                    item.status, item.share = "working", 0.0
                    return item
        return None

    def describe(self) -> list[dict[str, Any]]:
        """All files as plain JSON values."""
        with self.lock:
            return [item.describe() for item in self.items.values()]

    def finish(
        self, item: Item, knobs: Knobs, fmt: str, outcome: str, *, result: Path | None = None, page: Path | None = None
    ) -> None:
        """Says what became of a file; if knobs changed meanwhile, it waits again."""
        with self.lock:
            item.result, item.page, item.told, item.share = result, page, one_line(outcome), 1.0
            item.status = "failed" if result is None else "done"
            if (knobs, fmt) != (self.knobs, self.format):
                item.status, item.share = "waiting", 0.0

    def close(self) -> None:
        """Removes its files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def shown_name(name: str) -> str:
    """A dropped file's name without folders and without what a file system or a zip reader takes amiss."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = re.sub(r"[\x00-\x1f\x7f<>:\"|?*]", "_", last).strip(". ")
    return cleaned[:120] or "picture"


def reason(error: Exception) -> str:
    """An error as the page tells it: without places in this machine."""
    if not isinstance(error, EnhanceError):
        return f"unexpected {type(error).__name__}"
    return f"{error.reason} ({error.hint})" if error.hint else error.reason
