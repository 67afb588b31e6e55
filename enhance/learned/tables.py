"""Integer probability tables of the latent's symbols, one for each of a row of scales.

The decoder must have the encoder's numbers to the last bit, so the tables are integers that ship with the model, and
what chooses among them is computed in integers (`enhance.learned.integers`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.errors import WeightsError
from enhance.learned.network import HIGHEST_SCALE, LOWEST_SCALE

COUNT = 64
"""Scales, geometric from the lowest to the highest."""

PRECISION = 16
"""The counts of a table sum to 2 to this power."""

LOG_STEP = math.log(HIGHEST_SCALE / LOWEST_SCALE) / (COUNT - 1)

_TAIL = 2.0**-14
"""Of each side's mass, coded by escapes."""
_MOST_SUPPORT = 1 << 12

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class SymbolTables:
    """Counts of the symbols -S..S and of the escape, for each scale.

    Attributes:
        supports: int32 [T], S of each table.
        counts: int32 [T, 2 max(S) + 2]: -S..S, then the escape, then zeros. Each of the first is at least 1.
    """

    supports: Ints
    counts: Ints

    def __post_init__(self) -> None:
        sizes = 2 * self.supports.astype(np.int64) + 2
        if self.supports.ndim != 1 or self.counts.ndim != 2 or len(self.supports) != len(self.counts):
            raise WeightsError("tables of symbols must have a support each")
        if not 1 <= len(sizes) <= 256 or sizes.min() < 4 or sizes.max() > min(self.counts.shape[1], _MOST_SUPPORT):
            raise WeightsError("tables of symbols are too many, or too narrow or too wide")
        for size, row in zip(sizes.tolist(), self.counts):
            if row[:size].min() < 1 or int(row[:size].sum()) != 1 << PRECISION or row[size:].any():
                raise WeightsError(f"the counts of a table of symbols must be positive, and sum to {1 << PRECISION}")

    def __len__(self) -> int:
        return len(self.supports)

    def packed(self) -> npt.NDArray[np.int16]:
        """The counts of all tables one after the other, without the zeros after them: the bits of uint16."""
        rows = [row[: 2 * int(support) + 2] for support, row in zip(self.supports, self.counts)]
        return np.concatenate(rows).astype(np.uint16).view(np.int16)

    @classmethod
    def unpacked(cls, supports: Ints, packed: npt.NDArray[np.int16]) -> SymbolTables:
        """Inverse of `packed`. Raises WeightsError where there are more or fewer counts than the tables have."""
        sizes = 2 * supports.astype(np.int64) + 2
        if packed.dtype != np.int16 or sizes.min(initial=4) < 4 or int(sizes.sum()) != len(packed):
            raise WeightsError("the counts of symbols are not those of the tables")
        counts = np.zeros((len(sizes), int(sizes.max(initial=0))), np.int32)
        for row, part in zip(counts, np.split(packed.view(np.uint16), np.cumsum(sizes)[:-1])):
            row[: len(part)] = part
        return cls(supports, counts)

    def probabilities(self, index: int) -> npt.NDArray[np.float64]:
        """[2 S + 2], exact: multiples of 2^-16."""
        size = 2 * int(self.supports[index]) + 2
        return self.counts[index, :size].astype(np.float64) / (1 << PRECISION)

    def bits(self, index: int) -> npt.NDArray[np.float64]:
        """[2 S + 2]: what each symbol costs, the escape without what follows it."""
        return np.asarray(-np.log2(self.probabilities(index)))


def logistic_tables() -> SymbolTables:
    """The tables of rounded logistic distributions about zero."""
    masses = [_logistic_masses(LOWEST_SCALE * math.exp(LOG_STEP * index)) for index in range(COUNT)]
    return tables_of(masses)


def tables_of(masses: list[npt.NDArray[np.float64]]) -> SymbolTables:
    """Tables whose counts are in proportion to masses, as far as integers of at least 1 can be.

    Args:
        masses: of -S..S and the escape, [2 S + 2] each, positive.
    """
    counts = np.zeros((len(masses), max(map(len, masses))), np.int32)
    for row, mass in zip(counts, masses):
        row[: len(mass)] = _whole(mass)
    return SymbolTables(np.array([len(mass) // 2 - 1 for mass in masses], np.int32), counts)


def _logistic_masses(scale: float) -> npt.NDArray[np.float64]:
    support = max(1, math.ceil(scale * math.log(1 / _TAIL) - 0.5))
    edges = (np.arange(-support, support + 2) - 0.5) / scale
    below = 0.5 * (1 + np.tanh(edges / 2))
    return np.append(np.diff(below), 2 * below[0])


def _whole(mass: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Integers from 1 that sum to 2^16: one for each, the rest in proportion, by the largest remainders."""
    exact = mass / mass.sum() * ((1 << PRECISION) - len(mass))
    counts = 1 + np.floor(exact).astype(np.int64)
    left = (1 << PRECISION) - int(counts.sum())
    counts[np.argsort(np.floor(exact) - exact, kind="stable")[:left]] += 1
    return counts
