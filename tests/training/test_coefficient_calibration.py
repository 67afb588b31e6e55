"""Factors on coefficients, from answers of which it is known what they should have been."""

from __future__ import annotations

import numpy as np

from enhance.codecs.jpeg.calibration import BANDS, INDEX_CLASSES, SIZES, expected, spread_out
from enhance.training.coefficient_calibration import ONES, Answers, fit

REACH = np.linspace(3, 30, 64, dtype=np.float32)


def answers(seed: int, weight: float = 1.0, slope: float = 0.5, count: int = 3000) -> Answers:
    """Answers that are too large by an amount that depends on their index and frequency, and noise around."""
    rng = np.random.default_rng(seed)
    answered = (rng.uniform(-0.9, 0.9, (count, 64)) * REACH).astype(np.float32)
    indices = rng.integers(-3, 4, (count, 64)).astype(np.int16)
    factors = slope + 0.1 * np.minimum(np.abs(indices), 2) + 0.05 * BANDS
    original = answered * factors + rng.normal(0, 0.05, answered.shape) * REACH
    return Answers(answered, original.astype(np.float32), indices, REACH, weight)


def test_the_factors_of_every_class_are_found() -> None:
    found = fit([answers(0), answers(1)])
    assert found.shape == ONES.shape and found.dtype == np.float32
    wanted = 0.5 + 0.1 * np.arange(INDEX_CLASSES)[:, None] + 0.05 * np.arange(BANDS.max() + 1)
    found = found[:, :, 6:13].mean(axis=2)  # sizes 0.15 to 0.7
    np.testing.assert_allclose(found[:, 2:], wanted[:, 2:], atol=0.01)
    np.testing.assert_allclose(found[:, :2], wanted[:, :2], atol=0.12)  # of which less is seen, and 1 is believed


def test_one_group_is_the_mean_of_all() -> None:
    found = fit([answers(0)], grouped=False)
    assert (found == found[:1, :1]).all() and 0.7 < found[0, 0, 10] < 0.85


def test_heavy_pictures_decide() -> None:
    light, heavy = answers(0, slope=0.3), answers(1, weight=1e3, slope=0.8)
    np.testing.assert_allclose(fit([light, heavy])[:, 2:, 6:13], fit([heavy])[:, 2:, 6:13], atol=0.01)


def test_what_is_not_seen_stays_as_it_is() -> None:
    assert np.array_equal(fit([]), ONES)
    found = fit([answers(0)])
    assert (found[:, :, SIZES > 1.2] == 1).all()


def test_rounded_coefficients_are_only_taken_back() -> None:
    too_small = answers(0, slope=4.0)
    assert (fit([too_small]) == 1).all()
    assert fit([too_small], bounded=False).max() == np.float32(1.3)


def test_what_is_expected_is_nearer_than_what_was_said() -> None:
    factors, new = spread_out(fit([answers(0)])[:, BANDS].transpose(1, 0, 2)), answers(7)
    found = expected(new.answered, new.indices, REACH, factors)
    before, after = (np.square(new.original - each).mean() for each in (new.answered, found))
    assert after < 0.2 * before
