"""What a model knows at which rate: measured on training pictures when it is packed, stored in its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.images import Trust

KINDS = ("mean", "looks")
"""What the factors are measured for: the posterior mean (perception 0), and perception 1."""


_ONE_TABLE = ("gray", "rgb")


@runtime_checkable
class PlaneRate(Protocol):
    """The rate of a picture whose planes were quantised apart."""

    @property
    def luma_level(self) -> float: ...

    @property
    def chroma_level(self) -> float: ...

    @property
    def sampling(self) -> str: ...


@dataclass(frozen=True)
class FactorTable:
    """Factors on the corrections of luma and chroma, linear between levels of the rate and constant beyond them.

    Attributes:
        levels: increasing rate levels.
        luma, chroma: one factor from 0 to 1 each.
    """

    levels: tuple[float, ...]
    luma: tuple[float, ...]
    chroma: tuple[float, ...]

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip(self.levels, self.levels[1:]))
        factors = (*self.luma, *self.chroma)
        fits = len(self.luma) == len(self.chroma) == len(self.levels) > 0
        if not (increasing and fits and all(0 <= factor <= 1 for factor in factors)):
            raise WeightsError("a table of factors needs increasing levels with two factors from 0 to 1 each")

    def at(self, luma_level: float, chroma_level: float) -> tuple[float, float]:
        """The factors of luma and chroma at their levels."""
        luma, chroma = np.interp(luma_level, self.levels, self.luma), np.interp(chroma_level, self.levels, self.chroma)
        return float(luma), float(chroma)


@dataclass(frozen=True)
class TrustTables:
    """How far a model is to be believed.

    Attributes:
        full: the share of energy that a file rules out up to which a correction is believed as a whole.
        fall: `Trust.none` over `Trust.full`.
        factors: for each of `KINDS` and for each sampling ("4:4:4", ..., "gray", "rgb") the factors; 1 where there are
            none.
    """

    full: RateTable = field(default_factory=lambda: RateTable((1.0,), (0.02,)))
    fall: float = 10.0
    factors: dict[str, dict[str, FactorTable]] = field(default_factory=dict)

    def __call__(self, rate: PlaneRate, perception: float, *, guarded: bool = True) -> Trust:
        """What is to be believed of a correction.

        Args:
            rate: the picture's.
            perception: 0 (posterior mean) to 1.
            guarded: without it, only the factors count.
        """
        ends = [self._factors(kind, rate) for kind in KINDS]
        luma, chroma = ((1 - perception) * mean + perception * looks for mean, looks in zip(*ends))
        if rate.sampling not in _ONE_TABLE and min(luma, chroma) == 0:
            # Where one plane is as good as lossless and the other is not, neither is a picture that was learned from.
            luma = chroma = 0.0
        full = self.full(min(rate.luma_level, rate.chroma_level))
        return Trust(luma, chroma, full, full * self.fall) if guarded else Trust(luma, chroma, np.inf, np.inf)

    def _factors(self, kind: str, rate: PlaneRate) -> tuple[float, float]:
        table = self.factors.get(kind, {}).get(rate.sampling)
        return table.at(rate.luma_level, rate.chroma_level) if table else (1.0, 1.0)

    def to_dict(self) -> dict[str, Any]:
        factors = {
            kind: {name: {"levels": t.levels, "luma": t.luma, "chroma": t.chroma} for name, t in tables.items()}
            for kind, tables in self.factors.items()
        }
        return {"full": self.full.to_dict(), "fall": self.fall, "factors": factors}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrustTables:
        """Inverse of `to_dict`, also after a round trip through JSON. Raises WeightsError if it is none."""
        try:
            factors = {
                str(kind): {
                    str(name): FactorTable(*(tuple(map(float, table[part])) for part in ("levels", "luma", "chroma")))
                    for name, table in tables.items()
                }
                for kind, tables in values["factors"].items()
            }
            return cls(RateTable.from_dict(values["full"]), float(values["fall"]), factors)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(f"no tables of trust: {error}") from error
