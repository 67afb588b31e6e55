"""The stock of squares: what comes how often, and from where."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from skimage import data

from enhance.training.sources import Kind, Shares, Source

PHOTOS = [np.asarray(data.astronaut()), np.asarray(data.chelsea())]
FROM_FILES: tuple[Kind, ...] = ("photo", "graphic")
ONLY_PHOTOS = Shares(graphics=0, drawings=0, neutral=0, varied=0)


def flat(value: int, height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), value, np.uint8)


def test_kinds_come_by_their_shares() -> None:
    rng = np.random.default_rng(0)
    source = Source(PHOTOS, PHOTOS[:1], Shares(graphics=0.2, drawings=0.1))
    drawn = Counter(source.pick(rng) for _ in range(4000))
    assert drawn["graphic"] / 4000 == pytest.approx(0.2, abs=0.03)
    assert drawn["drawing"] / 4000 == pytest.approx(0.1, abs=0.03)
    assert Counter(Source(PHOTOS).pick(rng) for _ in range(500))["graphic"] == 0, "there are none"


def test_photos_come_by_their_area_and_graphics_do_not() -> None:
    rng = np.random.default_rng(0)
    pictures = [flat(10, 64, 64), flat(200, 64, 192)]
    source = Source(pictures, [np.array(picture) for picture in pictures], ONLY_PHOTOS)
    large = {kind: np.mean([source.square(rng, kind, 32).mean() > 100 for _ in range(1500)]) for kind in FROM_FILES}
    assert large["photo"] == pytest.approx(0.75, abs=0.05)
    assert large["graphic"] == pytest.approx(0.5, abs=0.05)


def test_orientations_are_all_used() -> None:
    image = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    rng = np.random.default_rng(0)
    source = Source([image], shares=ONLY_PHOTOS)
    assert len({source.square(rng, "photo", 32).tobytes() for _ in range(100)}) == 8


def test_every_kind_gives_squares_of_the_side() -> None:
    rng = np.random.default_rng(0)
    source = Source(PHOTOS, PHOTOS)
    kinds: tuple[Kind, ...] = ("photo", "graphic", "drawing")
    for kind in kinds:
        for side in (32, 100):
            for _ in range(20):
                assert source.square(rng, kind, side).shape == (side, side, 3)


def test_a_square_larger_than_a_photo_is_as_large_as_it_is() -> None:
    rng = np.random.default_rng(0)
    source = Source([flat(9, 40, 90)], shares=ONLY_PHOTOS)
    assert source.square(rng, "photo", 64).shape == (40, 40, 3)
    assert Source([flat(9, 40, 90)], shares=Shares(drawings=1)).square(rng, "drawing", 64).shape == (64, 64, 3)


def test_blank_parts_of_graphics_are_seldom_taken() -> None:
    page = flat(255, 256, 256)
    page[:80, :80] = np.random.default_rng(0).integers(0, 256, (80, 80, 3))
    rng = np.random.default_rng(0)
    source = Source([page], [page], ONLY_PHOTOS)
    blank = {kind: np.mean([source.square(rng, kind, 64).std() < 3 for _ in range(300)]) for kind in FROM_FILES}
    assert blank["graphic"] < 0.6 * blank["photo"]


def test_neutral_squares_are_gray_or_of_one_tint() -> None:
    rng = np.random.default_rng(0)
    source = Source(PHOTOS, shares=Shares(neutral=1, drawings=0, varied=0))
    squares = [source.square(rng, "photo", 48) for _ in range(200)]
    gray = [bool((square.max(axis=2) == square.min(axis=2)).all()) for square in squares]
    assert np.mean(gray) == pytest.approx(0.85, abs=0.08)
    for square in squares:  # one tint: the other channels follow from the first
        assert len(np.unique(square.reshape(-1, 3), axis=0)) <= 256


def test_varied_photos_differ_from_the_file() -> None:
    rng = np.random.default_rng(0)
    source = Source([flat(100, 64, 64)], shares=Shares(varied=1, neutral=0))
    changed = [not np.array_equal(source.square(rng, "photo", 32), flat(100, 32, 32)) for _ in range(60)]
    assert 0.4 < np.mean(changed) < 1, "noise and tone show on a flat picture, sharpness does not"
