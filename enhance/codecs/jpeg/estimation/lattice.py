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
_GROUP = 1 << 18  # multiplications
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
_BINS = int(_SIZES.sum())
# Of each class: bins in a unit of a coefficient, the number of its first bin, and of the last one from that on.
_DENSITIES = (1 / _WIDTHS).astype(np.float32)
_FIRST = (np.cumsum(_SIZES) - _SIZES).astype(np.int32)
_LAST = (_SIZES - 1).astype(np.int32)
SILENT = _BINS - 1
"""The number of a bin that says nothing."""
_WIDE = 0.5
_WIDE_BINS = int(_RANGE / _WIDE)
_EVERY = tuple(range(LARGEST_STEP + 1))


@lru_cache(maxsize=len(_FACTORS))
def _log_ratios(factor: float) -> Values:
    """[bins, LARGEST_STEP + 1]: log r for each step and each bin of |c| in each class of noise."""
    classes = zip(NOISE, _WIDTHS, _SIZES, strict=True)
    return np.concatenate([_ratios(noise * factor, width, size) for noise, width, size in classes])


@lru_cache(maxsize=2)
def _log_ratios_of_any_noise(steps: tuple[int, ...]) -> Values:
    """[_WIDE_BINS, classes of noise but the smallest, S]: log r for some steps, over the same bins of |c| for all."""
    if len(steps) <= LARGEST_STEP:
        return np.ascontiguousarray(_log_ratios_of_any_noise(_EVERY)[:, :, steps])
    return np.stack([_ratios(noise, _WIDE, _WIDE_BINS) for noise in NOISE[1:]], axis=1)


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
    bins = number_bins(coefficients, variances)
    if len(bins) <= VERY_FEW:
        return np.asarray(_log_ratios(_FACTORS[0])[bins].sum(axis=0))
    if len(bins) <= _FEW:
        return np.maximum(*(_log_ratios(factor)[bins].sum(axis=0) for factor in _FACTORS))
    counts = _count(bins, _BINS)
    return np.maximum(*(_product(counts, _log_ratios(factor)) for factor in _FACTORS))


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
    bins = number_bins(coefficients, variances)
    ratios = log_ratios_of(steps)
    stops = [*starts[1:], len(bins)]
    return np.stack([ratios[bins[start:stop]].sum(axis=0) for start, stop in zip(starts, stops)])


def evidence_with_any_noise(coefficients: Values, steps_of_mean: tuple[int, ...] | None = None) -> Values:
    """As `evidence`, where nothing is known of the noise: that of the class which speaks most for the step.

    Args:
        coefficients: [N, F], of blocks on one grid, the mean first.
        steps_of_mean: those that are looked at for the mean, which takes most of the time; None: all.
    """
    bins = np.minimum(np.rint(np.abs(coefficients) / _WIDE).astype(np.int32), _WIDE_BINS - 1)
    total = np.zeros((bins.shape[1], LARGEST_STEP + 1), np.float32)
    means = _EVERY if steps_of_mean is None else steps_of_mean
    total[0, means] = _most_likely(bins[:, :1], means)
    if len(total) > 1:
        total[1:] = _most_likely(bins[:, 1:], _EVERY)
    return total


def _most_likely(bins: npt.NDArray[np.int32], steps: tuple[int, ...]) -> Values:
    """[F, S]: the evidence with the class of noise that speaks most for a step."""
    ratios = _log_ratios_of_any_noise(steps)
    # Few coefficients but means are large: most of the table is not needed.
    counts = _count(bins, int(bins.max(initial=0)) + 1)
    products = _product(counts, ratios.reshape(len(ratios), -1))
    return np.asarray(products.reshape(len(counts), -1, len(steps)).max(axis=1))


def _product(counts: Values, ratios: Values) -> Values:
    """[F, S]: counts [F, bins] times ratios [bins or more, S].

    Only of bins that are met, and in parts: no library for linear algebra starts threads for products that small.
    """
    met = np.flatnonzero(counts.any(axis=0))
    size = max(1, _GROUP // (counts.shape[0] * ratios.shape[1]))
    total = np.zeros((counts.shape[0], ratios.shape[1]), np.float32)
    for start in range(0, len(met), size):
        some = met[start : start + size]
        total += counts[:, some] @ ratios[some]
    return total


def _count(bins: npt.NDArray[np.integer], num_bins: int) -> Values:
    """[F, num_bins]: how often each bin is met at each frequency."""
    count = bins.shape[1]
    flat = (bins + np.arange(count) * num_bins).ravel()
    return np.bincount(flat, minlength=count * num_bins).reshape(count, num_bins).astype(np.float32)


def number_bins(coefficients: Values, variances: Values) -> npt.NDArray[np.int32]:
    """The number of each coefficient's bin among those of `log_ratios_of`; all of one shape."""
    classes = np.zeros(variances.shape, np.int8)
    for border in _BORDERS:
        classes += variances > border
    bins = np.rint(np.abs(coefficients) * _DENSITIES.take(classes)).astype(np.int32)
    return np.asarray(np.minimum(bins, _LAST.take(classes)) + _FIRST.take(classes))


def log_ratios_of(steps: npt.NDArray[np.int64]) -> Values:
    """[bins, S]: what a coefficient in each bin says for some steps, in nats."""
    return np.ascontiguousarray(_log_ratios(_FACTORS[0])[:, steps])


def of_tables(steps_evidence: Values, tables: npt.NDArray[np.int64]) -> Values:
    """[T, F]: the evidence for the steps of tables [T, F] at each of their frequencies."""
    return steps_evidence[np.arange(steps_evidence.shape[0])[None], tables]
