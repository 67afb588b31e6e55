"""s(q) and τ(q) measure what they say."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from enhance.training.calibration import calibrate, calibrate_jpeg


def test_scale_and_threshold_of_a_known_residual() -> None:
    rng = np.random.default_rng(0)
    sigma = {1.0: 12.0, 2.0: 3.0}
    scale, threshold = calibrate((level, rng.normal(0, sigma[level] / 127.5, (64, 64, 24))) for level in sigma)
    for level, deviation in sigma.items():
        assert scale(level) == pytest.approx(deviation / 127.5, rel=0.02)
        assert threshold(level) == pytest.approx(3.29, rel=0.05), "99.9 % of |N(0, 1)| are below 3.29"


def test_jpeg_residuals_shrink_with_quality_and_are_heavy_tailed() -> None:
    photos = [np.ascontiguousarray(image[:128, :128]) for image in (data.astronaut(), data.coffee(), data.chelsea())]
    scale, threshold = calibrate_jpeg(photos, progress=False)
    assert list(scale.values) == sorted(scale.values, reverse=True)
    assert all(3.29 < value < 20 for value in threshold.values[:15])
