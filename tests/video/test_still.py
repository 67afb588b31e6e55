"""What stands still in the input stands still in the output: the same samples, the same correction."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from skimage import data

from enhance.codecs.vvc.decoder import open_vvc
from enhance.codecs.vvc.encoding import ClipCoding, encode_clip
from enhance.codecs.vvc.rate import VvcRate
from enhance.enhancer import Enhancer
from enhance.frames.blocks import BLOCK
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import SUBSAMPLINGS, ColorSpace, FrameFormat, Planes, Subsampling
from enhance.images import DecodedImage, EnhancedImage
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint
from enhance.video.filter import FrameFilter, Threads
from enhance.video.still import StillCorrections, is_same

SPACE = ColorSpace()
PHOTO = data.astronaut()


@pytest.fixture(scope="module")
def enhancer(tiny_vvc_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_vvc_checkpoint, device="cpu", dtype="float32")


def scene(frame: FrameFormat, place: int) -> Planes:
    """A square that moves over a photo; its place in the planes is a multiple of 8 samples, so that sampling is too."""
    picture = PHOTO[100 : 100 + frame.height, 150 : 150 + frame.width] / np.float32(255)
    planes = rgb_to_yuv(picture.mean(axis=2) if frame.subsampling == "4:0:0" else picture, frame, SPACE)
    for index, plane in enumerate(planes):
        down, across = frame.chroma_step if index else (1, 1)
        plane[16 // down : 32 // down, place // across : (place + 16) // across] = 2 ** (frame.depth - 1)
    return planes


def differing(one: Planes, other: Planes, frame: FrameFormat) -> np.ndarray:
    """Which blocks differ in any sample."""
    shape = (-(-frame.height // BLOCK), -(-frame.width // BLOCK))
    found = np.zeros(shape, bool)
    for index, (a, b) in enumerate(zip(one, other)):
        down, across = frame.chroma_step if index else (1, 1)
        rows, columns = np.nonzero(a != b)
        found[rows * down // BLOCK, columns * across // BLOCK] = True
    return found


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_a_moving_object_leaves_the_background_alone(
    subsampling: Subsampling, threads: int, enhancer: Enhancer
) -> None:
    """Whatever the rates of the frames, and although a network sees the object from afar."""
    frame = FrameFormat(91, 51, subsampling, 10)
    frames = [scene(frame, 16 * step) for step in range(4)]
    rates = [VvcRate(qp) for qp in (30, 44, 30, 38)]
    video = FrameFilter(partial(enhancer.run, knobs=Knobs()), frame, SPACE, threads=Threads(threads))
    enhanced = list(video.run(zip(frames, rates)))
    alone = [video.apply(*rated) for rated in zip(frames, rates)]
    assert all(differing(alone[0], other, frame).mean() > 0.9 for other in alone[1:]), "it would not stand still alone"
    for (before, now), (last, next) in zip(zip(frames, frames[1:]), zip(enhanced, enhanced[1:])):
        moved, changed = differing(before, now, frame), differing(last, next, frame)
        assert 0 < moved.sum() <= 8 and not (changed & ~moved).any()
        assert (changed & moved).any()


def test_a_still_clip_costs_one_evaluation(enhancer: Enhancer) -> None:
    frame = FrameFormat(64, 48)
    asked = 0

    def enhance(decoded: DecodedImage) -> EnhancedImage:
        nonlocal asked
        asked += 1
        return enhancer.run(decoded)

    still = scene(frame, 0)
    frames = [tuple(plane.copy() for plane in still) for _ in range(6)]
    first, *others = FrameFilter(enhance, frame, SPACE).run(zip(frames, map(VvcRate, range(20, 50, 5))))
    assert asked == 1 and all(is_same(first, other) for other in others)


def test_corrections_are_kept_as_long_as_nothing_changes() -> None:
    frame = FrameFormat(16, 16, "4:0:0")
    still = StillCorrections(frame)
    planes = (np.zeros((16, 16), np.uint8),)
    other = (planes[0].copy(),)
    other[0][15, 15] = 1
    for value, seen, expected in ((1.0, planes, 1.0), (2.0, planes, 1.0), (3.0, other, 1.0), (4.0, other, 1.0)):
        settled = still.settle(seen, (np.full((16, 16), value, np.float32),))
        assert (settled[0][:8] == expected).all()
    assert (settled[0][8:, 8:] == 3.0).all(), "that block changed with the third picture, and not since"


def test_a_picture_of_another_size_keeps_nothing() -> None:
    still = StillCorrections(FrameFormat(16, 16, "4:2:0"))
    for value, frame in ((1.0, FrameFormat(16, 16)), (2.0, FrameFormat(24, 8)), (3.0, FrameFormat(24, 8))):
        planes = tuple(np.zeros(shape, np.uint8) for shape in frame.plane_shapes)
        settled = still.settle(planes, tuple(np.full(shape, value, np.float32) for shape in frame.plane_shapes))
        assert all((offsets == min(value, 2.0)).all() for offsets in settled)


@pytest.mark.parametrize("low_delay", [False, True])
def test_a_coded_clip_of_a_still_scene(low_delay: bool, enhancer: Enhancer) -> None:
    """Blocks that a decoder gives out as they were are as they were, whatever type of picture they are in."""
    picture = PHOTO[100:196, 150:278]
    stream = encode_clip([picture] * 9, ClipCoding(32, low_delay=low_delay))
    with open_vvc(stream, decoder="ffmpeg") as opened:
        frame, rated = opened.frame, [(decoded.planes, decoded.rate) for decoded in opened]
    enhanced = list(FrameFilter(partial(enhancer.run, knobs=Knobs()), frame, SPACE).run(rated))
    unchanged = 0
    for (before, now), (last, next) in zip(zip(rated, rated[1:]), zip(enhanced, enhanced[1:])):
        moved = differing(before[0], now[0], frame)
        unchanged += int((~moved).sum())
        assert not (differing(last, next, frame) & ~moved).any()
    assert unchanged > 100
