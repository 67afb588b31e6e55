"""Noise belongs to places: whoever asks, in whatever pieces, gets the same values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhance.diffusion.noise import BLOCK, NoiseField

SIZE = st.integers(1, 2 * BLOCK + 5)
PLACE = st.integers(0, 3 * BLOCK)


@settings(max_examples=30)
@given(top=PLACE, left=PLACE, height=SIZE, width=SIZE, inset=st.tuples(*[st.floats(0, 1)] * 4))
def test_a_crop_of_a_crop_is_the_crop(
    top: int, left: int, height: int, width: int, inset: tuple[float, float, float, float]
) -> None:
    field = NoiseField(7)
    whole = field.crop(2, top, left, height, width)
    row, column = int(inset[0] * (height - 1)), int(inset[1] * (width - 1))
    rows, columns = 1 + int(inset[2] * (height - row - 1)), 1 + int(inset[3] * (width - column - 1))
    part = field.crop(2, top + row, left + column, rows, columns)
    assert np.array_equal(part, whole[:, row : row + rows, column : column + columns])


def test_values_are_standard_normal() -> None:
    values = NoiseField(0).crop(0, 0, 0, 512, 512).ravel().astype(np.float64)
    n = values.size
    assert abs(values.mean()) < 5 / n**0.5
    assert abs(values.var() - 1) < 5 * (2 / n) ** 0.5
    assert abs((values**3).mean()) < 5 * (15 / n) ** 0.5
    assert abs((values**4).mean() - 3) < 5 * (96 / n) ** 0.5
    assert abs(np.mean(np.abs(values) < 1) - 0.6826895) < 5 * 0.47 / n**0.5


def test_neighbours_and_channels_are_independent() -> None:
    noise = NoiseField(3).crop(1, 0, 0, 256, 256)
    pairs = [(noise[:, 1:], noise[:, :-1]), (noise[..., 1:], noise[..., :-1]), (noise[0], noise[1])]
    pairs += [(noise[:, BLOCK:], noise[:, :-BLOCK]), (noise[..., BLOCK:], noise[..., :-BLOCK])]
    for a, b in pairs:
        assert abs(np.mean(a * b)) < 5 / a.size**0.5


@pytest.mark.parametrize(("one", "other"), [((0, 0), (0, 1)), ((0, 0), (1, 0)), ((0, 1), (1, 0)), ((5, 2), (2, 5))])
def test_seeds_and_draws_are_independent(one: tuple[int, int], other: tuple[int, int]) -> None:
    a = NoiseField(one[0]).crop(one[1], 0, 0, 200, 200)
    b = NoiseField(other[0]).crop(other[1], 0, 0, 200, 200)
    assert abs(np.mean(a * b)) < 5 / a.size**0.5


def test_streams_of_neighbouring_blocks_do_not_overlap() -> None:
    field = NoiseField(4)
    one = field.crop(0, 0, 0, BLOCK, BLOCK)
    for draw, top, left in [(0, BLOCK, 0), (0, 0, BLOCK), (1, 0, 0)]:
        repeated = np.isin(field.crop(draw, top, left, BLOCK, BLOCK), one).mean()
        assert repeated < 0.01, "float32 has few enough values that some meet by chance"


def test_rows_and_columns_are_not_exchangeable() -> None:
    noise = NoiseField(0).crop(0, 0, 0, 2 * BLOCK, 2 * BLOCK)
    assert not np.array_equal(noise[:, :BLOCK, BLOCK:], noise[:, BLOCK:, :BLOCK])


def test_threads_get_the_same_values() -> None:
    field = NoiseField(2**64 - 1)
    with ThreadPoolExecutor(4) as pool:
        crops = list(pool.map(lambda _: field.crop(9, 10, 20, 100, 90), range(8)))
    assert all(np.array_equal(crop, crops[0]) for crop in crops)


def test_the_values_of_a_seed_are_those_of_before() -> None:
    """Saved samples can be made again: with another numpy, on another processor (which rounds the last place)."""
    field = NoiseField(7)
    expected = {
        (0, 0, 0): [-1.3512807, -1.1472628, -2.2365005, -1.1638912],
        (0, BLOCK, 0): [-1.1557356, 0.6501501, 0.6441013, -0.5281132],
        (5, 0, BLOCK): [-0.5661685, 0.7216323, 0.1200040, -0.2335106],
    }
    for (draw, top, left), values in expected.items():
        np.testing.assert_allclose(field.crop(draw, top + 2, left, 1, 4)[1, 0], values, atol=1e-5)


def test_blocks_that_are_kept_are_the_same_and_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = NoiseField._make_block

    def noted(field: NoiseField, *place: int) -> npt.NDArray[np.float32]:
        made.append(place)
        return make(field, *place)

    monkeypatch.setattr(NoiseField, "_make_block", noted)
    expected = NoiseField(1).crop(0, 0, 0, 70, 70)
    kept = NoiseField(1, kept_blocks=4)
    made.clear()
    for _ in range(3):
        assert np.array_equal(kept.crop(0, 0, 0, 70, 70), expected)
    assert sorted(made) == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)]
