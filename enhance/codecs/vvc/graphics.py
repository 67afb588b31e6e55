"""Where a decoded picture shows letters, lines and drawings, of which a model of photos has something wrong to say.

Two signs tell of them, both beside sharp edges. The ground is even: it is coded exactly, and most samples equal their
neighbours. In coded photos they do not: what lies beside an edge there is noise, texture or the edge's own ringing.
And there are two tones: most samples are nearly as light as the lightest or as dark as the darkest one nearby.

Measured on what a model of photos adds in `fidelity` (gain of luma in dB, mean and worst), on material that is kept for
choosing: 72 squares of graphics coded as intra pictures at QPs 27 to 42 (without a guard at 32 and 42: 36 of them), a
frame of each of four recordings of screens at QP 32, and 15 frames of natural clips at QPs 32 and 42:

                 graphics        screens         natural
    as it is   -0.27  -4.87    +0.05  -0.21    +0.095  +0.02
    even       +0.01  -3.62    +0.10  -0.02    +0.090  +0.02
    both       +0.15  -0.06    +0.10  -0.02    +0.090  +0.02
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.frames.blocks import BLOCK, to_pixels
from enhance.frames.colour import video_luma
from enhance.frames.depth import row_bands
from enhance.images import Pixels

Float = npt.NDArray[np.float32]
Reduce = Callable[..., Any]
Range = tuple[float, float]

EVEN: Range = 0.3, 0.5
"""The share of samples that equal their neighbours at which belief in a correction begins to fall, and has fallen."""
SHARP: Range = 30.0, 60.0
"""The range of luma, in 8-bit code values, between which ground counts as the ground of something."""
TWO_TONE: Range = 0.75, 0.9
"""The share of samples that are nearly the lightest or the darkest, likewise."""
CONTRAST: Range = 60.0, 100.0
"""The range of luma between which they count as tones."""

_NEARLY = 0.12
"""Of the range of luma."""
_EQUAL = 0.9
"""Code values; 8-bit samples that differ do so by 1."""


def belief(pixels: Pixels) -> Float:
    """How far a correction is to be believed, 0 to 1, for each block of 8x8 pixels [ceil(H / 8), ceil(W / 8)].

    Each block is judged with those around it.

    Args:
        pixels: as in `DecodedImage`.
    """
    bands = list(row_bands(pixels.shape[0], pixels.shape[1], BLOCK))
    measured = [np.stack(_measured(video_luma(pixels[band.start : band.stop + 1]), band)) for band in bands]
    even, lowest, highest = np.concatenate(measured, axis=1)
    low, high = _around(lowest, np.min), _around(highest, np.max)
    tones = [_two_tone(video_luma(pixels[band]), *_rows((low, high), band)) for band in bands]
    span = high - low
    drawn = _ramp(_around(even, np.mean), EVEN) * _ramp(span, SHARP)
    toned = _ramp(_around(np.concatenate(tones), np.mean), TWO_TONE) * _ramp(span, CONTRAST)
    found: Float = (1 - np.maximum(drawn, toned)).astype(np.float32)
    return found


def _measured(luma: Float, band: slice) -> tuple[Float, Float, Float]:
    """Of each block of a band the share of even samples, the least and the largest; a row more is there, or the end."""
    height = band.stop - band.start
    across, down = (np.abs(np.diff(luma, axis=axis, append=luma.take([-1], axis=axis))) for axis in (1, 0))
    even = ((across < _EQUAL) & (down < _EQUAL))[:height].astype(np.float32)
    return _blocks(even, np.mean), _blocks(luma[:height], np.min), _blocks(luma[:height], np.max)


def _two_tone(luma: Float, low: Float, high: Float) -> Float:
    """The share of samples of each block that are nearly as dark as `low` or as light as `high`."""
    lowest, highest = (to_pixels(blocks, *luma.shape) for blocks in (low, high))
    near = np.minimum(highest - luma, luma - lowest) < _NEARLY * np.maximum(highest - lowest, 1)
    return _blocks(near.astype(np.float32), np.mean)


def _rows(planes: tuple[Float, ...], band: slice) -> tuple[Float, ...]:
    """The blocks of a band."""
    return tuple(plane[band.start // BLOCK : -(-band.stop // BLOCK)] for plane in planes)


def _blocks(values: Float, reduce: Reduce) -> Float:
    """Of a plane that is carried on to whole blocks by its edge."""
    whole = np.pad(values, [(0, -length % BLOCK) for length in values.shape], mode="edge")
    rows, columns = (length // BLOCK for length in whole.shape)
    found: Float = reduce(whole.reshape(rows, BLOCK, columns, BLOCK), axis=(1, 3))
    return found


def _around(blocks: Float, reduce: Reduce) -> Float:
    """Over each block and the eight around it."""
    rows, columns = blocks.shape
    padded = np.pad(blocks, 1, mode="edge")
    found: Float = reduce([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0)
    return found


def _ramp(values: Float, ends: Range) -> Float:
    """0 up to the first end, 1 from the second on."""
    low, high = ends
    found: Float = np.clip((values - low) / (high - low), 0, 1)
    return found
