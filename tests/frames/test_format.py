"""What a frame is: shapes of its planes for every size and subsampling, and their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.errors import UsageError
from enhance.frames.format import MAX_DEPTH, MIN_DEPTH, SUBSAMPLINGS, ColorSpace, FrameFormat


@pytest.mark.parametrize(
    ("subsampling", "width", "height", "shapes"),
    [
        ("4:0:0", 5, 3, [(3, 5)]),
        ("4:2:0", 6, 4, [(4, 6), (2, 3), (2, 3)]),
        ("4:2:0", 5, 3, [(3, 5), (2, 3), (2, 3)]),
        ("4:2:0", 1, 1, [(1, 1), (1, 1), (1, 1)]),
        ("4:2:2", 5, 3, [(3, 5), (3, 3), (3, 3)]),
        ("4:4:4", 5, 3, [(3, 5), (3, 5), (3, 5)]),
    ],
)
def test_shapes(subsampling: Any, width: int, height: int, shapes: list[tuple[int, int]]) -> None:
    frame = FrameFormat(width, height, subsampling, 10)
    assert list(frame.plane_shapes) == shapes
    assert frame.frame_bytes == 2 * sum(rows * columns for rows, columns in shapes)


@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from(SUBSAMPLINGS),
    st.integers(MIN_DEPTH, MAX_DEPTH),
    st.integers(0, 1000),
)
def test_bytes_round_trip(width: int, height: int, subsampling: Any, depth: int, seed: int) -> None:
    frame = FrameFormat(width, height, subsampling, depth)
    raw = np.random.default_rng(seed).bytes(frame.frame_bytes)
    planes = frame.unpack(raw)
    assert tuple(plane.shape for plane in planes) == frame.plane_shapes
    assert all(plane.dtype == (np.uint8 if depth == 8 else np.uint16) for plane in planes)
    assert frame.pack(planes) == raw


@pytest.mark.parametrize(
    "values",
    [(0, 4), (4, 0), (-1, 4), (4, 4, "4:1:1"), (4, 4, "420"), (4, 4, "4:2:0", 7), (4, 4, "4:2:0", 17)],
)
def test_frames_that_cannot_be(values: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError):
        FrameFormat(*values)


def test_colour_spaces_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="matrix"):
        ColorSpace(matrix="bt470")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="chroma location"):
        ColorSpace(chroma_location="right")  # type: ignore[arg-type]


def test_colour_spaces_in_words() -> None:
    assert ColorSpace().describe() == "BT.709, limited range"
    assert ColorSpace("gbr", full_range=True).describe() == "RGB, full range"
