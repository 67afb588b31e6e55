"""Tables: real ones where they are known, and others that stay near the quality that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from enhance.codecs.jpeg.rate import JpegRate, ijg_tables
from enhance.training.degradation.encode import has_mozjpeg
from enhance.training.degradation.tables import (
    custom_rate,
    editor_tables,
    mozjpeg_tables,
    ones_rate,
    rescaled_rate,
    scaled_base,
)


def test_custom_tables_are_valid_and_seldom_a_quality_factors() -> None:
    rng = np.random.default_rng(0)
    rates = [custom_rate(rng, int(rng.integers(3, 99))) for _ in range(400)]
    assert all(table.min() >= 1 and table.max() <= 255 for rate in rates for table in (rate.luma, rate.chroma))
    assert np.mean([rate.custom for rate in rates]) > 0.9, "flat and extreme ones may happen to be IJG's"


def test_custom_tables_follow_the_quality() -> None:
    rng = np.random.default_rng(0)
    coarse, fine = (np.mean([custom_rate(rng, quality).quality for _ in range(200)]) for quality in (10, 90))
    assert coarse < 30 < 70 < fine


def test_ones_are_in_luma_in_chroma_or_in_both() -> None:
    rng = np.random.default_rng(0)
    seen = {(rate.luma.max() == 1, rate.chroma.max() == 1) for rate in (ones_rate(rng, 97) for _ in range(50))}
    assert seen == {(True, False), (False, True), (True, True)}


def test_the_editors_levels_are_in_order() -> None:
    means = editor_tables().mean(axis=(1, 2, 3))
    assert len(means) == 9 and means[0] > 50 and means[-1] < 3
    assert editor_tables().shape[1:] == (2, 8, 8)


def test_mozjpeg_has_nine_tables_the_first_of_them_the_standards() -> None:
    if not has_mozjpeg():
        pytest.skip("jpeglib has no mozjpeg here")
    tables = mozjpeg_tables()
    assert tables is not None and tables.shape == (9, 2, 8, 8)
    assert np.array_equal(tables[0], np.stack(ijg_tables(50)))
    assert (tables[1] == 16).all(), "its second table is flat (jcparam.c, std_luminance_quant_tbl)"


@pytest.mark.parametrize("quality", [3, 30, 50, 75, 98])
def test_base_tables_are_scaled_as_libjpeg_does(quality: int) -> None:
    base = np.stack(ijg_tables(50))
    assert np.array_equal(np.clip(scaled_base(base, quality), 1, 255), np.stack(ijg_tables(quality)))


def test_scaling_moves_noise_to_other_frequencies() -> None:
    rate = JpegRate.from_quality(20)
    assert np.array_equal(rescaled_rate(rate, 1.0).luma, rate.luma)
    half = rescaled_rate(rate, 0.5)
    assert half.luma[0, 6] == round(rate.luma[0, 3] / 2), "coefficient 3 is coefficient 6 at half the size"
    assert half.quality > rate.quality
