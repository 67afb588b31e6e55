"""Measurements of two pictures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enhance.evaluation.measuring.measurement import BASELINE, Key, Measurement


@pytest.fixture
def two_pictures() -> Callable[..., list[Measurement]]:
    """Measurements of the pictures "a" and "b", decoded and under the setting "x"; called with a codec and a level."""
    values = {
        ("a", BASELINE): (30.0, 0.3),
        ("a", "x"): (31.0, 0.2),
        ("b", BASELINE): (20.0, 0.5),
        ("b", "x"): (23.0, 0.6),
    }

    def measured(codec: str = "jpeg", level: int = 10) -> list[Measurement]:
        return [
            Measurement(
                Key(codec, level, image, setting),
                0.5,
                2.0 * (setting != BASELINE),
                {"psnr": decibels, "lpips_alex": lpips},
            )
            for (image, setting), (decibels, lpips) in values.items()
        ]

    return measured
