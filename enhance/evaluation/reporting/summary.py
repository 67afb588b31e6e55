"""Means over pictures with bootstrap intervals, and gains over the decoded picture, picture by picture."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean, median
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.evaluation.measuring.measurement import BASELINE, Key, Measurement
from enhance.evaluation.metrics.catalog import KINDS

_RESAMPLES = 10_000

Distances = Callable[[Sequence[Key]], dict[str, float]]
"""Keys of pictures -> {metric: distance between them and their originals as two sets}."""


@dataclass(frozen=True)
class Spread:
    """Mean of some values, how sure it is, and how much they differ.

    Attributes:
        mean: of the values.
        low: lower end of the mean's 95 % interval (percentile bootstrap over pictures, Efron 1979).
        high: its upper end.
        std: standard deviation of the values.
        least: the smallest value.
    """

    mean: float
    low: float
    high: float
    std: float
    least: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more; NaN but for the mean if one of them is not finite."""
        if not all(map(math.isfinite, values)):
            return cls(fmean(values), math.nan, math.nan, math.nan, math.nan)
        array = np.asarray(values, np.float64)
        low, high = np.percentile(array[_resamples(len(array))].mean(axis=1), [2.5, 97.5])
        return cls(float(array.mean()), float(low), float(high), float(array.std()), float(array.min()))


@lru_cache(maxsize=8)
def _resamples(count: int) -> npt.NDArray[np.int64]:
    """The same draws for every metric and setting, [10000, count]."""
    return np.random.default_rng(0).integers(count, size=(_RESAMPLES, count))


@dataclass(frozen=True)
class Summary:
    """All pictures at one level under one setting.

    Attributes:
        codec: "jpeg" or "vvc".
        level: JPEG quality factor, or slice QP.
        setting: its name, or a peer's.
        images: number of pictures.
        bits_per_pixel: mean over the pictures.
        seconds: median over the pictures.
        means: {metric: mean}; distances between sets have no interval.
        gains: {metric: gain over the decoded pictures, positive is better}; empty for the decoded pictures.
        knobs: as in `Measurement`.
    """

    codec: str
    level: int
    setting: str
    images: int
    bits_per_pixel: float
    seconds: float
    means: dict[str, Spread]
    gains: dict[str, Spread]
    knobs: dict[str, Any] = field(default_factory=dict)


def summarize(measurements: Iterable[Measurement], distances: Distances = lambda keys: {}) -> list[Summary]:
    """One summary for each codec, level and setting: levels ascending, codecs and settings as they came first."""
    groups: dict[tuple[str, int, str], dict[str, Measurement]] = defaultdict(dict)
    for one in measurements:
        groups[one.key.codec, one.key.level, one.key.setting][one.key.image] = one
    codecs, settings = (list(dict.fromkeys(place[index] for place in groups)) for index in (0, 2))
    between = {place: distances([one.key for one in group.values()]) for place, group in groups.items()}
    summaries = []
    for place in sorted(groups, key=lambda place: (codecs.index(place[0]), place[1], settings.index(place[2]))):
        base = (*place[:2], BASELINE)
        is_base = place == base or base not in groups
        summary = _summarize_pictures(groups[place], {} if is_base else groups[base])
        _add_distances(summary, between[place], {} if is_base else between[base])
        summaries.append(summary)
    return summaries


def _summarize_pictures(group: Mapping[str, Measurement], baseline: Mapping[str, Measurement]) -> Summary:
    """Summary of one group {image: measurement}; `baseline` holds the decoded pictures of the same level."""
    ones = list(group.values())
    first = ones[0]
    paired = [(one, baseline[one.key.image]) for one in ones if one.key.image in baseline]
    gains = {}
    for name in first.values if paired else ():
        sign = -1 if KINDS[name].lower_is_better else 1
        gains[name] = Spread.of([sign * (one.values[name] - base.values[name]) for one, base in paired])
    return Summary(
        codec=first.key.codec,
        level=first.key.level,
        setting=first.key.setting,
        images=len(ones),
        bits_per_pixel=fmean(one.bits_per_pixel for one in ones),
        seconds=median(one.seconds for one in ones),
        means={name: Spread.of([one.values[name] for one in ones]) for name in first.values},
        gains=gains,
        knobs=first.knobs,
    )


def _add_distances(summary: Summary, found: Mapping[str, float], of_baseline: Mapping[str, float]) -> None:
    for name, distance in found.items():
        summary.means[name] = _alone(distance)
        if name in of_baseline:
            summary.gains[name] = _alone(of_baseline[name] - distance)


def _alone(value: float) -> Spread:
    return Spread(value, math.nan, math.nan, math.nan, math.nan)
