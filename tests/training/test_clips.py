"""Clips drawn from photos: the size that is asked for, the same from the same chance, still where a camera stands."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from enhance.training.clips import Layer, Motion, Scene, draw_clip
from enhance.training.degradation import Uint8

PHOTOS: list[Uint8] = [data.astronaut(), data.coffee(), data.chelsea()]


def clip(seed: int, frames: int = 6) -> Uint8:
    return draw_clip(np.random.default_rng(seed), PHOTOS, frames=frames, height=48, width=64)


def test_shape_and_chance() -> None:
    one = clip(1)
    assert one.shape == (6, 48, 64, 3) and one.dtype == np.uint8
    assert np.array_equal(one, clip(1)) and not np.array_equal(one, clip(2))


def test_clips_are_of_all_kinds() -> None:
    """Of forty some stand still somewhere, some move everywhere, and some change at once."""
    changes = [np.abs(np.diff(clip(seed).astype(int), axis=0)).max(axis=3) for seed in range(40)]
    still = [float((change == 0).mean()) for change in changes]
    assert sum(share > 0.5 for share in still) >= 5 and sum(share < 0.2 for share in still) >= 5
    jumps = [float(change.mean(axis=(1, 2)).max()) for change in changes]
    assert max(jumps) > 30 and min(jumps) < 3


def test_a_window_that_moves_shows_what_lies_there() -> None:
    photo = data.astronaut()
    motion = Motion((256.0, 200.0), velocity=(3.0, -2.0))
    scene = Scene((Layer(Image.fromarray(photo), motion),), is_blurred=False)
    for number in (0, 1, 7):
        left, top = 256 + 3 * number - 32, 200 - 2 * number - 24
        assert np.array_equal(scene.frame(number, 48, 64), photo[top : top + 48, left : left + 64])


def test_a_zoom_keeps_the_middle_and_a_blur_mixes_times() -> None:
    picture = Image.fromarray(data.astronaut())
    zoomed = Scene((Layer(picture, Motion((256.0, 256.0), zoom=1.05)),), is_blurred=False)
    first, later = zoomed.frame(0, 65, 65), zoomed.frame(8, 65, 65)
    assert np.abs(first[32, 32] - later[32, 32]).max() < 16 and np.abs(first - later).mean() > 5
    pan = Motion((256.0, 256.0), velocity=(6.0, 0.0))
    sharp, blurred = (Scene((Layer(picture, pan),), is_blurred=it).frame(3, 64, 64) for it in (False, True))
    assert np.abs(np.diff(blurred, axis=1)).mean() < np.abs(np.diff(sharp, axis=1)).mean()


@pytest.mark.parametrize("size", [(8, 90), (90, 8), (30, 30)])
def test_small_photos_are_carried_on(size: tuple[int, int]) -> None:
    photo = np.full((*size, 3), 100, np.uint8)
    for seed in range(5):
        drawn = draw_clip(np.random.default_rng(seed), [photo], frames=3, height=64, width=96)
        assert drawn.shape == (3, 64, 96, 3) and (np.median(drawn, axis=(1, 2)) > 20).all()
