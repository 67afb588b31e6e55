"""Which integer stands for a value of the latent: the nearest one, or one nearer to zero that is worth its bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.learned.model import LearnedModel
from enhance.learned.symbols import HIGHEST
from enhance.learned.tables import SymbolTables

Ints = npt.NDArray[np.int32]


def choose(offsets: npt.NDArray[np.float64], indices: npt.NDArray[np.uint8], model: LearnedModel, rate: int) -> Ints:
    """Minimises bits + λ · squared error for each value by itself.

    The squared error of the picture is about that of the latent in units of its step, where the synthesis is linear and
    orthogonal; it begins so, and stays near.

    Args:
        offsets: [M, H, W], the latent less its means.
        indices: [M, H, W], of the tables.
        model: of the codec.
        rate: from 0.
    """
    nearest = np.rint(offsets)
    lower = nearest - np.sign(nearest)
    bits, zeros = _padded_bits(model.tables)
    price = _price(model, rate)[:, None, None]

    def cost(candidates: npt.NDArray[np.float64]) -> Any:
        places = np.clip(candidates + zeros[indices], 0, 2 * zeros[indices] + 1).astype(np.int64)
        return price * (offsets - candidates) ** 2 + bits[indices, places]

    chosen = np.where((nearest != 0) & (cost(lower) < cost(nearest)), lower, nearest)
    return np.clip(chosen, -HIGHEST, HIGHEST).astype(np.int32)


def _price(model: LearnedModel, rate: int) -> npt.NDArray[np.float64]:
    """[M]: bits that a squared error of 1 in a value of the latent is worth.

    λ · 255² / 3 · |column of the synthesis' basis|² · (inverse gain)²: a mean over three components, a sum over pixels.
    """
    codec = model.codec
    energy = codec.synthesis.basis.weight.double().square().sum(dim=(0, 2, 3))
    steps = codec.log_inverse_gain[rate].double().exp()
    price = codec.config.trade_offs[rate] * 255**2 / 3 * energy * steps.square()
    return np.asarray(price.numpy())


def _padded_bits(tables: SymbolTables) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """[T, most symbols] bits, and [T] where zero stands. What lies beyond a table costs as much as its escape."""
    rows = [tables.bits(index) for index in range(len(tables))]
    padded = np.array([np.pad(row, (0, tables.counts.shape[1] - len(row)), mode="edge") for row in rows])
    return padded, tables.supports
