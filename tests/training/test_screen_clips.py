"""Recordings of screens: the same from the same chance, still but for what is scrolled, typed, covered, pointed at."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from enhance.training.degradation import Uint8
from enhance.training.screen_clips import Pictures, draw_screen_clip, draw_typing

SIDE, FRAMES = 64, 12


def checks(side: int) -> Uint8:
    """A picture with no two rows or columns alike."""
    return np.random.default_rng(7).integers(0, 256, (side, side, 3), np.uint8)


def clip(seed: int, pictures: Pictures | None = None) -> Uint8:
    shown = pictures or Pictures(checks, data.astronaut)
    return draw_screen_clip(np.random.default_rng(seed), shown, frames=FRAMES, side=SIDE)


def test_shape_and_chance() -> None:
    one = clip(1)
    assert one.shape == (FRAMES, SIDE, SIDE, 3) and one.dtype == np.uint8
    assert np.array_equal(one, clip(1)) and not np.array_equal(one, clip(2))


def test_most_of_a_screen_stands_still_and_something_happens_on_most() -> None:
    changes = [(np.diff(clip(seed).astype(int), axis=0) != 0).any(axis=3) for seed in range(60)]
    still = np.array([change.mean(axis=(1, 2)) for change in changes])
    assert np.mean(still < 0.2) > 0.5, "frames of which most is as before"
    assert np.mean([change.any() for change in changes]) > 0.8
    assert (still.max(axis=1) > 0.9).any(), "some are scrolled or cut"


def test_what_is_scrolled_moves_by_whole_pixels() -> None:
    """Where everything changes without a cut, the next frame holds the rows of the one before, elsewhere."""
    found = 0
    for seed in range(60):
        for before, after in zip(frames := clip(seed), frames[1:]):
            for way in range(1, 25):
                for axis in (0, 1):
                    one, other = (np.moveaxis(it, axis, 0) for it in (before, after))
                    found += np.array_equal(one[way:], other[:-way]) or np.array_equal(one[:-way], other[way:])
    assert found >= 10


def test_a_text_that_is_typed_comes_letter_by_letter() -> None:
    """What has come stays, what has not is ground, and nothing changes outside of the box."""
    page = np.full((SIDE, SIDE, 3), 250, np.uint8)
    page[3::8, 1::2] = 0
    steps = []
    for seed in range(10):
        change = draw_typing(np.random.default_rng(seed), page, (0, 0), 20, SIDE)
        shown = [page.copy() for _ in range(200)]
        for number, picture in enumerate(shown):
            change(picture, number)
        inked = [int((picture == 0).sum()) for picture in shown]
        assert inked == sorted(inked)
        steps.append(len(set(inked)))
        assert np.array_equal(shown[-1], page), "in the end all of it is there"
        assert all(((picture == page) | (picture == 250)).all() for picture in shown)
    assert np.median(steps) >= 3


@pytest.mark.parametrize("size", [(20, 64), (64, 20), (9, 9)])
def test_small_pictures_are_carried_on(size: tuple[int, int]) -> None:
    small = Pictures(lambda _: np.full((*size, 3), 90, np.uint8), data.astronaut)
    for seed in range(5):
        assert np.median(clip(seed, small)) == 90
