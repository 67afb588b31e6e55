"""Means, gains and their intervals against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from enhance.evaluation.measuring.measurement import BASELINE, Key, Measurement
from enhance.evaluation.reporting.summary import Spread, summarize

Measure = Callable[..., list[Measurement]]


def test_means_and_gains_against_hand_computed_values(two_pictures: Measure) -> None:
    baseline, enhanced = summarize(two_pictures())
    assert baseline.means["psnr"].mean == 25.0 and baseline.means["lpips_alex"].mean == 0.4
    assert (baseline.gains, enhanced.images, enhanced.seconds) == ({}, 2, 2.0)
    gain = enhanced.gains["psnr"]
    assert (gain.mean, gain.std, gain.least) == (2.0, 1.0, 1.0)
    gain = enhanced.gains["lpips_alex"]
    assert (gain.mean, gain.std, gain.least) == pytest.approx((0.0, 0.1, -0.1))


def test_gains_are_over_the_pictures_that_both_have(two_pictures: Measure) -> None:
    """A peer that failed on the first picture is compared with the decoded picture of the second alone."""
    found = [one for one in two_pictures() if one.key[2:] != ("a", "x")]
    assert summarize(found)[1].gains["psnr"].mean == 3.0
    alone = [one for one in found if one.key.setting == "x"]
    assert summarize(alone)[0].gains == {}


def test_the_interval_of_many_values_is_that_of_the_central_limit() -> None:
    values = np.random.default_rng(0).standard_normal(400) + 7
    spread = Spread.of(values.tolist())
    half = 1.96 * values.std() / 20
    assert (spread.low, spread.mean, spread.high) == pytest.approx(
        (values.mean() - half, values.mean(), values.mean() + half), abs=0.01
    )


def test_the_interval_of_two_values_by_hand() -> None:
    """Resamples of {0, 1} have the means 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4."""
    assert (Spread.of([0, 1]).low, Spread.of([0, 1]).high) == (0, 1)
    one = Spread.of([3.0])
    assert (one.mean, one.low, one.high, one.std) == (3, 3, 3, 0)


def test_pairing_makes_gains_surer_than_means() -> None:
    """Pictures differ by 10 dB, but each gains about 1 dB."""
    rng = np.random.default_rng(0)
    found = []
    for index, base in enumerate(rng.uniform(25, 35, 30)):
        for setting, value in ((BASELINE, base), ("x", base + 1 + 0.1 * rng.standard_normal())):
            found.append(Measurement(Key("jpeg", 10, str(index), setting), 1, 0, {"psnr": value}))
    summary = summarize(found)[1]
    mean, gain = summary.means["psnr"], summary.gains["psnr"]
    assert gain.high - gain.low < 0.1 < 1 < mean.high - mean.low
    assert gain.low < 1 < gain.high


def test_a_perfect_picture_has_no_finite_gain() -> None:
    found = [Measurement(Key("jpeg", 100, "a", setting), 1, 0, {"psnr": math.inf}) for setting in (BASELINE, "x")]
    enhanced = summarize(found)[1]
    assert enhanced.means["psnr"].mean == math.inf and math.isnan(enhanced.means["psnr"].low)
    assert math.isnan(enhanced.gains["psnr"].mean)


def test_order_and_the_latest_of_two_measurements(two_pictures: Measure) -> None:
    later = [
        Measurement(one.key, 0.5, 0, {"psnr": 50.0, "lpips_alex": 0.1}) for one in two_pictures() if one.key[3] == "x"
    ]
    found = summarize([*two_pictures(level=40), *two_pictures(), *two_pictures("vvc", 20), *later])
    assert [(one.codec, one.level, one.setting) for one in found] == [
        (*place, setting) for place in [("jpeg", 10), ("jpeg", 40), ("vvc", 20)] for setting in (BASELINE, "x")
    ]
    assert found[1].means["psnr"].mean == 50


def test_distances_between_sets(two_pictures: Measure) -> None:
    def distances(keys: object) -> dict[str, float]:
        assert isinstance(keys, list)
        return {"fd_alex": 4.0 if keys[0].setting == BASELINE else 3.0}

    baseline, enhanced = summarize(two_pictures(), distances)
    assert baseline.means["fd_alex"].mean == 4 and "fd_alex" not in baseline.gains
    assert enhanced.means["fd_alex"].mean == 3 and enhanced.gains["fd_alex"].mean == 1
    assert math.isnan(enhanced.gains["fd_alex"].low)
