"""The frame loop: same frames, same format, each with its own QP; what stands still stays still."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from skimage import data

from enhance.codecs.vvc.rate import VvcRate
from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import SUBSAMPLINGS, ColorSpace, FrameFormat, Planes, Subsampling
from enhance.frames.resize import resized
from enhance.images import DecodedImage, EnhancedImage
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint
from enhance.video.filter import FrameFilter, constant_rates, rated

SPACE = ColorSpace()
PHOTO = data.astronaut()[:200, 150:350] / 255


@pytest.fixture(scope="module")
def enhancer(tiny_vvc_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_vvc_checkpoint, device="cpu", dtype="float32")


def photo(frame: FrameFormat, space: ColorSpace = SPACE, shift: int = 0) -> Planes:
    picture = PHOTO[shift : shift + frame.height, : frame.width]
    return rgb_to_yuv(picture.mean(axis=2) if frame.subsampling == "4:0:0" else picture, frame, space)


def same(one: Planes, other: Planes) -> bool:
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def untouched(decoded: DecodedImage) -> EnhancedImage:
    return EnhancedImage(decoded.pixels.copy(), record=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_frames_keep_count_size_format_and_depth(subsampling: Subsampling, depth: int, enhancer: Enhancer) -> None:
    frame = FrameFormat(37, 23, subsampling, depth)
    frames = [photo(frame, shift=shift) for shift in range(3)]
    video = FrameFilter(partial(enhancer.run, knobs=Knobs()), frame, SPACE)
    enhanced = list(video.run(zip(frames, constant_rates(37))))
    assert len(enhanced) == 3 and video.output == frame
    for before, after in zip(frames, enhanced):
        assert tuple(plane.shape for plane in after) == frame.plane_shapes
        assert all(plane.dtype == frame.dtype and plane.max() < 2**depth for plane in after)
        assert all(not np.array_equal(a, b) for a, b in zip(before, after))


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_what_the_network_leaves_alone_stays(subsampling: Subsampling, enhancer: Enhancer) -> None:
    """Also colours that no RGB in [0, 1] has, and sharp chroma that no filter would give back."""
    frame = FrameFormat(37, 23, subsampling, 10)
    generator = np.random.default_rng(0)
    planes = tuple(generator.integers(0, 1024, shape).astype(np.uint16) for shape in frame.plane_shapes)
    video = FrameFilter(partial(enhancer.run, knobs=Knobs(strength=0)), frame, SPACE)
    assert same(video.apply(planes, VvcRate(37)), planes)


def test_the_network_sees_floats_without_an_8_bit_step(enhancer: Enhancer) -> None:
    frame = FrameFormat(64, 16, "4:4:4", 16)
    ramp = np.linspace(0.4, 0.41, 64, dtype=np.float32)[None, :, None].repeat(16, 0).repeat(3, 2)
    seen: list[DecodedImage] = []

    def enhance(decoded: DecodedImage) -> EnhancedImage:
        seen.append(decoded)
        return untouched(decoded)

    FrameFilter(enhance, frame, SPACE, source="a.y4m").apply(rgb_to_yuv(ramp, frame, SPACE), VvcRate(30), 7)
    assert seen[0].pixels.dtype == np.float32 and seen[0].pixels.shape == (16, 64, 3)
    assert np.abs(seen[0].pixels - ramp).max() < 1e-4
    assert (seen[0].rate, seen[0].source) == (VvcRate(30), "a.y4m, frame 7")


def test_a_change_arrives_in_the_planes() -> None:
    frame = FrameFormat(16, 16, "4:2:0", 8)

    def brighter(decoded: DecodedImage) -> EnhancedImage:
        return EnhancedImage(decoded.pixels + np.float32(10 / 219), record=None)  # type: ignore[arg-type]

    planes = (np.full((16, 16), 100, np.uint8), np.full((8, 8), 90, np.uint8), np.full((8, 8), 150, np.uint8))
    changed = FrameFilter(brighter, frame, SPACE).apply(planes, VvcRate(37))
    assert (changed[0] == 110).all() and same(changed[1:], planes[1:])


def test_a_still_clip_does_not_flicker(enhancer: Enhancer) -> None:
    frame = FrameFormat(64, 48, "4:2:0", 10)
    still = photo(frame)
    knobs = Knobs(mode="perceptual", steps=3, seed=5)
    video = FrameFilter(partial(enhancer.run, knobs=knobs), frame, SPACE)
    first, *others = video.run(zip([still] * 8, constant_rates(37)))
    assert len(others) == 7 and all(same(first, other) for other in others)
    # It is the seed that makes them the same, and the sample is one.
    reseeded = FrameFilter(partial(enhancer.run, knobs=Knobs(mode="perceptual", steps=3, seed=6)), frame, SPACE)
    assert not same(first, reseeded.apply(still, VvcRate(37)))


def test_each_picture_has_its_own_qp(enhancer: Enhancer) -> None:
    frame = FrameFormat(16, 16)
    asked: list[float] = []

    def enhance(decoded: DecodedImage) -> EnhancedImage:
        enhanced = enhancer.run(decoded)
        asked.append(enhanced.record.rate["qp"])
        return enhanced

    rates = [VvcRate(qp) for qp in (22, 35, 31, 35, 22)]
    frames = [photo(frame, shift=shift) for shift in (0, 9, 0, 9, 0)]
    enhanced = list(FrameFilter(enhance, frame, SPACE).run(rated(frames, iter(rates))))
    assert asked == [22, 35, 31, 35, 22]
    assert same(enhanced[1], enhanced[3]) and same(enhanced[0], enhanced[4]) and not same(enhanced[0], enhanced[2])


@pytest.mark.parametrize("depth", [8, 12])
def test_a_frame_of_another_size_is_enhanced_in_its_own(enhancer: Enhancer, depth: int) -> None:
    small, frame = FrameFormat(32, 24), FrameFormat(64, 48)
    run = partial(enhancer.run, knobs=Knobs(mode="fidelity"))
    frames = [photo(small), photo(small), photo(frame), photo(small, shift=5)]
    video = FrameFilter(run, frame, SPACE, depth=depth)
    enhanced = list(video.run(zip(frames, constant_rates(37))))
    assert all(tuple(plane.shape for plane in planes) == frame.plane_shapes for planes in enhanced)
    alone = FrameFilter(run, small, SPACE, depth=depth)
    for index in (0, 1, 3):
        own = alone.apply(frames[index], VvcRate(37, predicted=True))
        assert same(resized(own, alone.output, 64, 48, SPACE), enhanced[index])
    assert same(FrameFilter(run, frame, SPACE, depth=depth).apply(frames[2], VvcRate(37, predicted=True)), enhanced[2])


def test_rates_of_a_group_of_pictures() -> None:
    def first(qp: float, offsets: list[float], count: int = 5) -> list[float]:
        return [rate.qp for rate in itertools.islice(constant_rates(qp, offsets), count)]

    assert first(32, [0, 3, 1.5]) == [32, 35, 33.5, 32, 35]
    assert first(32, []) == [32] * 5
    assert first(62, [0, 9, -70]) == [62, 63, 0, 62, 63]
    with pytest.raises(UsageError):
        constant_rates(64)


@pytest.mark.parametrize(("before", "after"), [(8, 10), (10, 8), (10, 16), (16, 8), (12, 12)])
@pytest.mark.parametrize("full_range", [False, True])
def test_output_of_another_depth(before: int, after: int, full_range: bool) -> None:
    space = ColorSpace(full_range=full_range)
    frame = FrameFormat(32, 20, "4:2:0", before)
    planes = photo(frame, space)
    video = FrameFilter(untouched, frame, space, depth=after)
    result = video.apply(planes, VvcRate(37))
    assert video.output == FrameFormat(32, 20, "4:2:0", after)
    # As VTM writes it: a shift, rounded half up.
    for plane, expected in zip(result, planes, strict=True):
        exact = np.floor(expected.astype(float) * 2.0 ** (after - before) + (0.5 if after < before else 0))
        assert plane.dtype == video.output.dtype
        assert np.array_equal(plane, np.minimum(exact, 2**after - 1))


def test_a_deeper_output_is_rounded_once() -> None:
    frame = FrameFormat(8, 8, "4:0:0", 8)

    def a_little_brighter(decoded: DecodedImage) -> EnhancedImage:
        return EnhancedImage(decoded.pixels + np.float32(0.25 / 219), record=None)  # type: ignore[arg-type]

    planes = (np.full((8, 8), 100, np.uint8),)
    result = FrameFilter(a_little_brighter, frame, SPACE, depth=10).apply(planes, VvcRate(37))
    assert (result[0] == 401).all()


def test_nothing_runs_ahead() -> None:
    frame = FrameFormat(16, 16)
    given = 0

    def frames() -> Iterator[Planes]:
        nonlocal given
        for _ in range(10):
            given += 1
            yield photo(frame)

    for number, _ in enumerate(FrameFilter(untouched, frame, SPACE).run(zip(frames(), constant_rates(37))), 1):
        assert given == number


def test_memory_is_that_of_a_frame() -> None:
    frame = FrameFormat(64, 64, "4:2:0", 10)

    def peak(count: int) -> int:
        frames = (tuple(plane.copy() for plane in planes) for _ in range(count))
        tracemalloc.start()
        try:
            for _ in FrameFilter(untouched, frame, SPACE).run(zip(frames, constant_rates(37))):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    planes = photo(frame)
    peak(2)  # tables are made and kept
    assert peak(150) < peak(10) + 10 * frame.frame_bytes
