"""Measures how far a JPEG model is to be believed, on training pictures: what its file rules out, and what it knows.

First, what the coefficients of the posterior mean are on average (`codecs.jpeg.calibration`): all else is measured with
that in their place. Then for every sampling of chroma and every quality, pictures are coded, decoded and predicted, and
two things come of it:

- a limit on the share of a correction's energy that the files rule out (see `codecs.jpeg.trust`): the one above which
  holding back wins most in all blocks together. It is at least the share below which 99.9 % of the blocks of photos
  stay, and at most `_MOST`, for the sake of pictures that no model was shown;
- with that guard on, the factors on the corrections of luma and chroma that win most on average, among those by which
  no picture loses. 1 where the network is right; near 0 where a file is so good that it knows nothing.

Gains are measured on the planes, before anything is rounded: squared errors of Y, Cb and Cr with their weights in RGB.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from enhance.codecs.jpeg import planes
from enhance.codecs.jpeg.calibration import expected
from enhance.codecs.jpeg.coefficients import Indices
from enhance.codecs.jpeg.consistency import JpegConsistency
from enhance.codecs.jpeg.intervals import Array, Part
from enhance.codecs.jpeg.mozjpeg import robidoux_rate
from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.jpeg.trust import TrustMap
from enhance.codecs.registry import decode
from enhance.diffusion.thresholds import RateTable
from enhance.frames.depth import code_values
from enhance.images import BELIEVED, DecodedImage, Trust
from enhance.models.checkpoint import Checkpoint
from enhance.models.trust_tables import ENCODERS, KINDS, CalibrationTable, FactorTable, TrustTables
from enhance.runtime import select_dtype
from enhance.system.progress import progress_bar
from enhance.training.coefficient_calibration import ONES, Answers, fit
from enhance.training.degradation.encode import encode_file, has_mozjpeg

Uint8 = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]

QUALITIES = (1, 5, 10, 20, 40, 75, 90, 95, 97, 98, 99, 100)
SAMPLINGS: dict[str, dict[str, Any]] = {
    "4:2:0": {"subsampling": "4:2:0"},
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:2": {"subsampling": "4:2:2"},
    "gray": {},
    "rgb": {"keep_rgb": True},
}
"""Pillow's options for each."""

PERCENTILE = 99.9
_ALLOWED_LOSS = 0.02  # dB of one picture: about what rounding to 8 bits moves
FACTORS = np.linspace(0, 1, 11)
# Of squared errors in Y, Cb and Cr, in the sum over R, G and B (JFIF 1.02; the transform is not orthogonal, and the
# products of planes are left out).
YCBCR_WEIGHTS = 3.0, 3.258, 2.475
_WEIGHTS = {"ycbcr": YCBCR_WEIGHTS, "other": (1.0, 1.0, 1.0)}
# Squared error of a sample, below which rounding to 8 bits hides what happens: without it a blank square, which any
# change makes worse by many decibels, would decide for all pictures.
_HIDDEN = 0.1
# At qualities up to this, a picture that is not helped is rare and none of the file's making; one in so many may lose.
_COARSE, _RARE = 90, 0.04
_NEARLY_LOSSLESS, _LOSSLESS, _CAUTION = 97, 100, 0.4
_SMALLEST_LIMIT, _MOST = 1e-3, 0.2
_EVERY, _BATCH = 2, 16
# What coefficients mean hardly depends on the quality within each of these groups, nor on the sampling.
_ALIKE = {"rounded": ((10, 20, 40), (75,), (90,), (95,)), "chosen": ((10, 20, 40), (75,))}
_CALIBRATED = "4:2:0", "4:4:4"
# How far chroma is taken to what was measured: it differs more between pictures than luma does. Half of the way has as
# much of the mean gain on photos, and hardly a picture loses.
_CHROMA = 0.5


@dataclass(frozen=True)
class _Plane:
    """One plane of a coded picture: blocks of coefficients, relative to the file's, [N, 64]; and what the file says.

    Attributes:
        original, decoded, raw: of the original, the decoder's output and the network's answer.
        answer: what is made of the network's answer.
        weight: of a squared error in the sum over R, G and B.
    """

    original: Array
    decoded: Array
    raw: Array
    answer: Array
    part: Part
    weight: float

    def answers(self, weight: float) -> Answers:
        """What the network says and what is right; `weight`: of a squared error of the picture."""
        return Answers(self.raw, self.original, self._indices, self.part.reach, self.weight * weight)

    def calibrated(self, factors: Array) -> _Plane:
        """With what is to be expected in the answer's place."""
        return replace(self, answer=expected(self.raw, self._indices, self.part.reach, factors))

    @property
    def _indices(self) -> Indices:
        return self.part.indices.reshape(-1, 64)

    def errors(self, trust: Trust) -> npt.NDArray[np.float64]:
        """Squared errors [factors] of the result for each of `FACTORS`."""
        trust_map = TrustMap(self.part.component.grid, trust)
        trust_map.add(self.raw, self.part.reach)
        weights = trust_map.weights(0, trust_map.known).reshape(-1, 1)
        reach = self.part.reach
        found = []
        for factor in FACTORS:
            moved = self.decoded + np.float32(factor) * weights * (self.answer - self.decoded)
            result = np.clip(moved, -reach, reach) if factor else self.decoded
            found.append(self.weight * float(np.square(self.original - result).sum()))
        return np.array(found)

    def gains(self) -> npt.NDArray[np.float64]:
        """What believing the answer wins in each block, in squared error."""
        result = np.clip(self.answer, -self.part.reach, self.part.reach)
        better = np.square(self.original - self.decoded) - np.square(self.original - result)
        return self.weight * better.sum(axis=1, dtype=np.float64)

    def impossible_shares(self) -> Array:
        """The share of energy that is ruled out, for each block."""
        trust_map = TrustMap(self.part.component.grid, BELIEVED)
        trust_map.add(self.raw, self.part.reach)
        return trust_map.shares(0, trust_map.known).reshape(-1)


def calibrate_trust(
    model: Checkpoint, photos: Sequence[Uint8], graphics: Sequence[Uint8], *, fall: float, progress: bool = True
) -> TrustTables:
    """Measures the tables.

    Args:
        model: with the scale s(q) and the threshold τ(q) set; moved to the CPU.
        photos, graphics: squares that are as different as can be, uint8 [S, S, 3] all of one side, a multiple of 16.
            All of them tell what coefficients mean, and every second of them the rest.
        fall: `TrustTables.fall`.

    Returns:
        the tables, to be stored with the model.
    """
    calibration = calibrate_coefficients(model, [*photos, *graphics], progress=progress)
    photos, graphics = photos[::_EVERY], graphics[::_EVERY]
    limits, rows = [], []
    for quality in progress_bar("trust", iterable=QUALITIES, unit="quality", shown=progress):
        coded = {
            (kind, sampling): [
                _as_used(picture, calibration["rounded"], sampling, quality) if kind == "mean" else picture
                for picture in _predicted(model, [*photos, *graphics], kind, sampling, quality)
            ]
            for kind in KINDS
            for sampling in SAMPLINGS
        }
        means = [coded["mean", sampling] for sampling in SAMPLINGS]
        of_photos, of_all = (
            [plane for pictures in means for picture in pictures[:count] for plane in picture]
            for count in (len(photos), None)
        )
        full = best_limit(*_by_block(of_all), np.concatenate([plane.impossible_shares() for plane in of_photos]))
        limits.append(full)
        trust, rare = Trust(full=full, none=full * fall), _RARE if quality <= _COARSE else 0.0
        rows.append({which: _best(pictures, trust, rare) for which, pictures in coded.items()})
    levels = tuple(map(float, QUALITIES))
    factors = {kind: {name: _table(levels, [row[kind, name] for row in rows]) for name in SAMPLINGS} for kind in KINDS}
    return TrustTables(RateTable(levels, tuple(limits)), fall, factors, calibration)


def calibrate_coefficients(
    model: Checkpoint, pictures: Sequence[Uint8], *, progress: bool = True
) -> dict[str, CalibrationTable]:
    """Measures what the coefficients of the posterior mean are, for each of `ENCODERS` that is at hand.

    Args:
        model, pictures: as for `calibrate_trust`.

    Returns:
        tables that fade out where files are nearly lossless.
    """
    encoders = [name for name in ENCODERS if name == "rounded" or has_mozjpeg()]
    tasks = [(encoder, qualities) for encoder in encoders for qualities in _ALIKE[encoder]]
    ends: dict[str, list[tuple[float, Array, Array]]] = {encoder: [] for encoder in encoders}
    for encoder, qualities in progress_bar("coefficients", iterable=tasks, unit="group", shown=progress):
        is_rounded = encoder == "rounded"
        coded = [
            (picture, _relative_weight(picture, is_rounded))
            for quality in qualities
            for sampling in _CALIBRATED
            for picture in _predicted(model, pictures, "mean", sampling, quality, is_rounded=is_rounded)
        ]
        luma = fit((picture[0].answers(weight) for picture, weight in coded), bounded=is_rounded)
        of_chroma = (plane.answers(weight) for picture, weight in coded for plane in picture[1:])
        chroma = 1 + _CHROMA * (fit(of_chroma, grouped=False, bounded=is_rounded) - 1)
        levels = [_rate(quality, is_rounded).luma_level for quality in sorted({min(qualities), max(qualities)})]
        ends[encoder] += [(level, luma, chroma) for level in levels]
    end = float(_NEARLY_LOSSLESS), ONES, ONES
    columns = {encoder: tuple(zip(*found, end)) for encoder, found in ends.items()}
    return {
        encoder: CalibrationTable(levels, np.stack(luma), np.stack(chroma))
        for encoder, (levels, luma, chroma) in columns.items()
    }


def _relative_weight(picture: Sequence[_Plane], is_rounded: bool) -> float:
    """One over the squared error that a picture is left with."""
    answers = [np.clip(it.raw, -it.part.reach, it.part.reach) if is_rounded else it.raw for it in picture]
    left = sum(it.weight * float(np.square(it.original - answer).sum()) for it, answer in zip(picture, answers))
    samples = sum(plane.weight * plane.raw.size for plane in picture)
    return samples / (left + _HIDDEN * samples)


def _as_used(picture: list[_Plane], calibration: CalibrationTable, sampling: str, quality: int) -> list[_Plane]:
    """The planes with what the product makes of the answers."""
    found = calibration.at(JpegRate.from_quality(quality)) if sampling != "rgb" else None
    if found is None:
        return picture
    return [plane.calibrated(found.chroma if number else found.luma) for number, plane in enumerate(picture)]


def _by_block(coded: Sequence[_Plane]) -> tuple[Values, Values]:
    """Impossible share and gain of each block."""
    return np.concatenate([plane.impossible_shares() for plane in coded]), np.concatenate([p.gains() for p in coded])


def best_limit(shares: Values, gains: Values, of_photos: Values) -> float:
    """The share above which it is best to hold corrections back.

    Args:
        shares, gains: of each block: what its file rules out, and what believing its correction wins.
        of_photos: the shares of the blocks of photos.
    """
    order = np.argsort(shares)
    total = np.cumsum(gains[order])  # if all blocks up to each are believed
    best = float(shares[order][total.argmax()])
    known = max(float(np.percentile(of_photos, PERCENTILE)), _SMALLEST_LIMIT)
    return min(max(best, known), max(known, _MOST))


def _table(levels: tuple[float, ...], rows: Sequence[tuple[float, float]]) -> FactorTable:
    """The factors; the nearer a file is to being lossless, the less is known, so they only fall above `_COARSE`.

    Where a file is nearly lossless, other pictures than these may be known less well, and a correction without any
    truth in it costs the square of its factor: that of luma is taken with caution. Tables of ones
    leave nothing to mend but the decoder's own rounding.
    """
    factors, quality = np.array(rows), np.array(levels)
    factors[quality >= _COARSE] = np.minimum.accumulate(factors[quality >= _COARSE], axis=0)
    factors[quality >= _NEARLY_LOSSLESS, 0] *= _CAUTION
    factors[quality >= _LOSSLESS] = 0
    factors = factors.round(3)
    return FactorTable(levels, tuple(factors[:, 0].tolist()), tuple(factors[:, 1].tolist()))


def _best(pictures: list[list[_Plane]], trust: Trust, rare: float) -> tuple[float, float]:
    """The best factors of luma and chroma for pictures of which the planes are given, with a guard."""
    luma = np.array([picture[0].errors(trust) for picture in pictures])
    chroma = np.array([sum((plane.errors(trust) for plane in picture[1:]), 0 * FACTORS) for picture in pictures])
    return best_factors(
        luma, chroma, np.array([sum(plane.weight * plane.raw.size for plane in p) for p in pictures]), rare
    )


def best_factors(luma: Values, chroma: Values, weights: Values, rare: float) -> tuple[float, float]:
    """The factors of luma and chroma with the best mean gain, among those with which no picture loses.

    Args:
        luma, chroma: squared errors of each picture with each of `FACTORS`, [pictures, factors].
        weights: [pictures], the squared error of each if that of all its samples were 1.
        rare: share of the pictures that may lose after all.
    """
    left = np.maximum(luma[:, :, None] + chroma[:, None, :], _HIDDEN * weights[:, None, None])
    gains = 10 * np.log10(left[:, :1, :1] / left)
    worst = np.quantile(gains, rare, axis=0, method="lower")
    mean = np.where(worst >= -_ALLOWED_LOSS, gains.mean(axis=0), -1.0)
    row, column = np.unravel_index(int(mean.argmax()), mean.shape)
    return float(FACTORS[row]), float(FACTORS[column])


def _predicted(
    model: Checkpoint, pictures: Sequence[Uint8], kind: str, sampling: str, quality: int, *, is_rounded: bool = True
) -> Iterator[list[_Plane]]:
    """The planes of each picture, coded (by mozjpeg if nothing `is_rounded`), decoded and predicted."""
    for first in range(0, len(pictures), _BATCH):
        originals = [_as_stored(picture, sampling) for picture in pictures[first : first + _BATCH]]
        code = _coded if is_rounded else _chosen
        decoded = [code(original, sampling, quality) for original in originals]
        changes = predict(model, decoded, kind)
        for original, picture, change in zip(originals, decoded, changes, strict=True):
            yield _planes(original, picture, change)


def _as_stored(picture: Uint8, sampling: str) -> Uint8:
    return np.asarray(Image.fromarray(picture).convert("L")) if sampling == "gray" else picture


def _coded(original: Uint8, sampling: str, quality: int) -> DecodedImage:
    file = io.BytesIO()
    Image.fromarray(original).save(file, "JPEG", quality=quality, **SAMPLINGS[sampling])
    return decode(file.getvalue())


def _chosen(original: Uint8, sampling: str, quality: int) -> DecodedImage:
    return decode(encode_file(original, robidoux_rate(quality), sampling, trellis=True))


def _rate(quality: int, is_rounded: bool) -> JpegRate:
    """Of libjpeg and of mozjpeg."""
    return JpegRate.from_quality(quality) if is_rounded else robidoux_rate(quality)


@torch.inference_mode()
def predict(model: Checkpoint, decoded: Sequence[DecodedImage], kind: str) -> list[Array]:
    """The network's raw corrections of pictures of one rate and size, in 8-bit code values."""
    pixels = np.stack([np.broadcast_to(_rgb(code_values(one.pixels)), (*one.pixels.shape[:2], 3)) for one in decoded])
    base = torch.from_numpy(pixels.transpose(0, 3, 1, 2)) / 127.5 - 1
    rate = decoded[0].rate
    conditioning = torch.from_numpy(rate.conditioning()).expand(len(decoded), -1)
    knows_position = model.denoiser.config.position
    position = torch.ones(len(decoded)) if kind == "looks" and knows_position else None
    dtype = select_dtype("auto", torch.device("cpu"))
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        residual = model.denoiser(torch.zeros_like(base), base, torch.ones(len(decoded)), conditioning, position)
    limit = model.threshold(rate.level)
    change = residual.float().clamp_(-limit, limit) * (model.residual_scale(rate.level) * 127.5)
    found = change.permute(0, 2, 3, 1).numpy()
    return [one.mean(axis=2) if picture.is_gray else one for one, picture in zip(found, decoded, strict=True)]


def _rgb(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _planes(original: Uint8, decoded: DecodedImage, change: Array) -> list[_Plane]:
    consistency = decoded.consistency
    assert isinstance(consistency, JpegConsistency)
    layout = consistency.layout
    base = decoded.pixels.astype(np.float32)
    split = [
        planes.split_planes(pixels, layout.is_rgb) for pixels in (original.astype(np.float32), base, base + change)
    ]
    weights = _WEIGHTS["other" if layout.is_rgb or decoded.is_gray else "ycbcr"]
    [(_, parts)] = consistency.strips()
    found = []
    for original_plane, base_plane, raw_plane, part, weight in zip(*split, parts, weights):
        ratio = part.component.ratio
        original_blocks, base_blocks, raw_blocks = (
            part.distances(planes.box_means(plane, ratio)) for plane in (original_plane, base_plane, raw_plane)
        )
        weight *= ratio[0] * ratio[1]
        found.append(_Plane(original_blocks, base_blocks, raw_blocks, raw_blocks, part, weight))
    return found
