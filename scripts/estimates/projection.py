"""Whether the result for a file that was saved again is better projected: onto which coding's intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from measure_harm import Original
from tqdm import tqdm

from enhance.codecs.coding import Coding
from enhance.codecs.jpeg import planes
from enhance.codecs.jpeg.estimation.noise import ROUNDING, LastCoding
from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer
from enhance.evaluation.metrics.distortion import mse
from enhance.images import DecodedImage
from enhance.inference.choices import choose_guidance
from enhance.knobs import Knobs
from estimates.pictures import Uint8, as_file, code, crop, table

Array = npt.NDArray[np.float32]

# First quality, rows and columns that are cut off, last quality.
_CASES = (
    (10, (0, 0), 80), (50, (0, 0), 75), (40, (0, 0), 85), (10, (5, 3), 75), (20, (5, 3), 90), (20, (5, 3), 95),
    (30, (12, 2), 75), (50, (4, 4), 85),
)  # fmt: skip
_DOUBTFUL = 0.4  # of a step: where the noise is larger, nothing is asked of a coefficient


@dataclass(frozen=True)
class _Earlier:
    """The intervals of an earlier coding of luma, as far as they can be told from pixels that were coded again.

    Attributes:
        corner: row and column of the first whole block.
        centres: [rows, columns, 64], multiples of the steps.
        reach: of the same shape; infinite where the multiple is not sure.
    """

    corner: tuple[int, int]
    centres: Array
    reach: Array

    @classmethod
    def of(cls, pixels: Array, coding: Coding, last: JpegRate) -> _Earlier:
        top, left = (-distance % 8 for distance in coding.grid)
        luma = planes.split_planes(pixels, is_rgb=False)[0]
        steps = np.maximum(last.luma.reshape(64).astype(np.int64), 1)
        rows, columns = (luma.shape[0] - top) // 8, (luma.shape[1] - left) // 8
        corners = np.argwhere(np.ones((rows, columns), bool)) * 8 + (top, left)
        variances: Array = np.tile(steps.astype(np.float32) ** 2 / 12 + np.float32(ROUNDING), (len(corners), 1))
        if (top, left) != (0, 0):
            variances = LastCoding(np.rint(luma), steps).variances(corners, np.arange(64))
        assert isinstance(coding.rate, JpegRate)
        first, noise = coding.rate.luma.reshape(64).astype(np.float32), np.sqrt(variances)
        blocks = planes.to_blocks(luma[top : top + 8 * rows, left : left + 8 * columns])
        centres = np.rint(planes.transform(blocks, planes.DCT) / first) * first
        reach = np.where(noise < _DOUBTFUL * first, first / 2 + noise / 2, np.inf).astype(np.float32)
        return cls((top, left), centres.reshape(rows, columns, 64), reach)

    def project(self, pixels: Array) -> Array:
        """A picture with its luma taken into the intervals; [H, W, 3] code values."""
        (top, left), (rows, columns) = self.corner, self.centres.shape[:2]
        part = slice(top, top + 8 * rows), slice(left, left + 8 * columns)
        luma = planes.split_planes(pixels, is_rgb=False)[0][part]
        step = planes.change_to_set(planes.to_blocks(luma), self.centres.reshape(-1, 64), self.reach)
        result = pixels.copy()
        result[part] += planes.from_blocks(step, luma.shape)[..., None]
        return result


def measure_projection(enhancer: Enhancer, originals: Sequence[Original], modes: list[str]) -> str:
    """A table: gains over the decoded file without a projection, and what each projection adds to that."""
    rows: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for original in tqdm(originals, desc="projection", leave=False, disable=None):
        for first, (down, right), last in _CASES:
            target = crop(original.pixels, down, right)
            coded = crop(code(original.pixels, JpegRate.from_quality(first)).pixels, down, right)
            picture = decode(as_file(coded, last))
            for mode in modes:
                gains = _gains(enhancer, picture, target, Knobs(mode=mode))  # type: ignore[arg-type]
                name = f"quality {first}, cropped by {right, down}, then {last}"
                rows[name if (down, right) != (0, 0) else f"quality {first}, then {last}", mode] += gains
    header = ["dB", "mode", "files", "not projected", "onto the last", "onto the first", "first, then last"]
    return table(header, [[*key, len(found), *_cells(found)] for key, found in rows.items() if found])


def _gains(enhancer: Enhancer, picture: DecodedImage, target: Uint8, knobs: Knobs) -> list[list[float]]:
    """One row, or none where nothing was found: gains without a projection and with each."""
    guidance = choose_guidance(picture, knobs)
    if guidance.coding is None or guidance.coding.axes is not None or picture.consistency is None:
        return []
    raw = enhancer.run(picture, knobs, depth=32, guidance=guidance).pixels * np.float32(255)
    assert isinstance(picture.rate, JpegRate)
    first = _Earlier.of(picture.pixels.astype(np.float32), guidance.coding, picture.rate).project(raw)
    last = picture.consistency.project
    results = [raw, last(raw), first, last(first)]
    return [[_gain(picture.pixels, target, np.rint(np.clip(each, 0, 255)).astype(np.uint8)) for each in results]]


def _gain(before: Uint8, target: Uint8, after: Uint8) -> float:
    return float(10 * np.log10(mse(target, before) / mse(target, after)))


def _cells(found: list[list[float]]) -> list[str]:
    gains = np.array(found)
    more = gains[:, 1:] - gains[:, :1]
    changes = [f"{mean:+.3f} ({worst:+.2f})" for mean, worst in zip(more.mean(axis=0), more.min(axis=0))]
    return [f"{gains[:, 0].mean():+.2f}", *changes]
