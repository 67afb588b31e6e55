"""Training pairs of the learned codec: squares of pictures, coded once at random rates, and what its decoder gives.

Coding takes as long as a step of training, so the squares are coded before it and kept in a folder, in files that the
run's processes map into memory:

    originals.npy     uint8 [N, S, S, 3] RGB
    decoded.npy       uint16 [N, S, S, 3] RGB, white is 65535 (no 8-bit step in between)
    rates.npy         uint8 [N], from 1
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.diffusion.thresholds import RateTable
from enhance.errors import UsageError
from enhance.frames.depth import to_dtype
from enhance.images import Rate
from enhance.learned.coding import decoded_at
from enhance.learned.model import LearnedModel
from enhance.learned.rate import LearnedRate
from enhance.system.progress import progress_bar
from enhance.training.calibration import calibrate
from enhance.training.crops import Crops
from enhance.training.sources import Rng, Source, random_orientation

SIDE = 256
"""Of the squares."""

_FILES = ("originals", "decoded", "rates")
_GRID = 16  # crops keep the picture's place on the network's grid, as it is in use


@dataclass(frozen=True)
class Pairs:
    """Squares and what the decoder makes of them, as in the files."""

    originals: npt.NDArray[np.uint8]
    decoded: npt.NDArray[np.uint16]
    rates: npt.NDArray[np.uint8]

    @classmethod
    def load(cls, folder: Path) -> Pairs:
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _FILES))

    def __len__(self) -> int:
        return len(self.rates)


def code_squares(source: Source, model: LearnedModel, cache: Path, *, count: int, seed: int = 0) -> Pairs:
    """Codes squares of the source's pictures at random rates, unless the cache holds them.

    Args:
        source: of pictures without visible compression.
        model: the base codec.
        cache: folder for them; each model and each seed has its own inside.
        count: of squares.
        seed: of squares and rates.
    """
    folder = cache / f"learned-{model.sha256[:16]}-{count}-{seed}"
    if not folder.is_dir():
        begun = folder.with_name(f"{folder.name}.part")
        rmtree(begun, ignore_errors=True)
        begun.mkdir(parents=True)
        _code(source, model, begun, count, np.random.default_rng([seed, count]))
        begun.rename(folder)
    return Pairs.load(folder)


def _code(source: Source, model: LearnedModel, folder: Path, count: int, rng: Rng) -> None:
    shape = (count, SIDE, SIDE, 3)
    originals = np.lib.format.open_memmap(folder / "originals.npy", "w+", np.uint8, shape)
    decoded = np.lib.format.open_memmap(folder / "decoded.npy", "w+", np.uint16, shape)
    rates = rng.permutation(np.arange(count) % model.rates + 1).astype(np.uint8)
    for index in progress_bar("coding", iterable=range(count), unit="square"):
        square = _whole_square(source, rng)
        originals[index] = square
        decoded[index] = to_dtype(decoded_at(square, int(rates[index]), model), np.uint16)
    originals.flush()
    decoded.flush()
    np.save(folder / "rates.npy", rates)


def _whole_square(source: Source, rng: Rng) -> npt.NDArray[np.uint8]:
    while True:
        square = source.square(rng, source.pick(rng), SIDE)
        if square.shape == (SIDE, SIDE, 3):
            return np.ascontiguousarray(square)


class LearnedCrops(Crops):
    """An endless stream of crops of pairs, flipped and turned at random.

    Args:
        pairs: squares and what the decoder makes of them.
        crop: side of the crops, a multiple of 16.
        seed: the stream of worker k depends on (seed, k) only.

    Raises:
        UsageError: crops are larger than squares.
    """

    def __init__(self, pairs: Pairs, crop: int, seed: int) -> None:
        if crop > SIDE:
            raise UsageError(f"crops of the learned codec are at most {SIDE} pixels, not {crop}")
        self.pairs, self.crop, self.seed = pairs, crop, seed

    def pair(self, rng: Rng) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Rate]:
        index = int(rng.integers(len(self.pairs)))
        top, left = (int(start) * _GRID for start in rng.integers((SIDE - self.crop) // _GRID + 1, size=2))
        place = index, slice(top, top + self.crop), slice(left, left + self.crop)
        turn = random_orientation(rng)
        return (
            turn(self.pairs.originals[place]),
            turn(self.pairs.decoded[place]),
            LearnedRate(int(self.pairs.rates[index])),
        )


def calibrate_pairs(pairs: Pairs) -> tuple[RateTable, RateTable]:
    """s(q) and τ(q) of the pairs, as `calibrate` gives them. Rates without pairs are left out."""
    found = [int(rate) for rate in np.unique(pairs.rates)]
    return calibrate((rate, _residuals(pairs, rate)) for rate in found)


def _residuals(pairs: Pairs, rate: int) -> npt.NDArray[Any]:
    """x - x̃ in units of [-1, 1], every third row of up to 200 pairs."""
    chosen = np.flatnonzero(pairs.rates == rate)[:200]
    originals, decoded = (values[chosen, ::3].astype(np.float32) for values in (pairs.originals, pairs.decoded))
    return (originals - decoded / 257) / 127.5
