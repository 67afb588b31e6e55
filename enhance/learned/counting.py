"""Tables of symbols from what a model's symbols are: tails are heavier or lighter than those it was trained with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from enhance.learned.coding import Uint8, symbols_of
from enhance.learned.model import LearnedModel
from enhance.learned.tables import SymbolTables, tables_of

_PRIOR = 2000.0
"""How many symbols the table as it stands counts for."""


def counted_tables(model: LearnedModel, pictures: Sequence[Uint8]) -> SymbolTables:
    """The model's tables, brought nearer to how often symbols come in pictures at all rates.

    Args:
        model: with the tables to set out from.
        pictures: uint8 [H, W, 3] each, of the kind that the codec is for; not those that it is measured with.

    Returns:
        tables of the same supports, each symmetric about zero.
    """
    tables = model.tables
    counts = [np.zeros(2 * int(support) + 2) for support in tables.supports]
    for picture in pictures:
        for rate in range(1, model.rates + 1):
            symbols, indices = symbols_of(picture, rate, model)
            for index in np.unique(indices):
                _count(counts[index], symbols[indices == index], int(tables.supports[index]))
    masses = [_PRIOR * tables.probabilities(index) + _symmetric(count) for index, count in enumerate(counts)]
    return tables_of(masses)


def _count(counts: npt.NDArray[np.float64], symbols: npt.NDArray[np.int32], support: int) -> None:
    places = np.where(np.abs(symbols) > support, 2 * support + 1, symbols + support)
    counts += np.bincount(places, minlength=len(counts))


def _symmetric(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    both = counts[:-1] + counts[-2::-1]
    return np.append(both / 2, counts[-1])
