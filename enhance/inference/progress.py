"""How far the work on one picture is: what the network's windows, bands and steps add up to."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], object]
"""Takes the share of a picture's work that is done, 0 to 1, never less than before. Called where the work is done."""

_NETWORK = 0.97
"""Share of the network in the time of one step; the rest is the reconstruction (`scripts/benchmark.py`)."""


class Evaluations:
    """Counts the network's work on one picture.

    Args:
        count: evaluations of the whole picture.
        progress: is told of it.
    """

    def __init__(self, count: int, progress: Progress) -> None:
        self._count, self._progress, self._done = count, progress, 0.0

    def add(self, share: float) -> None:
        """A share of one evaluation is done."""
        self._done += share / self._count
        self._progress(_NETWORK * min(self._done, 1.0))


def untold(share: float) -> None:
    """The progress that nobody wants to know."""
