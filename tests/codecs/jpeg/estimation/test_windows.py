"""A first look at all shifted grids at once names the right one, and mostly none where there was no earlier coding."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from enhance.codecs.jpeg.estimation.noise import LastCoding
from enhance.codecs.jpeg.estimation.samples import Sample, take_sample
from enhance.codecs.jpeg.estimation.tables import all_tables
from enhance.codecs.jpeg.estimation.windows import grids_worth_a_look
from enhance.codecs.jpeg.rate import ijg_tables
from enhance.images import Pixels

COFFEE: Pixels = skimage.data.coffee()[100:356, 150:406]


def coded(pixels: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def grids(sample: Sample, quality: int = 85) -> list[tuple[int, int]]:
    steps = ijg_tables(quality)[0].reshape(64).astype(np.int64)
    coarser = np.flatnonzero(np.log2(all_tables().luma / steps).mean(axis=1) > 0.5)
    return grids_worth_a_look(sample, LastCoding(sample.luma, steps), coarser)


@pytest.mark.parametrize("cut", [(0, 1), (3, 5), (7, 0), (4, 4)])
@pytest.mark.parametrize("first", [5, 20, 40])
def test_the_grid_of_an_earlier_coding_comes_first(first: int, cut: tuple[int, int]) -> None:
    pixels = coded(coded(COFFEE, first)[cut[0] :, cut[1] :], 85)
    assert grids(take_sample(pixels))[0] == (-cut[0] % 8, -cut[1] % 8)


def test_what_is_clipped_does_not_hide_it() -> None:
    """Half the picture is white, and every second pixel of a quarter: the windows are taken from what is left."""
    pixels = coded(COFFEE, 20)[3:, 5:]
    again = coded(pixels, 85)
    again[:124] = 255
    again[124:190, ::2] = 0
    assert grids(take_sample(again))[0] == (5, 3)


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("picture", [COFFEE, skimage.data.astronaut()[:256, 120:376]], ids=["coffee", "astronaut"])
def test_what_was_coded_once_is_worth_no_look(picture: Pixels, quality: int) -> None:
    assert grids(take_sample(coded(picture, quality)), quality) == []


@pytest.mark.parametrize("shape", [(16, 16), (8, 40), (64, 64)])
def test_where_all_is_clipped_or_even_there_is_nothing_to_see(shape: tuple[int, int]) -> None:
    assert grids(Sample(np.zeros(shape, np.float32), np.ones(shape, bool))) == []
    assert grids(Sample(np.full(shape, 100, np.float32), np.zeros(shape, bool))) == []
