"""An earlier coding on another scale: what was coded, made smaller or larger, and perhaps coded again.

Blocks of 8x8 samples have become blocks of P x P. Their borders show as lines, at multiples of 1/P in the spectrum of
how much neighbours differ on average over rows (columns). Where lines are found, the picture is brought back to the
first scale, and there the coefficients must be multiples of the quantiser's steps. That both verifies the scale, which
has to be right to a few hundredths of a percent, and tells the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.codecs.coding import Axis
from enhance.codecs.jpeg.estimation import lattice
from enhance.codecs.jpeg.estimation.grids import Evidence, best_tables
from enhance.codecs.jpeg.estimation.samples import FREQUENCIES, Sample, Values, Views, coefficients, distinct
from enhance.codecs.jpeg.planes import to_blocks

Reals = npt.NDArray[np.float64]

_FREQUENCIES = 10
_PERIODS = np.exp(np.arange(np.log(3.0), np.log(16.0), 0.0006))
_HARMONICS = 6
_HIGHEST = 0.48  # of a sample's frequency
# Orders of differences between neighbours, and what is above: an edge of the picture. The first order shows strong
# codings and small blocks better, the second weak ones.
_DIFFERENCES = ((1, 2.0), (2, 6.0))
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
_APART = 0.01  # relative distance of periods that are candidates of their own
_SAME_SHAPE = 0.8  # difference of the scales of rows and columns, in samples of the smaller side
_VARIED = 0.8
_MOST_SIZES = 3
_FEW_BLOCKS = 44  # a side
_WORTH_MORE = 12.0  # evidence
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
    def of(cls, luma: Values, axis: int, order: int, limit: float) -> _Profile:
        differences = np.abs(np.diff(luma, n=order, axis=axis))
        profile = np.minimum(differences, limit).mean(axis=1 - axis)
        profile = profile - _running_median(profile, 15)
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
    planes = views.tall, views.wide
    profiles = [[_Profile.of(plane, axis, *kind) for kind in _DIFFERENCES] for axis, plane in enumerate(planes)]
    best: ScaledEvidence | None = None
    # Half the size is usual, and hides behind the last blocks' lines.
    tries = [(_HALF, _HALF)] if coded_again else []
    for period in _periods([*profiles[0], *profiles[1]], coded_again, most):
        tries += _alignments(profiles, period, coded_again)
    for rows, columns in tries:
        evidence = _look_at(_beginning(views.corner, rows, columns), rows, columns, candidates)
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


def _beginning(sample: Sample, rows: Axis, columns: Axis) -> Sample:
    """The part where the picture begins, for a first look: few blocks, and a period's error is small there."""
    height, width = (int(axis.start + _FEW_BLOCKS * axis.period) + 1 for axis in (rows, columns))
    return Sample(sample.luma[:height, :width], sample.clipped[:height, :width])


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


def _look_at(sample: Sample, rows: Axis, columns: Axis, candidates: npt.NDArray[np.int64]) -> Evidence | None:
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
    steps = lattice.evidence_with_any_noise(coefficients(blocks, FREQUENCIES[:_FREQUENCIES]))
    return best_tables(steps, candidates, (0, 0), len(blocks))


def _running_median(values: Values | Reals, width: int, stride: int = 1) -> Reals:
    """The medians of windows of an odd width around every so-many-th value."""
    padded = np.pad(values, width // 2, mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width)[::stride], axis=1))


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
    total, count = np.zeros(len(_PERIODS)), np.zeros(len(_PERIODS))
    for profile in profiles:
        energies = np.minimum(np.abs(profile.spectrum) ** 2 / 2, _MOST_ENERGY) - 1
        energies += np.clip(profile.spectrum.real, -_MOST_REAL, _MOST_REAL)
        for harmonic in range(1, _HARMONICS + 1):
            frequencies = harmonic / _PERIODS
            used = _countable(frequencies, profile.length, coded_again)
            total[used] += energies[np.rint(frequencies[used] * profile.length * _PADDING).astype(int)]
            count[used] += 1
    score = total / np.sqrt(count + 1)
    least = _LEAST_SCORE * min(1.0, min(profile.length for profile in profiles) / _USUAL_SIDE)
    for _ in range(most):
        index = int(np.argmax(score))
        if score[index] < least:
            return
        best = float(_PERIODS[index])
        yield best
        score[np.abs(np.log(_PERIODS / best)) < _APART] = -np.inf


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
    total = np.zeros((len(periods), 64))
    for profile in kinds:
        for harmonic in range(1, _HARMONICS + 1):
            frequencies = harmonic / periods
            used = _countable(frequencies, profile.length, coded_again)
            # Between the points of the padded spectrum its phase is that of a line in the middle of the profile.
            points = np.where(used, frequencies, 0) * profile.length * _PADDING
            nearest = np.rint(points).astype(int)
            shift = -1j * np.pi * (points - nearest) / _PADDING * (1 + 2 * profile.first / profile.length)
            lines = np.where(used, profile.spectrum[nearest] * np.exp(shift), 0)
            turns = np.exp(2j * np.pi * harmonic * np.arange(64) / 64)
            total += np.real(lines[:, None] * turns)
    return total
