"""Frames in another size show the same, in the same place."""

from __future__ import annotations

import numpy as np
import pytest

from enhance.frames.colour import CHROMA_OFFSETS
from enhance.frames.format import SUBSAMPLINGS, ChromaLocation, ColorSpace, FrameFormat, Planes, Subsampling
from enhance.frames.resize import resized

SPACE = ColorSpace()


def wave(frame: FrameFormat, location: ChromaLocation = "center") -> Planes:
    """A long wave over the picture, in all planes alike, sampled where their samples lie."""
    found = []
    for index, shape in enumerate(frame.plane_shapes):
        sides = zip(shape, (frame.height, frame.width), frame.chroma_step, CHROMA_OFFSETS[location])
        rows, columns = (
            (np.arange(count) * (step if index else 1) + (offset if index and step == 2 else 0) + 0.5) / length
            for count, length, step, offset in sides
        )
        value = 0.5 + 0.2 * np.cos(3 * rows[:, None] + 1) + 0.2 * np.sin(4 * columns[None])
        found.append(np.rint(value * (2**frame.depth - 1)).astype(frame.dtype))
    return tuple(found)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize(("width", "height"), [(128, 96), (96, 72), (47, 33), (64, 96)])
def test_what_is_seen_stays_in_its_place(subsampling: Subsampling, width: int, height: int) -> None:
    frame, target = FrameFormat(64, 48, subsampling, 10), FrameFormat(width, height, subsampling, 10)
    found, expected = resized(wave(frame), frame, width, height, SPACE), wave(target)
    assert tuple(plane.shape for plane in found) == target.plane_shapes
    for plane, other in zip(found, expected):
        inner = slice(8, -8) if min(plane.shape) > 32 else slice(3, -3)
        assert plane.dtype == frame.dtype
        assert np.abs(plane.astype(int) - other.astype(int))[inner, inner].max() <= 3


@pytest.mark.parametrize("location", list(CHROMA_OFFSETS))
def test_chroma_lies_where_the_stream_says(location: ChromaLocation) -> None:
    frame, target = FrameFormat(64, 48, "4:2:0", 10), FrameFormat(128, 96, "4:2:0", 10)
    found = resized(wave(frame, location), frame, 128, 96, ColorSpace(chroma_location=location))
    for plane, other in zip(found, wave(target, location)):
        assert np.abs(plane.astype(int) - other.astype(int))[8:-8, 8:-8].max() <= 3


def test_the_same_size_is_the_same_frame_and_extremes_stay_in_range() -> None:
    frame = FrameFormat(20, 14, "4:2:0", 8)
    generator = np.random.default_rng(0)
    planes = tuple((generator.random(shape) > 0.5).astype(np.uint8) * 255 for shape in frame.plane_shapes)
    assert all(map(np.array_equal, resized(planes, frame, 20, 14, SPACE), planes))
    larger = resized(planes, frame, 33, 31, SPACE)
    assert {int(larger[0].min()), int(larger[0].max())} == {0, 255}
