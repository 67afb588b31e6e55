"""How much more likely coefficients are as multiples of a quantiser step, with some noise, than as anything smooth.

A coefficient c of a block that was coded with the step Q is k Q + e. Where no other coding followed, e is the rounding
of the decoder's samples to whole numbers; on the grid of an earlier coding it is what the later one did. If the smooth
density that c would have otherwise is flat over a step, the ratio of both densities is

    r(c) = (1 - a) Q sum_k N(c; k Q, s^2) + a

with a for what fits neither (clipped samples, other arithmetic). The logarithm of the product over all blocks is the
evidence for Q. It is negative where there is no lattice. Coefficients that became zero would fit every large step: near
zero the ratio is not allowed to speak for a step, only against one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.estimation.samples import Values
from enhance.codecs.jpeg.estimation.tables import LARGEST_STEP

# Classes of noise, standard deviations in units of a coefficient. 0.4: decoded, and not coded again.
NOISE = np.array([0.4, 0.7, 1.2, 2.1, 3.7, 6.5])
_BORDERS = (NOISE[1:] * NOISE[:-1]).astype(np.float32)  # of the variance
_RANGE = 512.0  # larger coefficients say nothing
_OUTLIERS = 0.1
_COARSEST = 0.6  # noise of so many steps hides them
# The noise is not known better than that; the larger evidence counts.
_FACTORS = (1.0, 1.4)
_FEW = 200  # blocks: looked up one by one, which is faster than a histogram
VERY_FEW = 64
"""Blocks: for a first look, with the first factor only."""

_WIDTHS = NOISE / 1.5  # of bins
_SIZES = (_RANGE / _WIDTHS).astype(int)
_STARTS = np.concatenate([[0], np.cumsum(_SIZES)])
_BINS = int(_STARTS[-1])
_WIDE = 0.5
_WIDE_BINS = int(_RANGE / _WIDE)


@lru_cache(maxsize=len(_FACTORS))
def _log_ratios(factor: float) -> Values:
    """[bins, LARGEST_STEP + 1]: log r for each step and each bin of |c| in each class of noise."""
    classes = zip(NOISE, _WIDTHS, _SIZES, strict=True)
    return np.concatenate([_ratios(noise * factor, width, size) for noise, width, size in classes])


@lru_cache(maxsize=1)
def _log_ratios_of_any_noise() -> list[Values]:
    """For each class of noise but the smallest: [_WIDE_BINS, LARGEST_STEP + 1], over the same bins of |c|."""
    return [_ratios(noise, _WIDE, _WIDE_BINS) for noise in NOISE[1:]]


def _ratios(noise: float, width: float, size: int) -> Values:
    """[size, LARGEST_STEP + 1]: log r at multiples of a width; the last bin holds all beyond, and says nothing."""
    steps = np.arange(LARGEST_STEP + 1, dtype=np.float32)[None]
    sigma = np.float32(noise)
    values = (np.arange(size, dtype=np.float32) * np.float32(width))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(values - np.rint(values / steps) * steps)
        density = sum(np.exp(-0.5 * ((distance + k * steps) / sigma) ** 2) for k in (-1, 0, 1))
        ratios = np.log((1 - _OUTLIERS) * density * steps / (sigma * np.sqrt(2 * np.pi)) + _OUTLIERS)
    ratios = np.where(values < steps / 2, np.minimum(ratios, 0), ratios)
    ratios[:, (sigma > _COARSEST * steps)[0]] = 0
    ratios[-1] = 0
    return ratios.astype(np.float32)


def evidence(coefficients: Values, variances: Values) -> Values:
    """The evidence for each step at each frequency.

    Args:
        coefficients: [N, F], of blocks on one grid.
        variances: [N, F], of their noise.

    Returns:
        [F, LARGEST_STEP + 1], in nats.
    """
    bins = _bins(coefficients, variances)
    if len(bins) <= VERY_FEW:
        return np.asarray(_log_ratios(_FACTORS[0])[bins].sum(axis=0))
    if len(bins) <= _FEW:
        return np.maximum(*(_log_ratios(factor)[bins].sum(axis=0) for factor in _FACTORS))
    counts = _count(bins, _BINS)
    return np.maximum(*(counts @ _log_ratios(factor) for factor in _FACTORS))


def evidence_of_groups(
    coefficients: Values, variances: Values, starts: npt.NDArray[np.int64], steps: npt.NDArray[np.int64]
) -> Values:
    """As `evidence`, for many groups of few blocks at once and for some steps.

    Args:
        coefficients, variances: [N, F], group after group.
        starts: [G], the first block of each group; none is empty.
        steps: [S].

    Returns:
        [G, F, S], in nats.
    """
    bins = _bins(coefficients, variances)
    ratios = np.ascontiguousarray(_log_ratios(_FACTORS[0])[:, steps])
    stops = [*starts[1:], len(bins)]
    return np.stack([ratios[bins[start:stop]].sum(axis=0) for start, stop in zip(starts, stops)])


def evidence_with_any_noise(coefficients: Values) -> Values:
    """As `evidence`, where nothing is known of the noise: that of the class which speaks most for the step."""
    bins = np.minimum(np.rint(np.abs(coefficients) / _WIDE).astype(np.int64), _WIDE_BINS - 1)
    # Few coefficients are large: most of the table is not needed.
    used = int(bins.max(initial=0)) + 1
    counts = _count(bins, used)
    return np.asarray(np.max([counts @ ratios[:used] for ratios in _log_ratios_of_any_noise()], axis=0))


def _count(bins: npt.NDArray[np.int64], num_bins: int) -> Values:
    """[F, num_bins]: how often each bin is met at each frequency."""
    count = bins.shape[1]
    flat = (bins + np.arange(count) * num_bins).ravel()
    return np.bincount(flat, minlength=count * num_bins).reshape(count, num_bins).astype(np.float32)


def _bins(coefficients: Values, variances: Values) -> npt.NDArray[np.int64]:
    """[N, F]: the bin of each coefficient."""
    classes = np.searchsorted(_BORDERS, variances.ravel()).reshape(variances.shape)
    bins = np.rint(np.abs(coefficients) / _WIDTHS[classes]).astype(np.int64)
    return np.asarray(np.minimum(bins, (_SIZES - 1)[classes]) + _STARTS[classes])


def of_tables(steps_evidence: Values, tables: npt.NDArray[np.int64]) -> Values:
    """[T, F]: the evidence for the steps of tables [T, F] at each of their frequencies."""
    return steps_evidence[np.arange(steps_evidence.shape[0])[None], tables]
