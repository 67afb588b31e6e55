"""Frames in another size: planes resampled where their samples lie, in float, rounded once.

The kernel is Lanczos with three lobes, as for chroma; where a picture gets smaller it is stretched, so that nothing
folds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.frames.colour import CHROMA_OFFSETS, LOBES
from enhance.frames.format import ColorSpace, FrameFormat, Plane, Planes

Float = npt.NDArray[np.float32]


def resized(planes: Planes, frame: FrameFormat, width: int, height: int, space: ColorSpace) -> Planes:
    """A frame in another size, which shows the same from edge to edge.

    Args:
        planes: as `frame` says.
        frame: their layout.
        width, height: of the result.
        space: says where chroma samples lie.

    Returns:
        planes of the same subsampling and depth.
    """
    step, offset = frame.chroma_step, CHROMA_OFFSETS[space.chroma_location]
    found = []
    for index, plane in enumerate(planes):
        values = plane.astype(np.float32)
        for axis, (before, after) in enumerate(((frame.height, height), (frame.width, width))):
            spacing, first = (step[axis], offset[axis] if step[axis] == 2 else 0.0) if index else (1, 0.0)
            weights = _weights(before, after, spacing, first)
            values = weights @ values if axis == 0 else values @ weights.T
        found.append(_rounded(values, frame))
    return tuple(found)


@lru_cache(maxsize=16)
def _weights(before: int, after: int, spacing: int, first: float) -> Float:
    """What each sample of the result takes of each sample that there was: [after, before], both in samples of a plane.

    Args:
        before, after: luma samples along the axis.
        spacing, first: luma samples between two samples of the plane, and before its first one.
    """
    count, wanted = (-(-length // spacing) for length in (before, after))
    ratio = before / after
    in_luma = (np.arange(wanted) * spacing + first + 0.5) * ratio - 0.5
    places = (in_luma - first) / spacing
    stretch = max(ratio, 1.0)
    taps = np.arange(-LOBES * int(np.ceil(stretch)), LOBES * int(np.ceil(stretch)) + 2)
    index = np.floor(places).astype(int)[:, None] + taps
    distance = (index - places[:, None]) / stretch
    kernel = np.where(np.abs(distance) < LOBES, np.sinc(distance) * np.sinc(distance / LOBES), 0)
    kernel /= kernel.sum(axis=1, keepdims=True)
    weights = np.zeros((wanted, count), np.float32)
    # Beyond the edge its samples are repeated.
    np.add.at(weights, (np.arange(wanted)[:, None], np.clip(index, 0, count - 1)), kernel.astype(np.float32))
    return weights


def _rounded(values: Float, frame: FrameFormat) -> Plane:
    return np.clip(np.rint(values), 0, 2**frame.depth - 1).astype(frame.dtype)
