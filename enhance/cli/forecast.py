"""What a run will take: how many megapixels, as the headers say, and how long, as the last run of this kind took."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from enhance.batch.plan import STREAM, Job
from enhance.errors import OutputError
from enhance.system.atomic_file import atomic_file

_LOOKING = 1.0  # seconds: a hundred thousand headers on a network disk take minutes
_WORTH_KEEPING = 2.0  # megapixels: less says nothing of speed
_MOST_KEPT = 64


@dataclass(frozen=True)
class Survey:
    """How much there is to do.

    Attributes:
        count: pictures.
        megapixels: of all of them; those whose headers were not read are like the others. None: no header told.
        is_exact: whether all headers were read.
    """

    count: int
    megapixels: float | None
    is_exact: bool

    def describe(self, seconds: float | None) -> str:
        """One line: "12 pictures, 54.3 megapixels, about 1 min 15 s"."""
        words = [f"{self.count} picture{'s' * (self.count != 1)}"]
        if self.megapixels is not None:
            words.append(f"{'' if self.is_exact else 'about '}{self.megapixels:.1f} megapixels")
        if seconds is not None:
            words.append(f"about {in_words(seconds)}")
        return ", ".join(words)


def survey(jobs: Sequence[Job]) -> Survey:
    """Reads the headers of JPEGs, for a second at most."""
    until, sizes, looked = time.monotonic() + _LOOKING, [], 0
    for job in jobs:
        if time.monotonic() > until:
            break
        looked += 1
        with contextlib.suppress(Exception):  # the run will tell
            if job.input != STREAM and Path(job.input).is_file():
                with Image.open(job.input) as image:
                    sizes.append(image.width * image.height / 1e6)
    known = sum(sizes) / len(sizes) * len(jobs) if sizes else None
    return Survey(len(jobs), known, looked == len(jobs) == len(sizes))


def in_words(seconds: float) -> str:
    """A time as people say it: "5 s", "1 min 15 s", "3 h 20 min"."""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


class Speeds:
    """Megapixels a second of earlier runs, by what they were asked for; kept in the user's cache folder.

    Args:
        folder: see `enhance.system.cache.cache_folder`; None: nothing is remembered.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / "speeds.json"

    def seconds(self, megapixels: float | None, kind: str) -> float | None:
        """How long so much would take; None where that is not known."""
        speed = self._read().get(kind)
        return megapixels / speed if speed and megapixels is not None else None

    def keep(self, megapixels: float, seconds: float, kind: str) -> None:
        """Remembers a run."""
        if self._file is None or megapixels < _WORTH_KEEPING or seconds <= 0:
            return
        known = {name: speed for name, speed in self._read().items() if name != kind}
        kept = dict(list(known.items())[1 - _MOST_KEPT :]) | {kind: megapixels / seconds}
        with contextlib.suppress(OSError, OutputError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(self._file, overwrite=True) as file:
                file.write((json.dumps(kept, indent=1) + "\n").encode())

    def _read(self) -> dict[str, float]:
        try:
            found: Any = {} if self._file is None else json.loads(self._file.read_text(encoding="utf-8"))
            return {str(kind): float(speed) for kind, speed in found.items() if 0 < float(speed) < 1e6}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}
