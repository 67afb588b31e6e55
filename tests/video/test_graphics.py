"""Letters and lines on even ground are left nearly alone; photos are not touched by that."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from enhance.codecs.vvc.rate import VvcRate
from enhance.enhancer import Enhancer
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import SUBSAMPLINGS, ColorSpace, FrameFormat, Planes, Subsampling
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint
from enhance.video.filter import FrameFilter
from enhance.video.graphics import belief

SPACE = ColorSpace()


def page(frame: FrameFormat) -> Planes:
    """Words in black on white."""
    picture = Image.new("RGB", (frame.width, frame.height), "white")
    for row in range(0, frame.height, 14):
        ImageDraw.Draw(picture).text((4, row), "even ground, and words on it", fill="black")
    values = np.asarray(picture, np.float32) / 255
    return rgb_to_yuv(values.mean(axis=2) if frame.subsampling == "4:0:0" else values, frame, SPACE)


def photo(frame: FrameFormat) -> Planes:
    values = data.astronaut()[: frame.height, 150 : 150 + frame.width] / np.float32(255)
    return rgb_to_yuv(values.mean(axis=2) if frame.subsampling == "4:0:0" else values, frame, SPACE)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_a_photo_is_believed_and_a_page_is_not(depth: int) -> None:
    frame = FrameFormat(150, 90, "4:2:0", depth)
    assert belief(photo(frame)[0], depth).mean() > 0.99
    assert belief(page(frame)[0], depth).mean() < 0.1 and belief(page(frame)[0], depth).shape == (12, 19)


def test_even_ground_without_anything_on_it_is_believed() -> None:
    """A sky has steps to be mended; only beside something sharp is the ground that of a drawing."""
    sky = (np.linspace(400, 420, 64)[None] + np.zeros((64, 1))).astype(np.uint16)
    assert (belief(sky, 10) == 1).all()
    sky[:, 40:] = 900
    found = belief(sky, 10)
    assert (found[:, 4:6] < 0.1).all() and (found[:, :3] == 1).all()


def test_depths_say_the_same() -> None:
    luma = page(FrameFormat(96, 72, "4:0:0", 8))[0]
    assert np.array_equal(belief(luma, 8), belief(luma.astype(np.uint16) << 4, 12))


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (17, 9)])
def test_small_pictures(size: tuple[int, int]) -> None:
    assert (belief(np.full(size, 200, np.uint8), 8) == 1).all()


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_corrections_are_held_back_where_a_frame_is_a_page(
    subsampling: Subsampling, tiny_vvc_checkpoint: Checkpoint
) -> None:
    run = partial(Enhancer(tiny_vvc_checkpoint, device="cpu", dtype="float32").run, knobs=Knobs(mode="fidelity"))
    frame, rate = FrameFormat(91, 58, subsampling, 10), VvcRate(37, predicted=True)
    guarded, plain = (FrameFilter(run, frame, SPACE, guard=guard) for guard in (True, False))
    for held, free in zip(guarded.correct(page(frame), rate), plain.correct(page(frame), rate)):
        assert np.abs(held).max() > 0 and (np.abs(held) <= np.abs(free)).all()
        assert np.square(held).mean() < 0.1 * np.square(free).mean()
    for held, free in zip(guarded.correct(photo(frame), rate), plain.correct(photo(frame), rate)):
        assert np.array_equal(held, free)
