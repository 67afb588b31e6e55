"""Tile plans cover every pixel once, keep the grid, stay within the budget, and padding works from 1x1 on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhance.inference.tiling import MIN_TILE, Box, TilePlan, crop_padded, padded, padding_index

SIDE = st.integers(1, 700)


def _check(plan: TilePlan, height: int, width: int) -> None:
    whole = (padded(height, 16), padded(width, 16))
    covered = np.zeros(whole, int)
    for core, window in plan:
        covered[core.slices] += 1
        assert not any(side % 16 for side in (*core, *window))
        for edge, at, limit in zip(window, core, (0, 0, *whole), strict=True):
            assert abs(edge - at) == plan.halo or edge == limit
        assert window.height <= plan.max_window.height
        assert window.width <= plan.max_window.width
    assert (covered == 1).all()
    assert plan.pixels == sum(window.height * window.width for _, window in plan)


@settings(max_examples=60)
@given(height=SIDE, width=SIDE, tile=st.integers(0, 300), radius=st.integers(0, 200))
def test_tiles_cover_the_padded_picture_once(height: int, width: int, tile: int, radius: int) -> None:
    plan = TilePlan.with_tiles(height, width, tile, radius, 16)
    _check(plan, height, width)
    assert plan.halo >= radius
    assert all(max(core.height, core.width) <= padded(tile, 16) for core, _ in plan) or tile == 0
    smaller = plan.smaller()
    while smaller is not None:
        assert smaller.max_window.height <= plan.max_window.height
        plan, smaller = smaller, smaller.smaller()
    assert plan.tile <= MIN_TILE
    _check(plan, height, width)


@settings(max_examples=60)
@given(height=SIDE, width=SIDE, max_pixels=st.integers(1, 400_000), radius=st.integers(0, 100))
def test_windows_stay_within_the_budget(height: int, width: int, max_pixels: int, radius: int) -> None:
    plan = TilePlan.within(height, width, lambda h, w: h * w <= max_pixels, radius, 16)
    _check(plan, height, width)
    fits = plan.max_window.height * plan.max_window.width <= max_pixels
    assert fits or max(core.height for core, _ in plan) <= MIN_TILE


def test_a_picture_that_fits_is_one_piece() -> None:
    assert TilePlan.within(500, 700, lambda h, w: True, 180, 16).tile == 0
    assert TilePlan.with_tiles(500, 700, 0, 180, 16).tile == 0
    assert len(list(TilePlan.with_tiles(500, 700, 0, 180, 16))) == 1


def test_large_pictures_are_computed_with_little_overhead() -> None:
    plan = TilePlan.within(8333, 12000, lambda h, w: h * w <= 8_000_000, 180, 16)
    assert plan.pixels < 1.45 * 8333 * 12000


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, [0] * 16), (2, [0, 1] + [0] * 14), (4, [0, 1, 2, 3, 2, 1] + [0] * 10), (14, [*range(14), 12, 11])],
)
def test_padding_reflects_then_repeats(length: int, expected: list[int]) -> None:
    assert padding_index(0, 16, length).tolist() == expected


@settings(max_examples=40)
@given(height=st.integers(1, 40), width=st.integers(1, 40), rest=st.sampled_from([(), (3,)]))
def test_a_window_of_the_padded_picture_is_that_window(height: int, width: int, rest: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, *rest)).astype(np.uint8)
    bottom, right = padded(height, 16), padded(width, 16)
    whole = crop_padded(pixels, Box(0, 0, bottom, right))
    assert whole.dtype == np.uint8
    assert np.array_equal(whole[:height, :width], pixels)
    corner = Box(bottom - 16, right - 16, bottom, right)
    assert np.array_equal(crop_padded(pixels, corner), whole[corner.slices])
