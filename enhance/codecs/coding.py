"""A coding that a picture went through before it came into its file, as its pixels tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enhance.images import Rate


@dataclass(frozen=True)
class Axis:
    """Where the borders of blocks lie along one axis of a picture that was scaled: at start + k period, in samples."""

    period: float
    start: float


@dataclass(frozen=True)
class Coding:
    """A coding in blocks of 8x8 samples that was found in the pixels of a picture.

    Attributes:
        rate: how strong it was, as a network is told that sees the picture on this coding's grid and at its scale.
        corner: row and column of the first pixel at which one of its blocks begins, of luma and of chroma (0 to 15,
            where chroma has half the resolution).
        axes: if the picture was scaled afterwards, where the borders of its blocks lie in rows and columns; then
            `corner` means nothing.
        then: if the picture was coded again afterwards, the rate of the last coding.
        confidence: 0 to 1.
    """

    rate: Rate
    corner: tuple[int, int] = (0, 0)
    axes: tuple[Axis, Axis] | None = None
    then: Rate | None = None
    confidence: float = 1.0

    @property
    def grid(self) -> tuple[int, int]:
        """Row and column of the picture's first pixel on the coding's grid, 0 to 15."""
        return -self.corner[0] % 16, -self.corner[1] % 16

    @property
    def scale(self) -> float:
        """The picture's size over its size when it was coded."""
        return 1.0 if self.axes is None else (self.axes[0].period + self.axes[1].period) / 16

    def describe(self) -> dict[str, Any]:
        """Plain JSON values, for records and reports."""
        place: dict[str, Any] = {"grid": list(self.grid)} if self.axes is None else {"scale": round(self.scale, 4)}
        later = {} if self.then is None else {"then": self.then.describe()}
        return {**self.rate.describe(), **place, **later, "confidence": round(self.confidence, 3)}

    def __str__(self) -> str:
        rows, columns = self.grid
        parts = [_words(self.rate)]
        if self.axes is not None:
            parts.append(f"scaled by {self.scale:.3g}")
        elif rows or columns:
            parts[0] += f" on a grid shifted by {columns} columns and {rows} rows"
        if self.then is not None:
            parts.append(f"saved again at {_words(self.then)}")
        return ", then ".join(parts)


def _words(rate: Rate) -> str:
    return f"{rate.codec} {next((f'{name} {value}' for name, value in rate.describe().items()), '')}".strip()
