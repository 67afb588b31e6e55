"""An earlier coding on another scale: what was coded, made smaller or larger, and perhaps coded again.

Blocks of 8x8 samples have become blocks of P x P. Their borders show as lines, at multiples of 1/P in the spectrum of
how much neighbours differ on average over rows (columns). Where lines are found, the picture is brought back to the
first scale, and there the coefficients must be multiples of the quantiser's steps. That both verifies the scale, which
has to be right to a few hundredths of a percent, and tells the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.codecs.coding import Axis
from enhance.codecs.jpeg.estimation import lattice
from enhance.codecs.jpeg.estimation.grids import Evidence, best_tables
from enhance.codecs.jpeg.estimation.samples import FREQUENCIES, Sample, Values, Views, coefficients, distinct
from enhance.codecs.jpeg.estimation.tables import all_tables
from enhance.codecs.jpeg.planes import to_blocks

Reals = npt.NDArray[np.float64]

_FREQUENCIES = 10
_PERIODS = np.exp(np.arange(np.log(3.0), np.log(16.0), 0.0006))
_HARMONICS = 6
_HIGHEST = 0.48  # of a sample's frequency
# Orders of differences between neighbours, and what is above: an edge of the picture. The first order shows strong
# codings and small blocks better, the second weak ones.
_DIFFERENCES = ((1, 2), (2, 6))
_PADDING = 8
_THINNED = 4  # of the padded spectrum's points, whose neighbours are alike, one of so many is enough for a median
_MOST_ENERGY = 15.0
_MOST_REAL = 4.0
_LINE = 1.5  # width of a line, in units of the resolution
# What is below is not verified, in pictures of so many samples a side and larger; in smaller ones lines are weaker.
# Of 56 pictures that were coded once half reach 9 and a third 14; of 60 that were scaled by 0.6 to 1.25, all but one
# reach 12.
_LEAST_SCORE = 12.0
_USUAL_SIDE = 400
# Of 98 others that were found, all had more than that from borders that begin at the edge; of the periods that come
# first in 170 that were coded once, half have 2 and less. Where the borders begin elsewhere, more is asked for.
_LEAST_AT_EDGE = 2.2
_SCORE_ANYWHERE = 24.0
_APART = 0.01  # relative distance of periods that are candidates of their own
_SAME_SHAPE = 0.8  # difference of the scales of rows and columns, in samples of the smaller side
_VARIED = 0.8
_MOST_SIZES = 3
# Blocks a side that are looked at first, in the middle, and the evidence that is worth more: of 108 scaled pictures
# that were found all have 18 and more; where the scale is wrong, half have 1 and less.
_FEW_BLOCKS = 24
_WORTH_MORE = 12.0
_MARGIN = 4  # samples around them, for the filter
_NEARLY_NONE = 0.05  # share of a sample that was clipped
_SMALLEST = 96  # samples a side


_HALF = Axis(4.0, 0.0)


@dataclass(frozen=True)
class ScaledEvidence:
    """What speaks for an earlier coding on another scale."""

    evidence: Evidence
    rows: Axis
    columns: Axis


@dataclass(frozen=True)
class _Profile:
    """How much neighbours along an axis differ on average, and the spectrum of that.

    Attributes:
        values: [n], without what changes slowly, and without outliers.
        first: where the first value lies, in samples from the edge.
        spectrum: complex; of unit variance where there are no lines, real and positive where borders lie at multiples
            of the period from the edge.
    """

    values: Values
    first: float
    spectrum: npt.NDArray[np.complex128]

    @classmethod
    def of(cls, differences: npt.NDArray[np.int16], axis: int, order: int, limit: int) -> _Profile:
        """Of differences of an order along an axis, which are taken over."""
        np.minimum(np.abs(differences, out=differences), limit, out=differences)
        # Not more than 2^20 / `_SMALLEST` samples, so that the sum stays below 2^16.
        profile = differences.sum(axis=1 - axis, dtype=np.uint16) / differences.shape[1 - axis]
        profile -= _running_median(profile, 15)
        largest = 4 * np.median(np.abs(profile))
        values = np.clip(profile, -largest, largest)
        first = (1 + order) / 2
        return cls(values, first, _normalised_spectrum(values, first))

    @property
    def length(self) -> int:
        return len(self.values)


def search_scales(
    views: Views, candidates: npt.NDArray[np.int64], *, coded_again: bool, most: int = 3
) -> ScaledEvidence | None:
    """The earlier coding on another scale with the largest evidence.

    Args:
        views: of the picture.
        candidates: numbers of tables.
        coded_again: blocks of 8x8 samples were coded after the scaling; their own lines do not count.
        most: how many scales to verify.
    """
    if min(views.size) < _SMALLEST:
        return None
    profiles = [_profiles(plane, axis) for axis, plane in enumerate((views.tall, views.wide))]
    best: ScaledEvidence | None = None
    # Half the size is usual, and hides behind the last blocks' lines.
    tries = [(_HALF, _HALF)] if coded_again else []
    for period in _periods([*profiles[0], *profiles[1]], coded_again, most):
        tries += _alignments(profiles, period, coded_again)
    for rows, columns in tries:
        evidence = _look_at(*_middle(views.corner, rows, columns), candidates, all_tables().means)
        if evidence is None or evidence.total < _WORTH_MORE:
            continue
        evidence = _look_at_all(views, rows, columns, candidates)
        if evidence is not None and (best is None or evidence.total > best.evidence.total):
            best = ScaledEvidence(evidence, rows, columns)
    return best


def _look_at_all(views: Views, rows: Axis, columns: Axis, candidates: npt.NDArray[np.int64]) -> Evidence | None:
    """The evidence in the corner and in the far part of a large picture, where small errors of the periods show."""
    near = _look_at(views.corner, rows, columns, candidates)
    if near is None or views.far is None:
        return near
    sample, begin = views.far
    moved = [Axis(axis.period, (axis.start - first) % axis.period) for axis, first in zip((rows, columns), begin)]
    far = _look_at(sample, moved[0], moved[1], candidates)
    if far is None:
        return near
    return best_tables(near.steps + far.steps, candidates, (0, 0), near.blocks + far.blocks)


def _profiles(luma: Values, axis: int) -> list[_Profile]:
    """Of all kinds of differences, along an axis."""
    differences, profiles = luma.astype(np.int16), []
    for order, limit in _DIFFERENCES:
        differences = np.diff(differences, axis=axis)
        profiles.append(_Profile.of(differences.copy(), axis, order, limit))
    return profiles


def _middle(sample: Sample, rows: Axis, columns: Axis) -> tuple[Sample, Axis, Axis]:
    """The middle part of a sample, for a first look, and where the borders lie in it."""
    (down, row), (right, column) = (
        _middle_of(axis, length) for axis, length in zip((rows, columns), sample.luma.shape, strict=True)
    )
    return Sample(sample.luma[down, right], sample.clipped[down, right]), row, column


def _middle_of(axis: Axis, length: int) -> tuple[slice, Axis]:
    skipped = max(0, int((length - axis.start) / axis.period - _FEW_BLOCKS) // 2)
    start = axis.start + skipped * axis.period
    first = max(0, int(start) - _MARGIN)
    return slice(first, int(start + _FEW_BLOCKS * axis.period) + 1), Axis(axis.period, start - first)


def to_first_scale(
    plane: Values, rows: Axis, columns: Axis, resampling: Image.Resampling = Image.Resampling.LANCZOS
) -> Values:
    """The part of a plane that whole first blocks lie on, with 8x8 samples for each of them."""
    down = int((plane.shape[0] - rows.start) // rows.period)
    right = int((plane.shape[1] - columns.start) // columns.period)
    box = (
        columns.start, rows.start, min(columns.start + right * columns.period, plane.shape[1]),
        min(rows.start + down * rows.period, plane.shape[0]),
    )  # fmt: skip
    scaled = Image.fromarray(plane).resize((8 * right, 8 * down), resampling, box=box)
    return np.asarray(scaled, np.float32)


def _look_at(
    sample: Sample,
    rows: Axis,
    columns: Axis,
    candidates: npt.NDArray[np.int64],
    steps_of_mean: tuple[int, ...] | None = None,
) -> Evidence | None:
    # Clipped samples are not what the decoder meant; where they are, blocks are not multiples of anything.
    blocks = to_blocks(to_first_scale(sample.luma, rows, columns))
    if sample.clipped.any():
        clipped = to_blocks(to_first_scale(sample.clipped.astype(np.float32), rows, columns, Image.Resampling.BOX))
        blocks = blocks[clipped.max(axis=1) < _NEARLY_NONE]
    blocks = blocks[np.ptp(blocks, axis=1) > 2]
    varied = distinct(blocks)
    # Checkers and stripes fit another scale by accident; but then many of their blocks are alike.
    if len(varied) < _VARIED * len(blocks) or not len(varied):
        return None
    blocks = blocks[varied]
    steps = lattice.evidence_with_any_noise(coefficients(blocks, FREQUENCIES[:_FREQUENCIES]), steps_of_mean)
    return best_tables(steps, candidates, (0, 0), len(blocks))


def _running_median(values: Values | Reals, width: int, stride: int = 1) -> Reals:
    """The medians of windows of an odd width around every so-many-th value."""
    half = width // 2
    padded = np.concatenate([values[half:0:-1], values, values[-2 : -half - 2 : -1]])  # mirrored
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)[::stride]
    return np.asarray(np.partition(windows, half, axis=1)[:, half], np.float64)


def _normalised_spectrum(values: Values, first: float) -> npt.NDArray[np.complex128]:
    """The spectrum over the local median of its amplitudes, at `_PADDING` times the resolution."""
    length = len(values)
    spectrum = np.fft.rfft(values * np.hanning(length), length * _PADDING)
    amplitudes = np.abs(spectrum)
    # Over a twentieth of the spectrum, which changes slowly: a few medians are enough.
    width = int(0.05 * length * _PADDING / _THINNED) | 1
    stride = max(1, width // 8)
    usual = _running_median(amplitudes[::_THINNED], width, stride)
    local = np.interp(np.arange(len(amplitudes)), np.arange(len(usual)) * stride * _THINNED, usual)
    turns = np.exp(-2j * np.pi * np.arange(len(spectrum)) / (length * _PADDING) * first)
    # A Rayleigh distribution's median is 1.177 of its parameter.
    return np.asarray(1.177 * spectrum * turns / np.maximum(local, 1e-9))


def _periods(profiles: list[_Profile], coded_again: bool, most: int) -> Iterator[float]:
    """The periods at whose harmonics the spectra have most energy.

    Energy that fits borders which begin at the edge counts twice: most pictures are scaled as a whole.
    """
    total, at_edge, count = np.zeros((3, len(_PERIODS)))
    for profile in profiles:
        energies = np.minimum(np.abs(profile.spectrum) ** 2 / 2, _MOST_ENERGY) - 1
        fitting = np.clip(profile.spectrum.real, -_MOST_REAL, _MOST_REAL)
        points, used = _points_of_harmonics(profile.length, coded_again)
        total += np.where(used, energies.take(points), 0).sum(axis=0)
        at_edge += np.where(used, fitting.take(points), 0).sum(axis=0)
        count += used.sum(axis=0)
    at_edge /= np.sqrt(count + 1)
    score = total / np.sqrt(count + 1) + at_edge
    least = min(1.0, min(profile.length for profile in profiles) / _USUAL_SIDE)
    for _ in range(most):
        index = int(np.argmax(score))
        if score[index] < _LEAST_SCORE * least:
            return
        best = float(_PERIODS[index])
        if at_edge[index] > _LEAST_AT_EDGE or score[index] > _SCORE_ANYWHERE * least:
            yield best
        score[np.abs(np.log(_PERIODS / best)) < _APART] = -np.inf


@lru_cache(maxsize=16)
def _points_of_harmonics(length: int, coded_again: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """[_HARMONICS, periods]: the spectrum's point where each harmonic of each period lies, and whether it counts."""
    frequencies = np.arange(1, _HARMONICS + 1)[:, None] / _PERIODS
    used = _countable(frequencies, length, coded_again)
    return np.where(used, np.rint(frequencies * length * _PADDING), 0).astype(np.int64), used


def _countable(frequencies: Reals, length: int, coded_again: bool) -> npt.NDArray[np.bool_]:
    """Which frequencies are below the highest, and not on a line of 8x8 blocks."""
    used = frequencies < _HIGHEST
    if coded_again:
        used &= np.abs(frequencies - np.rint(8 * frequencies) / 8) > _LINE / length
    return used


def _alignments(profiles: list[list[_Profile]], period: float, coded_again: bool) -> Iterator[tuple[Axis, Axis]]:
    """Where the borders may lie, rows and columns, if their period is near a given one: to be verified.

    First where they fit best. Then, since a picture that was scaled as a whole begins with a border, and its first size
    was a whole number: the sizes that fit best.
    """
    yield _refine(profiles[0], period, coded_again), _refine(profiles[1], period, coded_again)
    rows, columns = (_whole_sizes(kinds, period, coded_again) for kinds in profiles)
    shorter = min(kinds[0].length for kinds in profiles) + 1
    pairs = [
        (fit + other, row, column)
        for fit, row in rows
        for other, column in columns
        if abs(row.period / column.period - 1) * shorter < _SAME_SHAPE
    ]
    for _, row, column in sorted(pairs, key=lambda pair: -pair[0])[:_MOST_SIZES]:
        yield row, column


def _whole_sizes(kinds: list[_Profile], period: float, coded_again: bool) -> list[tuple[float, Axis]]:
    """For each whole number of samples that the axis may have had: how well borders from the edge on fit, and they."""
    size = kinds[0].length + 1
    first_size = 8 * size / period
    reach = max(1.0, _APART * first_size)
    periods = 8 * size / np.arange(np.ceil(first_size - reach), np.floor(first_size + reach) + 1)
    fits = _fit(kinds, periods, coded_again)[:, 0]
    return [(float(fit), Axis(float(fitting), 0.0)) for fit, fitting in zip(fits, periods, strict=True)]


def _refine(kinds: list[_Profile], period: float, coded_again: bool) -> Axis:
    """The period near a given one, and the start, at which all harmonics add up."""
    periods = period * (1 + np.linspace(-1, 1, 41) * min(_APART, 1.2 * period / kinds[0].length))
    fits = _fit(kinds, periods, coded_again)
    best, start = np.unravel_index(int(np.argmax(fits)), fits.shape)
    return Axis(float(periods[best]), float(periods[best] * start / fits.shape[1]))


def _fit(kinds: list[_Profile], periods: Reals, coded_again: bool) -> Reals:
    """[N, 64]: the sum of all harmonics of N periods where borders begin at so many 64ths of the period."""
    harmonics = np.arange(1, _HARMONICS + 1)
    frequencies = harmonics / periods[:, None]
    lines = np.zeros(frequencies.shape, np.complex128)
    for profile in kinds:
        used = _countable(frequencies, profile.length, coded_again)
        # Between the points of the padded spectrum its phase is that of a line in the middle of the profile.
        points = np.where(used, frequencies, 0) * profile.length * _PADDING
        nearest = np.rint(points).astype(int)
        shift = -1j * np.pi * (points - nearest) / _PADDING * (1 + 2 * profile.first / profile.length)
        lines += np.where(used, profile.spectrum[nearest] * np.exp(shift), 0)
    turns = np.exp(2j * np.pi * harmonics[:, None] * np.arange(64) / 64)
    return np.asarray(lines.real @ turns.real - lines.imag @ turns.imag)
