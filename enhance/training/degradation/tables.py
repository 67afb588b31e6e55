"""Quantisation tables as encoders, image editors and cameras write them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegPresets

from enhance.codecs.jpeg.rate import JpegRate, ijg_tables, scaled_steps
from enhance.training.chance import pick
from enhance.training.degradation.encode import MOZJPEG, has_mozjpeg

Tables = npt.NDArray[np.float64]
"""Luma and chroma, [2, 8, 8], natural order, not yet rounded."""
Rng = np.random.Generator

_NUM_MOZJPEG_TABLES = 9
_ROWS, _COLUMNS = np.mgrid[:8, :8]


def custom_rate(rng: Rng, quality: int) -> JpegRate:
    """Tables that no quality factor makes, about as coarse as those of this quality where the family has such."""
    families: dict[Callable[[Rng, int], Tables], float] = {
        _mozjpeg: 0.5,
        _apart: 2,
        _steeper: 2,
        _smooth: 2,
        _one_for_both: 1,
        _flat: 1,
    }
    return _rounded(pick(rng, families)(rng, quality))


def mozjpeg_rate(rng: Rng, quality: int) -> JpegRate:
    """The tables of a file that mozjpeg wrote at this quality."""
    return _rounded(_mozjpeg(rng, quality))


def editor_rate(rng: Rng) -> JpegRate:
    """One of Photoshop's levels, or one between two of them."""
    levels = editor_tables()
    place = rng.uniform(0, len(levels) - 1) if rng.random() < 0.3 else float(rng.integers(len(levels)))
    low = min(int(place), len(levels) - 2)
    return _rounded(levels[low] ** (1 - place + low) * levels[low + 1] ** (place - low))


def ones_rate(rng: Rng, quality: int) -> JpegRate:
    """The tables of a quality with ones for luma, for chroma, or for both: the best that their programs offer."""
    tables = np.stack(ijg_tables(quality)).astype(np.float64)
    ones = [(0,), (1,), (0, 1)][int(rng.integers(3))]
    tables[list(ones)] = 1
    return _rounded(tables)


def rescaled_rate(rate: JpegRate, scale: float) -> JpegRate:
    """The tables whose quantisation noise is that of a picture coded with `rate` and then scaled.

    The noise of coefficient u, of variance step²/12, lies at the frequency u / scale after scaling, and its power per
    frequency changes by scale² (in two dimensions): step'(u) = scale · step(u · scale), interpolated in log2.
    """
    at = np.arange(8) * scale
    tables = []
    for table in (rate.luma, rate.chroma):
        logarithm = np.log2(np.maximum(table, 1).astype(np.float64))
        rows = np.stack([np.interp(at, np.arange(8), column) for column in logarithm.T], axis=1)
        tables.append(scale * 2 ** np.stack([np.interp(at, np.arange(8), row) for row in rows]))
    return _rounded(np.stack(tables))


def scaled_base(base: npt.NDArray[Any], quality: int) -> Tables:
    """Base tables [2, 8, 8] scaled to a quality."""
    return scaled_steps(base, quality).astype(np.float64)


@lru_cache(maxsize=1)
def editor_tables() -> Tables:
    """Photoshop's levels as Pillow has them, [levels, 2, 8, 8], from the coarsest to the finest."""
    presets = [np.reshape(np.array(preset["quantization"]), (2, 8, 8)) for preset in JpegPresets.presets.values()]
    return np.array(sorted(presets, key=lambda tables: -np.log2(tables).mean()), np.float64)


@lru_cache(maxsize=1)
def mozjpeg_tables() -> npt.NDArray[np.uint16] | None:
    """The nine base tables of mozjpeg [9, 2, 8, 8] as it writes them at quality 50; None where it is not there."""
    import jpeglib

    if not has_mozjpeg():
        return None
    found = []
    picture = jpeglib.from_spatial(np.zeros((8, 8, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder, jpeglib.version(MOZJPEG):
        path = Path(folder) / "tables.jpg"
        for index in range(_NUM_MOZJPEG_TABLES):
            picture.write_spatial(str(path), qt=50, base_quant_tbl_idx=index)
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                tables = list(image.quantization.values())
            found.append(np.reshape([tables[0], tables[-1]], (2, 8, 8)))  # equal ones are written once
    return np.array(found, np.uint16)


def _mozjpeg(rng: Rng, quality: int) -> Tables:
    bases = mozjpeg_tables()
    if bases is None:
        return _steeper(rng, quality)
    # Its default, table 3, is what most of its files have; the first is IJG's.
    index = 3 if rng.random() < 0.5 else int(rng.integers(1, len(bases)))
    return scaled_base(bases[index], quality)


def _apart(rng: Rng, quality: int) -> Tables:
    """Luma and chroma of two qualities, as `cjpeg -quality 90,70` and phones do."""
    other = int(np.clip(quality + rng.integers(-30, 16), 1, 100))
    return np.stack([ijg_tables(quality)[0], ijg_tables(other)[1]]).astype(np.float64)


def _steeper(rng: Rng, quality: int) -> Tables:
    """Cameras: the standard's curve of another steepness, luma and chroma scaled apart."""
    luma, chroma = (table.astype(np.float64) for table in ijg_tables(quality))
    steepness = rng.uniform(0.5, 1.2)
    return np.stack([luma**steepness * rng.uniform(0.6, 1.4), chroma**steepness * rng.uniform(0.5, 1.5)])


def _smooth(rng: Rng, quality: int) -> Tables:
    """Cameras: steps that grow with the frequency by a law of their own, with some unevenness."""
    mean = np.log2(np.maximum(np.stack(ijg_tables(quality)).astype(np.float64), 1)).mean(axis=(1, 2))
    shape, elongation = rng.uniform(0.5, 2), 2.0 ** rng.uniform(-0.3, 0.3)
    radius = np.hypot(_ROWS * elongation, _COLUMNS / elongation) ** shape
    growth = rng.uniform(0, 3, 2)[:, None, None] * radius / radius.max()
    logarithm = growth + rng.normal(0, rng.uniform(0, 0.15), (2, 8, 8))
    return 2 ** (logarithm - logarithm.mean(axis=(1, 2), keepdims=True) + mean[:, None, None])


def _one_for_both(rng: Rng, quality: int) -> Tables:
    luma = ijg_tables(quality)[0] * rng.uniform(0.7, 1.3)
    return np.stack([luma, luma])


def _flat(rng: Rng, quality: int) -> Tables:
    return np.stack([np.full((8, 8), float(np.median(table))) for table in ijg_tables(quality)])


def _rounded(tables: Tables) -> JpegRate:
    luma, chroma = np.clip(np.rint(tables), 1, 255)
    return JpegRate.from_tables(luma, chroma)
