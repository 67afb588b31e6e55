"""Variants of photos keep the picture and change what their names say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from skimage import data

from enhance.training.photo_variants import VARIANTS, Uint8, dark, film_grain, sensor_noise, sharpened, soft, vary

PHOTO = np.ascontiguousarray(np.asarray(data.astronaut())[:128, :160])
FLAT = np.full((96, 96, 3), 128, np.uint8)
Variant = Callable[[Uint8, np.random.Generator], Uint8]


def detail(picture: Uint8) -> float:
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_a_variant_is_a_new_picture_of_the_same_scene(variant: Variant) -> None:
    rng = np.random.default_rng(0)
    before = PHOTO.copy()
    for _ in range(10):
        picture = variant(PHOTO, rng)
        assert picture.shape == PHOTO.shape and picture.dtype == np.uint8
        assert np.corrcoef(picture.reshape(-1), PHOTO.reshape(-1))[0, 1] > 0.6
    assert np.array_equal(PHOTO, before)


def test_sensor_noise_has_no_bias_and_grows_with_the_light() -> None:
    rng = np.random.default_rng(0)
    noise = {}
    for value in (20, 200):
        noisy = np.stack([sensor_noise(np.full_like(FLAT, value), rng) for _ in range(40)]).astype(float)
        assert noisy.mean() == pytest.approx(value, abs=0.4)
        noise[value] = noisy.std()
    assert noise[200] > 1.5 * noise[20]


def test_grain_is_mostly_without_colour() -> None:
    rng = np.random.default_rng(0)
    grainy = np.stack([film_grain(FLAT, rng) for _ in range(20)]).astype(float) - 128
    assert grainy.mean(axis=-1).std() > 2 * (grainy[..., 0] - grainy[..., 2]).std() / 2


def test_dark_is_darker_soft_is_softer_sharp_is_sharper() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert dark(PHOTO, rng).mean() < 0.75 * PHOTO.mean()
        assert detail(soft(PHOTO, rng)) < detail(PHOTO) < detail(sharpened(PHOTO, rng))


def test_vary_draws_all_of_them() -> None:
    one, other = (vary(PHOTO, np.random.default_rng(seed)) for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert np.array_equal(one, vary(PHOTO, np.random.default_rng(1)))
