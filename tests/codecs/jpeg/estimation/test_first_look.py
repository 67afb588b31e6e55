"""The first look at all grids at once says of each what a look at it alone says."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from enhance.codecs.jpeg.estimation.first_look import totals_of_grids
from enhance.codecs.jpeg.estimation.grids import look_at
from enhance.codecs.jpeg.estimation.noise import LastCoding
from enhance.codecs.jpeg.estimation.samples import Sample, distinct, take_sample
from enhance.codecs.jpeg.rate import ijg_tables
from enhance.images import Pixels

GRIDS = [(top, left) for top in range(8) for left in range(8)]
STEPS = ijg_tables(85)[0].reshape(64).astype(np.int64)


def coded(pixels: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


@pytest.mark.parametrize("candidates", [np.arange(40), np.array([7])], ids=["many", "one"])
def test_all_grids_at_once_are_the_grids_one_by_one(candidates: np.ndarray) -> None:
    again = coded(coded(skimage.data.coffee()[100:260, 150:330], 20)[3:, 5:], 85)
    again[:40, :104] = np.tile(again[:8, :8], (5, 13, 1))  # blocks that are alike
    again[100:, 120:] = 255  # and some that are clipped
    sample = take_sample(again)
    variances = LastCoding(sample.luma, STEPS).variances
    together = totals_of_grids(sample, GRIDS, variances, candidates, blocks=64, frequencies=6, least=-30.0)
    for offset, total in zip(GRIDS, together, strict=True):
        alone = look_at(sample, offset, variances, candidates, 64, 6)
        assert alone is not None
        assert total == pytest.approx(alone.total, rel=1e-4, abs=1e-3)


def test_where_all_is_clipped_no_grid_tells_anything() -> None:
    sample = Sample(np.zeros((64, 64), np.float32), np.ones((64, 64), bool))
    variances = LastCoding(sample.luma, STEPS).variances
    totals = totals_of_grids(sample, GRIDS, variances, np.arange(9), blocks=64, frequencies=6, least=-30.0)
    assert (totals == -np.inf).all()


def test_where_all_blocks_are_even_no_grid_tells_anything() -> None:
    sample = Sample(np.full((64, 64), 100, np.float32), np.zeros((64, 64), bool))
    variances = LastCoding(sample.luma, STEPS).variances
    totals = totals_of_grids(sample, GRIDS, variances, np.arange(9), blocks=64, frequencies=6, least=-30.0)
    assert (totals == -np.inf).all()


def test_rows_that_are_alike_count_once_in_each_group() -> None:
    rows = np.zeros((7, 64), np.float32)
    rows[[0, 2, 3], 5] = 1.0
    rows[[1, 5], 9] = 2.0
    kept = distinct(rows, np.array([0, 0, 0, 1, 1, 1, 1]))
    assert sorted(kept[:2].tolist()) == [0, 1]
    assert sorted(kept[2:].tolist()) == [3, 5]
