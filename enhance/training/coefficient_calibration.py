"""Measures what a JPEG model's answers mean: by which factors its coefficients come nearest to the originals'.

One group of factors for each class of the file's indices and of frequencies for luma; chroma, of which pictures have
less and that differs more between them, has one group. In each group the factor is a function of the answer's size that
is linear between `SIZES`, the one with the least squared error: a small linear system. Before anything is seen, a
factor is 1 give or take `_PRIOR`, which the system's ridge says, so that what hardly occurs stays as it is. A picture's
error counts relative to what is left in it, since what is reported is a mean of logarithms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.calibration import BANDS, INDEX_CLASSES, SIZES
from enhance.codecs.jpeg.coefficients import Indices

Array = npt.NDArray[np.float32]
Values = npt.NDArray[np.floating]

_NUM_BANDS = int(BANDS.max()) + 1
_PRIOR = 0.2
_LOWEST = 0.2
# Where coefficients were rounded, answers are only ever taken back. Middling ones are too small by a tenth, and to make
# them larger wins 0.01 dB more on photos and 0.1 on graphics, but what the network knows least grows, too: on waves of
# 2.1 pixels at quality 50 to 85 it costs 0.2 to 0.3 dB. An encoder that chose has left out what the network does not
# dare to put back: there 0.05 dB more on photos are worth it.
_HIGHEST_ROUNDED, _HIGHEST_CHOSEN = 1.0, 1.3
ONES: Array = np.ones((INDEX_CLASSES, _NUM_BANDS, len(SIZES)), np.float32)


@dataclass(frozen=True)
class Answers:
    """A plane of one picture.

    Attributes:
        answered, original: [N, 64], coefficients of the network's answer and of the original, relative to the file's.
        indices: int16 [N, 64], the file's.
        reach: [64], half widths of the intervals.
        weight: of a squared error.
    """

    answered: Array
    original: Array
    indices: Indices
    reach: Array
    weight: float


def fit(answers: Iterable[Answers], *, grouped: bool = True, bounded: bool = True) -> Array:
    """The best factors.

    Args:
        answers: what is to be learned from.
        grouped: without it, they are the same for all levels and bands.
        bounded: of `calibration.expected`.

    Returns:
        float32 [INDEX_CLASSES, bands, SIZES].
    """
    groups, sizes = (INDEX_CLASSES * _NUM_BANDS if grouped else 1), len(SIZES)
    products, targets = np.zeros(groups * sizes * sizes), np.zeros(groups * sizes)
    left, seen = np.full(groups, 1e-9), np.full(groups, 1e-9)
    for plane in answers:
        size = np.abs(plane.answered)
        place, share = _between(size / plane.reach)
        if bounded:
            size = np.minimum(size, plane.reach)
        energy = plane.weight * size * size
        wanted = plane.weight * size * plane.original * np.sign(plane.answered)
        group = _groups(plane.indices) if grouped else np.zeros_like(place)
        left += _sum(group, plane.weight * np.square(size * np.sign(plane.answered) - plane.original), groups)
        seen += _sum(group, np.ones_like(size), groups)
        place += sizes * group
        for step, hat in ((0, 1 - share), (1, share)):
            targets += _sum(place + step, wanted * hat, len(targets))
            for other, other_hat in ((0, 1 - share), (1, share)):
                cell = (place + step) * sizes + (place + other) % sizes
                products += _sum(cell, energy * hat * other_hat, len(products))
    matrices, right = products.reshape(groups, sizes, sizes), targets.reshape(groups, sizes)
    ridge = (left / seen / _PRIOR**2)[:, None]
    found = np.linalg.solve(matrices + ridge[..., None] * np.eye(sizes), (right + ridge)[..., None])[..., 0]
    highest = _HIGHEST_ROUNDED if bounded else _HIGHEST_CHOSEN
    factors = np.clip(found, _LOWEST, highest).astype(np.float32)
    shape = INDEX_CLASSES, _NUM_BANDS, sizes
    return factors.reshape(shape) if grouped else np.broadcast_to(factors, shape).copy()


def _groups(indices: Indices) -> npt.NDArray[np.intp]:
    """The group of each coefficient, [N, 64]."""
    return np.minimum(np.abs(indices), INDEX_CLASSES - 1).astype(np.intp) * _NUM_BANDS + BANDS


def _between(sizes: Values) -> tuple[npt.NDArray[np.intp], Values]:
    """The last of `SIZES` that is no larger, but for the very last, and how far from it to the next one."""
    place = np.clip(np.searchsorted(SIZES, sizes, side="right") - 1, 0, len(SIZES) - 2)
    share = (sizes - SIZES[place]) / (SIZES[place + 1] - SIZES[place])
    return place, np.minimum(share, 1)


def _sum(place: npt.NDArray[np.intp], values: Values, count: int) -> Values:
    total: Values = np.bincount(place.ravel(), values.ravel(), count).astype(np.float64)
    return total
