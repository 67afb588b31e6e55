"""YCbCr to RGB and back: exact where it can be, known colours, and where chroma lies."""

from __future__ import annotations

import subprocess
from typing import Any

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from enhance.errors import UsageError
from enhance.frames.colour import add_rgb_change, rgb_to_yuv, yuv_to_rgb
from enhance.frames.format import (
    CHROMA_LOCATIONS,
    MATRICES,
    SUBSAMPLINGS,
    ChromaLocation,
    ColorSpace,
    FrameFormat,
    Planes,
)

DEPTHS = st.sampled_from([8, 10, 12, 16])
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
SPACES = st.builds(
    ColorSpace,
    matrix=st.sampled_from(MATRICES),
    full_range=st.booleans(),
    chroma_location=st.sampled_from(CHROMA_LOCATIONS),
)
SEEDS = st.integers(0, 10**6)


def random_planes(frame: FrameFormat, seed: int) -> Planes:
    generator = np.random.default_rng(seed)
    planes = [generator.integers(0, 2**frame.depth, shape).astype(frame.dtype) for shape in frame.plane_shapes]
    for plane in planes:  # the ends of the range, too
        plane[0, 0] = generator.choice([0, 2**frame.depth - 1])
    return tuple(planes)


def same(one: Planes, other: Planes) -> bool:
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def greatest_difference(one: Planes, other: Planes) -> int:
    return max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(one, other, strict=True))


@settings(max_examples=150)
@given(size=SIZES, subsampling=st.sampled_from(["4:4:4", "4:0:0"]), depth=DEPTHS, space=SPACES, seed=SEEDS)
def test_full_chroma_round_trip_is_exact(
    size: tuple[int, int], subsampling: Any, depth: int, space: ColorSpace, seed: int
) -> None:
    """Any code values, also those that no RGB in [0, 1] has."""
    frame = FrameFormat(*size, subsampling, depth)
    planes = random_planes(frame, seed)
    rgb = yuv_to_rgb(planes, frame, space)
    assert rgb.dtype == np.float32
    assert rgb.shape == (frame.height, frame.width) + (() if subsampling == "4:0:0" else (3,))
    assert same(rgb_to_yuv(rgb, frame, space), planes)


@settings(max_examples=150)
@given(size=SIZES, subsampling=st.sampled_from(SUBSAMPLINGS), depth=st.integers(8, 16), space=SPACES, seed=SEEDS)
def test_no_change_changes_nothing(
    size: tuple[int, int], subsampling: Any, depth: int, space: ColorSpace, seed: int
) -> None:
    if space.matrix == "gbr":
        subsampling = "4:4:4"
    frame = FrameFormat(*size, subsampling, depth)
    planes = random_planes(frame, seed)
    change = np.zeros((frame.height, frame.width) + (() if subsampling == "4:0:0" else (3,)), np.float32)
    assert same(add_rgb_change(planes, change, frame, space), planes)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2"])
@pytest.mark.parametrize("location", CHROMA_LOCATIONS)
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_smooth_chroma_survives_subsampling(subsampling: Any, location: ChromaLocation, size: tuple[int, int]) -> None:
    frame, space = FrameFormat(*size, subsampling, 10), ColorSpace(chroma_location=location)
    planes = rgb_to_yuv(smooth_picture(*size), frame, space)
    back = rgb_to_yuv(yuv_to_rgb(planes, frame, space), frame, space)
    assert np.array_equal(planes[0], back[0])
    inner = tuple(plane[6:-6, 6:-6] for plane in planes), tuple(plane[6:-6, 6:-6] for plane in back)
    assert greatest_difference(*inner) <= 1
    assert greatest_difference(planes, back) <= 12  # the edge is repeated, not continued


def smooth_picture(width: int, height: int) -> npt.NDArray[np.float64]:
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(columns / 9 + phase) * np.cos(rows / 11 - phase) for phase in (0.0, 1.0, 2.0)]
    return 0.5 + 0.3 * np.stack(waves, axis=2)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
@pytest.mark.parametrize("location", CHROMA_LOCATIONS)
def test_a_smooth_change_arrives(subsampling: Any, location: ChromaLocation) -> None:
    frame, space = FrameFormat(64, 48, subsampling, 12), ColorSpace("bt2020", chroma_location=location)
    planes = rgb_to_yuv(smooth_picture(64, 48), frame, space)
    change = 0.1 * (smooth_picture(64, 48)[..., ::-1] - 0.5)
    changed = yuv_to_rgb(add_rgb_change(planes, change, frame, space), frame, space)
    found = changed - yuv_to_rgb(planes, frame, space)
    assert np.abs(found - change)[6:-6, 6:-6].max() < 3 / 4096


def test_a_change_beyond_the_range_is_clipped() -> None:
    frame = FrameFormat(4, 4, "4:4:4", 8)
    planes = random_planes(frame, 0)
    for amount, luma in ((10.0, 255), (-10.0, 0)):
        result = add_rgb_change(planes, np.full((4, 4, 3), amount), frame, ColorSpace())
        assert (result[0] == luma).all()
        assert same(result[1:], planes[1:])  # gray has no chroma


RED, GREEN, BLUE, WHITE, BLACK = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0, 0, 0)


@pytest.mark.parametrize(
    ("space", "depth", "rgb", "expected"),
    [
        (ColorSpace("bt709"), 8, RED, (63, 102, 240)),
        (ColorSpace("bt709"), 8, GREEN, (173, 42, 26)),
        (ColorSpace("bt709"), 8, BLUE, (32, 240, 118)),
        (ColorSpace("bt709"), 8, WHITE, (235, 128, 128)),
        (ColorSpace("bt709"), 10, BLACK, (64, 512, 512)),
        (ColorSpace("bt709", full_range=True), 8, RED, (54, 99, 255)),
        (ColorSpace("bt709"), 10, RED, (250, 409, 960)),
        (ColorSpace("bt601"), 8, RED, (81, 90, 240)),
        (ColorSpace("bt601"), 8, GREEN, (145, 54, 34)),
        (ColorSpace("bt601"), 8, BLUE, (41, 240, 110)),
        (ColorSpace("bt601", full_range=True), 8, RED, (76, 85, 255)),
        (ColorSpace("bt601", full_range=True), 8, WHITE, (255, 128, 128)),
        (ColorSpace("bt2020"), 10, RED, (294, 387, 960)),
        (ColorSpace("bt2020"), 12, WHITE, (3760, 2048, 2048)),
        (ColorSpace("bt2020"), 16, WHITE, (60160, 32768, 32768)),
        (ColorSpace("gbr", full_range=True), 8, RED, (0, 0, 255)),
        (ColorSpace("gbr", full_range=True), 8, GREEN, (255, 0, 0)),
        (ColorSpace("gbr"), 10, BLUE, (64, 940, 64)),
    ],
)
def test_known_colours(space: ColorSpace, depth: int, rgb: tuple[int, ...], expected: tuple[int, ...]) -> None:
    frame = FrameFormat(3, 2, "4:4:4", depth)
    picture = np.broadcast_to(np.array(rgb, np.float32), (2, 3, 3))
    planes = rgb_to_yuv(picture, frame, space)
    assert tuple(int(plane[1, 1]) for plane in planes) == expected
    # Half a code value of Y, Cb and Cr is at most this much of R, G and B.
    assert np.abs(yuv_to_rgb(planes, frame, space) - picture).max() < 2 / 2**depth * 2


@pytest.mark.parametrize(("full_range", "white"), [(False, 940), (True, 1023)])
def test_gray(full_range: bool, white: int) -> None:
    frame, space = FrameFormat(2, 1, "4:0:0", 10), ColorSpace(full_range=full_range)
    assert rgb_to_yuv(np.array([[1.0, 2.0]]), frame, space)[0].tolist() == [[white, 1023]]


@pytest.mark.parametrize("location", CHROMA_LOCATIONS)
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2"])
def test_chroma_lies_where_ffmpeg_sees_it(location: ChromaLocation, subsampling: Any) -> None:
    """The same frame, converted here and by ffmpeg's scaler with a location, agrees best for the same location."""
    picture = data.astronaut()[:200, 100:300].astype(np.float32) / 255
    frame = FrameFormat(200, 200, subsampling, 16)
    planes = rgb_to_yuv(picture, frame, ColorSpace(chroma_location=location))
    expected = ffmpeg_rgb(frame.pack(planes), f"yuv{subsampling.replace(':', '')}p16le", location)
    inner = (slice(8, -8), slice(8, -8))

    def distance(name: ChromaLocation) -> npt.NDArray[np.float64]:
        converted = np.clip(yuv_to_rgb(planes, frame, ColorSpace(chroma_location=name)), 0, 1)  # as ffmpeg does
        return 255 * np.abs(converted - expected)[inner]

    assert distance(location).mean() < 0.02 and distance(location).max() < 1
    others = [name for name in CHROMA_LOCATIONS if not same_place(name, location, subsampling)]
    assert all(distance(name).mean() > 0.3 for name in others)


def same_place(one: str, other: str, subsampling: str) -> bool:
    columns = [name in ("center", "top", "bottom") for name in (one, other)]
    return one == other or (subsampling == "4:2:2" and columns[0] == columns[1])


def ffmpeg_rgb(raw: bytes, pixel_format: str, location: str) -> npt.NDArray[np.float64]:
    video = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", "200x200", "-i", "-"]
    colour = f"in_color_matrix=bt709:in_range=tv:in_chroma_loc={location}"
    scale = f"scale={colour}:flags=lanczos+accurate_rnd+full_chroma_int,format=gbrp16le"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *video, "-vf", scale, "-f", "rawvideo", "-"]
    done = subprocess.run(command, input=raw, capture_output=True, check=True)
    # White is 255 * 256 in the scaler's 16-bit RGB.
    green, blue, red = np.frombuffer(done.stdout, "<u2").reshape(3, 200, 200) / 65280
    return np.stack([red, green, blue], axis=2)


def test_what_does_not_fit_is_refused() -> None:
    frame = FrameFormat(4, 4)
    planes = random_planes(frame, 0)
    with pytest.raises(UsageError, match="are not a 4:2:0 frame"):
        yuv_to_rgb(planes[:1], frame, ColorSpace())
    with pytest.raises(UsageError, match="are not a 4:2:0 frame"):
        add_rgb_change(random_planes(FrameFormat(4, 6), 0), np.zeros((4, 4, 3)), frame, ColorSpace())
    with pytest.raises(UsageError, match="does not make a 4:2:0 frame"):
        rgb_to_yuv(np.zeros((4, 4)), frame, ColorSpace())
    with pytest.raises(UsageError, match="gbr"):
        yuv_to_rgb(planes, frame, ColorSpace("gbr"))
