"""Raw planar video: the frames that were written come back, and a wrong size is told as such."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.errors import DecodeError, UnsupportedImageError, UsageError
from enhance.frames.format import MAX_DEPTH, MIN_DEPTH, SUBSAMPLINGS, FrameFormat, Planes
from enhance.frames.raw import RawReader, parse_format, parse_size, write_planes


def random_planes(frame: FrameFormat, seed: int) -> Planes:
    generator = np.random.default_rng(seed)
    return tuple(generator.integers(0, 2**frame.depth, shape).astype(frame.dtype) for shape in frame.plane_shapes)


def written(frame: FrameFormat, frames: Iterable[Planes]) -> bytes:
    stream = io.BytesIO()
    for planes in frames:
        write_planes(stream, frame, planes)
    return stream.getvalue()


@given(
    st.integers(1, 37),
    st.integers(1, 37),
    st.sampled_from(SUBSAMPLINGS),
    st.integers(MIN_DEPTH, MAX_DEPTH),
    st.integers(0, 3),
)
def test_round_trip(width: int, height: int, subsampling: str, depth: int, count: int) -> None:
    frame = FrameFormat(width, height, subsampling, depth)  # type: ignore[arg-type]
    frames = [random_planes(frame, seed) for seed in range(count)]
    content = written(frame, frames)
    assert len(content) == count * frame.frame_bytes
    assert content == b"".join(frame.pack(planes) for planes in frames)
    found = list(RawReader(io.BytesIO(content), frame, source="a.yuv"))
    assert written(frame, found) == content


def test_deep_samples_are_little_endian() -> None:
    frame = FrameFormat(1, 1, "4:0:0", 10)
    assert written(frame, [(np.array([[0x0123]], np.uint16),)]) == b"\x23\x01"
    assert written(frame, [(np.array([[0x0123]], ">u2"),)]) == b"\x23\x01"


def test_planes_that_are_views_are_written_in_their_order() -> None:
    frame = FrameFormat(2, 3, "4:0:0", 8)
    assert written(frame, [(np.array([[1, 2, 3], [4, 5, 6]], np.uint8).T,)]) == bytes([1, 4, 2, 5, 3, 6])


@pytest.mark.parametrize(
    ("size", "phrase"), [((4, 4), "frame 3 is cut short: 6 of its 24 bytes"), ((90, 90), "frame 1 is cut short: 54 of")]
)
def test_a_size_that_does_not_divide_the_input(size: tuple[int, int], phrase: str) -> None:
    reader = RawReader(io.BytesIO(bytes(54)), FrameFormat(*size), source="a.yuv")
    with pytest.raises(DecodeError, match=phrase) as caught:
        list(reader)
    assert caught.value.source == "a.yuv" and "--size, --format and --depth" in str(caught.value)


def test_a_depth_that_is_too_low_shows() -> None:
    with pytest.raises(DecodeError, match="frame 2 has the value 1024, and 10 bits end at 1023"):
        list(RawReader(io.BytesIO(b"\xff\x03\x00\x04"), FrameFormat(1, 1, "4:0:0", 10), source="a.yuv"))


def test_frames_that_are_too_large_are_refused() -> None:
    with pytest.raises(UnsupportedImageError, match="limit of 2 megapixels"):
        RawReader(io.BytesIO(), FrameFormat(2001, 1000), source="a.yuv", max_pixels=2_000_000)


@pytest.mark.parametrize(("text", "size"), [("416x240", (416, 240)), ("1X1", (1, 1))])
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "416", "416x", "x240", "0x2", "2x0", "-4x2", "4*2", "4x2x1", "٤x2", "99999999x1"])
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="WIDTHxHEIGHT"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("400", ("4:0:0", None)),
        ("4:2:0", ("4:2:0", None)),
        ("422", ("4:2:2", None)),
        ("yuv444p", ("4:4:4", 8)),
        ("yuv420p10le", ("4:2:0", 10)),
        ("YUV422P12", ("4:2:2", 12)),
        ("gray", ("4:0:0", 8)),
        ("gray16le", ("4:0:0", 16)),
    ],
)
def test_formats(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_format(text) == expected


@pytest.mark.parametrize("text", ["", "411", "nv12", "p010le", "yuv420p7", "yuv420p17le", "yuva444p", "yuv420p10be"])
def test_wrong_formats(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_format(text)
    assert caught.value.hint
