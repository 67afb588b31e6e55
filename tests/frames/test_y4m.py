"""y4m: what goes in comes out, as ffmpeg and VTM write it, and damaged streams give one clear line."""

from __future__ import annotations

import io
import subprocess
import tracemalloc

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhance.errors import DecodeError, UnsupportedImageError, UsageError
from enhance.frames.format import (
    CHROMA_LOCATIONS,
    MAX_DEPTH,
    MIN_DEPTH,
    SUBSAMPLINGS,
    ColorSpace,
    FrameFormat,
    Planes,
    Subsampling,
)
from enhance.frames.y4m import MAX_LINE, Y4MHeader, Y4MReader, read_y4m, write_frame, write_header

FORMATS = st.builds(
    FrameFormat,
    width=st.integers(1, 37),
    height=st.integers(1, 37),
    subsampling=st.sampled_from(SUBSAMPLINGS),
    depth=st.integers(MIN_DEPTH, MAX_DEPTH),
)
SPACES = st.builds(ColorSpace, full_range=st.booleans(), chroma_location=st.sampled_from(CHROMA_LOCATIONS))
WORDS = st.lists(
    st.text(st.characters(codec="latin-1", exclude_characters=" \n"), min_size=1).map(lambda text: "X" + text)
).filter(lambda words: not any(word.startswith("XCOLORRANGE=") for word in words))


def random_planes(frame: FrameFormat, seed: int = 0) -> Planes:
    generator = np.random.default_rng(seed)
    return tuple(generator.integers(0, 2**frame.depth, shape).astype(frame.dtype) for shape in frame.plane_shapes)


def written(header: Y4MHeader, frames: list[Planes]) -> bytes:
    stream = io.BytesIO()
    write_header(stream, header)
    for planes in frames:
        write_frame(stream, header, planes)
    return stream.getvalue()


def opened(content: bytes) -> Y4MReader:
    return read_y4m(io.BytesIO(content), source="a.y4m")


@given(frame=FORMATS, space=SPACES, words=WORDS, count=st.integers(0, 3))
def test_round_trip(frame: FrameFormat, space: ColorSpace, words: list[str], count: int) -> None:
    header = Y4MHeader.of(frame, space, frame_rate=(30000, 1001))
    header = Y4MHeader((*header.parameters, *words), frame)
    frames = [random_planes(frame, seed) for seed in range(count)]
    reader = opened(written(header, frames))
    assert reader.header == header and reader.header.line() == header.line()
    assert (reader.frame, reader.header.full_range) == (frame, space.full_range)
    named = frame.subsampling == "4:2:0" and frame.depth == 8 and space.chroma_location in ("left", "center", "topleft")
    assert reader.header.chroma_location == (space.chroma_location if named else None)
    for planes, expected in zip(reader, frames, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(planes, expected, strict=True))
        assert all(plane.dtype == frame.dtype for plane in planes)


@pytest.mark.parametrize(
    ("tag", "subsampling", "depth", "location"),
    [
        (None, "4:2:0", 8, None),
        ("420", "4:2:0", 8, None),
        ("420jpeg", "4:2:0", 8, "center"),
        ("420mpeg2", "4:2:0", 8, "left"),
        ("420paldv", "4:2:0", 8, "topleft"),
        ("420p10", "4:2:0", 10, None),
        ("422", "4:2:2", 8, None),
        ("422p12", "4:2:2", 12, None),
        ("444p16", "4:4:4", 16, None),
        ("mono", "4:0:0", 8, None),
        ("mono10", "4:0:0", 10, None),
        ("monop12", "4:0:0", 12, None),  # VTM until version 20
    ],
)
def test_tags(tag: str | None, subsampling: str, depth: int, location: str | None) -> None:
    line = b"YUV4MPEG2 W6 H4" + (b" C" + tag.encode() if tag else b"") + b"\n"
    header = opened(line).header
    assert (header.frame, header.chroma_location) == (FrameFormat(6, 4, subsampling, depth), location)  # type: ignore[arg-type]
    assert header.full_range is None and header.line() == line


def test_a_header_without_c_may_say_the_format_in_the_old_way() -> None:
    assert opened(b"YUV4MPEG2 W6 H4 XYSCSS=444P10\n").frame == FrameFormat(6, 4, "4:4:4", 10)


def test_interlaced_frames_are_told() -> None:
    assert opened(b"YUV4MPEG2 W6 H4 Ip\n").header.notes == ()
    assert "progressive" in opened(b"YUV4MPEG2 W6 H4 It\n").header.notes[0]


def test_parameters_of_frames_are_passed_over() -> None:
    reader = opened(b"YUV4MPEG2 W2 H1 Cmono\nFRAME Ixyz Xwhat\n\1\2FRAME\n\3\4")
    assert [planes[0].tolist() for planes in reader] == [[[1, 2]], [[3, 4]]]


@pytest.mark.parametrize(
    ("pixel_format", "subsampling", "depth"),
    [
        ("gray", "4:0:0", 8),
        ("gray10le", "4:0:0", 10),
        ("yuv420p", "4:2:0", 8),
        ("yuv420p10le", "4:2:0", 10),
        ("yuv422p12le", "4:2:2", 12),
        ("yuv444p", "4:4:4", 8),
        ("yuv444p16le", "4:4:4", 16),
    ],
)
def test_ffmpeg_writes_what_is_read_and_reads_what_is_written(
    pixel_format: str, subsampling: Subsampling, depth: int
) -> None:
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5,scale=35:19", "-frames:v", "2", "-pix_fmt", pixel_format]
    y4m = ["-strict", "-1", "-f", "yuv4mpegpipe", "-"]
    content = subprocess.run([*ffmpeg, *source, *y4m], capture_output=True, check=True).stdout
    reader = opened(content)
    frames = list(reader)
    assert reader.frame == FrameFormat(35, 19, subsampling, depth) and len(frames) == 2
    assert written(reader.header, frames) == content
    # A header of our own: ffmpeg finds the same samples under it.
    own = Y4MHeader.of(reader.frame, ColorSpace(full_range=bool(reader.header.full_range)))
    back = [*ffmpeg, "-i", "-", "-f", "rawvideo", "-pix_fmt", pixel_format, "-"]
    raw = subprocess.run(back, input=written(own, frames), capture_output=True, check=True).stdout
    assert raw == b"".join(reader.frame.pack(planes) for planes in frames)


SIZE = b"YUV4MPEG2 W4 H2"


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (b"", "empty"),
        (b"\0\0\0\1garbage", "not a y4m header"),
        (b"YUV4MPEG3 W4 H2\n", "not a y4m header"),
        (b"YUV4MPEG2 W4 H", "cut short"),
        (b"YUV4MPEG2 H2\n", "no width"),
        (b"YUV4MPEG2 W4\n", "no height"),
        (b"YUV4MPEG2 W0 H2\n", "width of '0'"),
        (b"YUV4MPEG2 W-4 H2\n", "width of '-4'"),
        (b"YUV4MPEG2 W4 H2.5\n", "height of '2.5'"),
        (b"YUV4MPEG2 W4 H2 W5\n", "two parameters W"),
        (b"YUV4MPEG2 W4 H2" + b" Xabcdefg" * 1000 + b"\n", "longer than 4096"),
        (SIZE + b" Cmono\nFRAME\n12345678FRAME\n123", "frame 2 is cut short: 3 of its 8 bytes"),
        (SIZE + b" Cmono\nFRAME\n12345678FRAME\n", "frame 2 is cut short: 0 of its 8 bytes"),
        (SIZE + b" Cmono\nFRAME\n12345678FRA", "line before frame 2 is cut short"),
        (SIZE + b" Cmono\n12345678", "FRAME is missing before frame 1"),
        (SIZE + b" Cmono\nFRAME\n12345678\nFRAME\n12345678", "FRAME is missing before frame 2"),
        (SIZE + b" Cmono\nFRAMES\n12345678", "FRAME is missing before frame 1"),
        (SIZE + b" Cmono\nFRAME X" + b"y" * MAX_LINE, "line before frame 1 is longer"),
        (SIZE + b" Cmono10\nFRAME\n" + b"\0\4" * 8, "frame 1 has the value 1024, and 10 bits end at 1023"),
    ],
)
def test_damaged_streams(content: bytes, phrase: str) -> None:
    with pytest.raises(DecodeError, match=phrase) as caught:
        list(opened(content))
    assert caught.value.source == "a.y4m" and caught.value.hint and "\n" not in str(caught.value)


@pytest.mark.parametrize("tag", ["411", "444alpha", "420p7", "420p17", "422jpeg", "440", "mono99", "monochrome", "p10"])
def test_formats_that_are_not_handled(tag: str) -> None:
    with pytest.raises(UnsupportedImageError) as caught:
        opened(b"YUV4MPEG2 W4 H2 C" + tag.encode() + b"\n")
    assert caught.value.hint


def test_frames_before_damage_are_given() -> None:
    frames = iter(opened(SIZE + b" Cmono\nFRAME\n12345678FRAME\n123"))
    assert next(frames)[0].tobytes() == b"12345678"
    with pytest.raises(DecodeError):
        next(frames)


def test_a_header_that_promises_too_much_takes_no_memory() -> None:
    with pytest.raises(UnsupportedImageError, match="limit of 1000 megapixels"):
        opened(b"YUV4MPEG2 W999999999 H999999999 C444p16\n")
    with pytest.raises(UnsupportedImageError, match="limit of 1 megapixels"):
        read_y4m(io.BytesIO(b"YUV4MPEG2 W1001 H1000\n"), source="a.y4m", max_pixels=10**6)


def test_a_stream_that_comes_in_pieces() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 3))

    frame = FrameFormat(5, 3, "4:2:0", 12)
    header, planes = Y4MHeader.of(frame, ColorSpace()), random_planes(frame)
    reader = read_y4m(Dripping(written(header, [planes])), source="a.y4m")
    assert [frame.pack(found) for found in reader] == [frame.pack(planes)]


def test_a_closed_stream_is_a_clear_error() -> None:
    stream = io.BytesIO(written(Y4MHeader.of(FrameFormat(4, 4), ColorSpace()), []))
    reader = read_y4m(stream, source="a.y4m")
    stream.close()
    with pytest.raises(DecodeError, match="cannot be read"):
        list(reader)


def test_planes_of_another_layout_are_not_written() -> None:
    frame = FrameFormat(4, 4)
    with pytest.raises(UsageError, match="not a 4:2:0 frame"):
        write_frame(io.BytesIO(), Y4MHeader.of(frame, ColorSpace()), random_planes(FrameFormat(4, 4, "4:4:4")))


def test_reading_takes_the_memory_of_a_frame() -> None:
    frame = FrameFormat(64, 64)
    header = Y4MHeader.of(frame, ColorSpace())
    stream = io.BytesIO(written(header, [random_planes(frame)] * 200))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_y4m(stream, source="a.y4m"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 200 and peak < 8 * frame.frame_bytes + 50_000


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_cause_another_error(tail: bytes, keep: int) -> None:
    start = b"YUV4MPEG2 W4 H2 F25:1 Ip A1:1 Cmono XCOLORRANGE=FULL\nFRAME\n"[:keep]
    try:
        frames = list(opened(start + tail))
    except (DecodeError, UnsupportedImageError):
        return
    assert all(planes for planes in frames)
