"""Measures how far a VVC model is to be believed at which QP, on training pictures coded for it.

A VVC stream states no intervals, so nothing tells of a single picture that a correction is wrong. What can be measured
is how much the model knows at a QP at all: near losslessness there is nothing left to mend, and QPs below those of the
training pairs are a land that it has never seen. The factors on the corrections of luma and chroma are those that win
most on average among those by which no picture loses, as for JPEG (`trust_calibration`), with the belief in each block,
and what goes with them in use below the QPs of the training pairs (`VvcRate.known`).

Unlike those of JPEG they are measured for the posterior mean alone, and count for looks, too: what looks cost in error
is the user's choice, and here it is more than what there is to gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg import planes
from enhance.codecs.vvc.graphics import belief
from enhance.codecs.vvc.rate import VvcRate
from enhance.frames.blocks import to_pixels
from enhance.frames.depth import code_values
from enhance.images import DecodedImage
from enhance.models.checkpoint import Checkpoint
from enhance.models.trust_tables import KINDS, FactorTable, TrustTables
from enhance.system.progress import progress_bar
from enhance.training.trust_calibration import FACTORS, YCBCR_WEIGHTS, Values, best_factors, predict
from enhance.training.vvc_pairs import code_pictures

Uint8 = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]

QPS = (10, 14, 18, 22, 27, 32, 42)
_UNKNOWN = 3
"""The QP up to which nothing is believed: here a picture is lost to a hundredth of a code value, or not at all."""
_COARSE, _RARE = 27, 0.04
"""From this QP on one picture in so many may lose after all."""


def calibrate_vvc_trust(
    model: Checkpoint, photos: Sequence[Uint8], graphics: Sequence[Uint8], cache: Path, *, workers: int = 1
) -> TrustTables:
    """Measures the table.

    Args:
        model: with the scale s(q) and the threshold τ(q) set; moved to the CPU.
        photos, graphics: squares that are as different as can be, uint8 [S, S, 3] all of one side, a multiple of 16.
        cache: folder for the coded pictures.
        workers: encoders at a time.

    Returns:
        the tables, to be stored with the model.
    """
    rows = [(0.0, 0.0)]
    for qp in progress_bar("trust", iterable=QPS, unit="QP"):
        decoded = _decoded([*photos, *graphics], qp, cache, workers)
        changes = predict(model, decoded, "mean")
        errors = [
            _errors(original, picture, change, VvcRate(qp))
            for original, picture, change in zip([*photos, *graphics], decoded, changes, strict=True)
        ]
        luma, chroma = (np.array(plane) for plane in zip(*errors, strict=True))
        weights = np.full(len(errors), sum(YCBCR_WEIGHTS) * changes[0][..., 0].size)
        rows.append(best_factors(luma, chroma, weights, _RARE if qp >= _COARSE else 0.0))
    table = _table((_UNKNOWN, *QPS), rows)
    return TrustTables(factors={kind: {VvcRate(0).sampling: table} for kind in KINDS})


def _table(qps: Sequence[float], rows: Sequence[tuple[float, float]]) -> FactorTable:
    """The factors; they only fall towards lower QPs, where less is known."""
    luma, chroma = np.minimum.accumulate(np.array(rows)[::-1], axis=0)[::-1].round(3).T.tolist()
    return FactorTable(tuple(map(float, qps)), tuple(luma), tuple(chroma))


def _decoded(pictures: Sequence[Uint8], qp: int, cache: Path, workers: int) -> list[DecodedImage]:
    coded = code_pictures(pictures, qp, cache, workers=workers)
    return [DecodedImage(pixels / np.float32(255), VvcRate(qp)) for pixels in coded]


def _errors(original: Uint8, decoded: DecodedImage, change: Array, rate: VvcRate) -> tuple[Values, Values]:
    """Squared errors [factors] of luma and of chroma with each of `FACTORS` on the change."""
    base = code_values(decoded.pixels)
    believed = to_pixels(belief(decoded.pixels), *decoded.pixels.shape[:2]) * np.float32(rate.known)
    found = []
    for of_original, of_base, of_change, weight in zip(
        planes.split_planes(original.astype(np.float32), False),
        planes.split_planes(base, False),
        planes.split_planes(base + change * believed[..., None], False),
        YCBCR_WEIGHTS,
        strict=True,
    ):
        moves = of_change - of_base
        left = [of_original - of_base - np.float32(factor) * moves for factor in FACTORS]
        found.append(np.array([weight * np.square(values).sum(dtype=np.float64) for values in left]))
    return found[0], found[1] + found[2]
