"""The evidence for quantiser steps: for the right one, against wrong ones, and silent where nothing can be told."""

from __future__ import annotations

import numpy as np
import pytest

from enhance.codecs.jpeg.estimation.lattice import NOISE, evidence, evidence_with_any_noise
from enhance.codecs.jpeg.estimation.samples import Values


def coefficients(step: int, noise: float, count: int = 2000) -> Values:
    """[count, 1]: Laplacian, quantised, and disturbed."""
    rng = np.random.default_rng(step)
    original = rng.laplace(0, 3 * step, (count, 1))
    return np.asarray(np.rint(original / step) * step + rng.normal(0, noise, (count, 1)), np.float32)


@pytest.mark.parametrize("step", [5, 11, 40, 99])
@pytest.mark.parametrize("share", [0.06, 0.15, 0.25])
def test_the_right_step_has_the_largest_evidence(step: int, share: float) -> None:
    noise = min(max(share * step, float(NOISE[0])), float(NOISE[-1]))
    values = coefficients(step, noise)
    assert int(np.argmax(evidence(values, np.full_like(values, noise**2))[0])) == step
    if noise >= NOISE[1]:
        assert abs(int(np.argmax(evidence_with_any_noise(values)[0])) - step) <= 1


def test_few_blocks_are_looked_up_and_many_are_counted_with_one_result() -> None:
    values = coefficients(20, 1.0, 400)
    variances = np.ones_like(values)
    together = evidence(values, variances)
    parts = evidence(values[:200], variances[:200]) + evidence(values[200:], variances[200:])
    assert together[0, 20] == pytest.approx(parts[0, 20], rel=1e-4)


def test_smooth_values_speak_against_every_step_that_noise_does_not_hide() -> None:
    values = np.random.default_rng(0).laplace(0, 60, (4000, 1)).astype(np.float32)
    found = evidence(values, np.full_like(values, NOISE[0] ** 2))[0]
    assert (found[4:120] < 0).all()


def test_zeros_speak_for_no_step() -> None:
    values = np.random.default_rng(0).normal(0, 0.3, (500, 3)).astype(np.float32)
    assert evidence(values, np.full_like(values, NOISE[0] ** 2)).max() <= 0


def test_much_noise_is_no_evidence() -> None:
    values = coefficients(8, 6.0)
    assert not evidence(values, np.full_like(values, 36.0))[0, 8].any()
