"""Numbers that depend on the rate: the residual's scale s(q) and the threshold τ(q)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from enhance.errors import WeightsError


@dataclass(frozen=True)
class RateTable:
    """A positive function of the rate's level, linear between its nodes in log and constant beyond them.

    Attributes:
        levels: increasing rate levels (IJG quality, QP).
        values: one positive value each.
    """

    levels: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip(self.levels, self.levels[1:]))
        finite = all(map(math.isfinite, (*self.levels, *self.values)))
        fits = len(self.levels) == len(self.values) > 0
        if not fits or not finite or not increasing or min(self.values) <= 0:
            raise WeightsError("a table over the rate needs increasing levels with one positive value each")

    def __call__(self, level: float) -> float:
        return float(np.exp(np.interp(level, self.levels, np.log(self.values))))

    def to_dict(self) -> dict[str, list[float]]:
        return {"levels": list(self.levels), "values": list(self.values)}

    @classmethod
    def from_dict(cls, values: dict[str, list[float]]) -> RateTable:
        """Inverse of `to_dict`. Raises WeightsError if it is none."""
        try:
            return cls(tuple(map(float, values["levels"])), tuple(map(float, values["values"])))
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"not a table over the rate: {error}") from error
