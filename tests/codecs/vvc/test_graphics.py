"""Letters, lines and drawings are left nearly alone; photos are not touched by that."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from skimage import data

from enhance.codecs.vvc.graphics import belief
from enhance.codecs.vvc.rate import VvcRate
from enhance.enhancer import Enhancer
from enhance.frames.blocks import to_pixels
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import SUBSAMPLINGS, ColorSpace, FrameFormat, Planes, Subsampling
from enhance.images import DecodedImage, Pixels
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint
from enhance.video.filter import FrameFilter

SPACE = ColorSpace()
WIDTH, HEIGHT = 150, 90


def page() -> Pixels:
    """Words in black on white, uint8 [HEIGHT, WIDTH, 3]."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for row in range(0, HEIGHT, 14):
        ImageDraw.Draw(picture).text((4, row), "even ground, and words on it", fill="black")
    return np.asarray(picture)


def photo() -> Pixels:
    return np.asarray(data.chelsea()[:HEIGHT, 100 : 100 + WIDTH])


def frame_of(picture: Pixels, frame: FrameFormat) -> Planes:
    values = picture[: frame.height, : frame.width] / np.float32(255)
    return rgb_to_yuv(values.mean(axis=2) if frame.subsampling == "4:0:0" else values, frame, SPACE)


def noisy(picture: Pixels, amount: float) -> Pixels:
    """With what coding at high QPs leaves: no sample equals its neighbour any more."""
    noise = np.random.default_rng(0).normal(0, amount, picture.shape[:2])[..., None]
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_a_photo_is_believed_and_a_page_is_not() -> None:
    assert belief(photo()).mean() > 0.99
    assert belief(page()).mean() < 0.1 and belief(page()).shape == (12, 19)
    assert belief(page()).dtype == np.float32


def test_two_tones_tell_of_a_page_where_the_ground_is_not_even() -> None:
    assert belief(noisy(page(), 5)).mean() < 0.5
    assert belief(noisy(photo(), 5)).mean() > 0.99


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_whole_photos_are_believed(name: str) -> None:
    assert belief(getattr(data, name)()).mean() > 0.9


def test_even_ground_without_anything_on_it_is_believed() -> None:
    """A sky has steps to be mended; only beside something sharp is the ground that of a drawing."""
    sky = (np.linspace(100, 105, 64)[None] + np.zeros((64, 1))).astype(np.uint8)
    assert (belief(sky) == 1).all()
    sky[:, 40:] = 230
    found = belief(sky)
    assert (found[:, 4:6] < 0.1).all() and (found[:, :3] == 1).all()


def test_kinds_of_pixels_say_the_same() -> None:
    for picture in (page(), photo()):
        expected = belief(picture)
        assert np.abs(belief(picture / np.float32(255)) - expected).max() < 0.02
        assert np.abs(belief(picture.astype(np.uint16) * 257) - expected).max() < 0.02
        gray = picture[..., 0]
        assert np.abs(belief(gray) - belief(np.repeat(gray[..., None], 3, axis=2))).max() < 0.02


def test_bands_say_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = belief(page()), belief(photo())
    monkeypatch.setattr("enhance.frames.depth._BAND_PIXELS", 16 * WIDTH)
    assert np.array_equal(belief(page()), whole[0]) and np.array_equal(belief(photo()), whole[1])


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (17, 9)])
def test_small_pictures(size: tuple[int, int]) -> None:
    assert (belief(np.full(size, 200, np.uint8)) == 1).all()


def changes(enhancer: Enhancer, picture: Pixels, *, guard: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    base = picture / np.float32(255)
    knobs = Knobs(mode="fidelity", guard=guard)
    return np.asarray(enhancer.run(DecodedImage(base, VvcRate(37)), knobs, depth=32).pixels - base)


@pytest.fixture
def enhancer(tiny_vvc_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_vvc_checkpoint, device="cpu", dtype="float32")


def test_corrections_of_a_still_are_held_back_where_it_is_a_page(enhancer: Enhancer) -> None:
    held, free = (changes(enhancer, page(), guard=guard) for guard in (True, False))
    assert 0 < np.square(held).mean() < 0.1 * np.square(free).mean()
    weights = to_pixels(belief(page()), HEIGHT, WIDTH)[..., None]
    inside = (np.abs(page() / 255 + free - 0.5) < 0.49) & (weights < 1)
    assert held[inside] == pytest.approx((weights * free)[inside], abs=1e-5)
    assert np.array_equal(changes(enhancer, photo(), guard=True), changes(enhancer, photo(), guard=False))


def test_the_record_says_how_much_was_held_back(enhancer: Enhancer) -> None:
    held = enhancer.run(DecodedImage(page(), VvcRate(37)))
    assert held.weights is not None and np.array_equal(held.weights, belief(page()))
    assert held.record.withheld == pytest.approx(1 - belief(page()).mean())
    assert enhancer.run(DecodedImage(page(), VvcRate(37)), Knobs(guard=False)).weights is None


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_a_batch_are_held_back_alike(enhancer: Enhancer, channels: int) -> None:
    pictures = [page()[..., :channels], photo()[..., :channels]]
    values = np.stack(pictures).transpose(0, 3, 1, 2) / np.float32(255)
    batch, _ = enhancer.run_batch(torch.from_numpy(values), [VvcRate(37)] * 2, Knobs(mode="fidelity"))
    for image, value in zip(batch.numpy(), values):
        alone = DecodedImage(np.ascontiguousarray(value.transpose(1, 2, 0).squeeze()), VvcRate(37))
        expected = enhancer.run(alone, Knobs(mode="fidelity")).pixels.reshape(HEIGHT, WIDTH, channels)
        assert np.abs(image.transpose(1, 2, 0) - expected).max() < 1e-4


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_corrections_of_a_frame_are_held_back_where_it_is_a_page(subsampling: Subsampling, enhancer: Enhancer) -> None:
    frame, rate = FrameFormat(91, 58, subsampling, 10), VvcRate(37, predicted=True)
    guarded, plain = (
        FrameFilter(partial(enhancer.run, knobs=Knobs(mode="fidelity", guard=guard)), frame, SPACE)
        for guard in (True, False)
    )
    for held, free in zip(guarded.correct(frame_of(page(), frame), rate), plain.correct(frame_of(page(), frame), rate)):
        assert np.abs(held).max() > 0 and np.square(held).mean() < 0.1 * np.square(free).mean()
    seen = frame_of(photo(), frame)
    for held, free in zip(guarded.correct(seen, rate), plain.correct(seen, rate)):
        assert np.array_equal(held, free)
