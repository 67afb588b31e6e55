"""The vector by which a network is told how a picture was coded: named parts of fixed lengths, in a fixed order.

New parts are only ever added at the end. So a network that was trained with fewer of them takes the beginning of a
vector, and one that knows more takes what is missing as zeros.
"""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]

PARTS: dict[str, int] = {
    "luma": 64,
    "chroma": 64,
    "subsampling": 2,
    "gray": 1,
    "rgb": 1,
    "resaved": 1,
    "later_luma": 64,
    "later_chroma": 64,
    "later_subsampling": 2,
    "grid_known": 1,
    "grid": 8,
    "scale": 1,
}
"""Lengths of the parts.

- luma, chroma: `log_steps` of the quantisation tables (or what stands for them) that did the damage;
- subsampling: log2 of luma samples per chroma sample, horizontally and vertically;
- gray, rgb: 1 for pictures without chroma, and for those whose components are R, G and B;
- resaved: 1 if the picture was coded again afterwards, at a finer quantisation; what follows is zero otherwise;
- later_luma, later_chroma, later_subsampling: of that later coding, whose grid begins with the picture;
- grid_known, grid: 1 and `grid_phase` if it is known where the grid of the damage lies;
- scale: log2 of the picture's size now over its size at the damage.
"""

SIZE = sum(PARTS.values())

_ENDS = dict(zip(PARTS, accumulate(PARTS.values())))
_PERIODS = (8, 16)


def pack(**parts: npt.ArrayLike) -> Vector:
    """The vector, [SIZE]: each named part in its place, zeros for the others."""
    vector = np.zeros(SIZE, np.float32)
    for name, values in parts.items():
        vector[place(name)] = np.reshape(values, -1)
    return vector


def place(name: str) -> slice:
    """Where a part lies in the vector."""
    return slice(_ENDS[name] - PARTS[name], _ENDS[name])


def layout(size: int) -> dict[str, int]:
    """The parts that the first `size` values of the vector hold; the last may be cut."""
    starts = {name: place(name).start for name in PARTS}
    return {name: min(length, size - starts[name]) for name, length in PARTS.items() if starts[name] < size}


def fits(other: dict[str, int]) -> bool:
    """Whether a vector of other parts means the same as this version's, as far as both go."""
    known = list(other.items())[: len(PARTS)]
    return known == list(layout(sum(length for _, length in known)).items())


def log_steps(steps: npt.ArrayLike) -> Vector:
    """log2 of quantiser steps, mapped from 1..256 to -1..1; the shape is kept."""
    mapped: Vector = (np.log2(np.maximum(steps, 1)) / 4 - 1).astype(np.float32)
    return mapped


def grid_phase(offset: tuple[int, int]) -> Vector:
    """Where a grid lies, [8]: sine and cosine of 2π d / 8 and of 2π d / 16 for each axis.

    Args:
        offset: row and column of the picture's first pixel in the grid's own coordinates; they count modulo 16.
    """
    angles = [2 * math.pi * distance / period for distance in offset for period in _PERIODS]
    return np.array([wave(angle) for angle in angles for wave in (math.sin, math.cos)], np.float32)


def mirrored(vector: npt.NDArray[np.float32], *, rows: bool, columns: bool) -> Vector:
    """The vector of the mirrored picture, whose height and width are multiples of 16: its grid lies on the other side.

    Args:
        vector: [F] of any length.
        rows, columns: which axes are turned round.
    """
    turned = np.array(vector, np.float32)
    start = place("grid").start
    for axis, is_turned in enumerate((rows, columns)):
        if is_turned:
            turned[start + 4 * axis : start + 4 * axis + 4 : 2] *= -1
    return turned
