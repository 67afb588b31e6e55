"""Recipes: original and decoded picture show the same place, and the record says what was done."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

from enhance.codecs.jpeg_rate import JpegRate
from enhance.training.degradation.encode import encode_jpeg
from enhance.training.degradation.recipes import CodedOnce, JpegCoding, SavedAgain, ScaledBetween

PHOTO = np.ascontiguousarray(data.astronaut()[:320, :320])
CROP = np.ascontiguousarray(PHOTO[:96, :96])
COARSE, FINE = JpegRate.from_quality(15), JpegRate.from_quality(90)


def error(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    return float(np.sqrt(np.mean((one.astype(float) - other) ** 2)))


def test_coded_once() -> None:
    coding = JpegCoding(COARSE, "4:2:2")
    coded = CodedOnce(coding)(CROP, 96)
    assert np.array_equal(coded.original, CROP)
    assert np.array_equal(coded.decoded, encode_jpeg(CROP, COARSE, "4:2:2"))
    assert coded.coding is coding and coded.last is None


def test_gray_files_are_to_give_back_a_gray_original() -> None:
    coded = CodedOnce(JpegCoding(JpegRate.from_tables(COARSE.luma), "gray"))(CROP, 96)
    for picture in (coded.original, coded.decoded):
        assert np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 0], picture[..., 2])
    assert np.array_equal(coded.original[..., 0], np.asarray(Image.fromarray(CROP).convert("L")))


def test_the_stronger_of_two_codings_is_told_first() -> None:
    weaker_last = SavedAgain(JpegCoding(COARSE), JpegCoding(FINE, offset=(3, 5)))(CROP, 96)
    assert weaker_last.coding.rate is COARSE and weaker_last.coding.offset == (0, 0)
    assert weaker_last.last is not None and weaker_last.last.rate is FINE and weaker_last.last.offset == (3, 5)
    stronger_last = SavedAgain(JpegCoding(FINE, offset=(3, 5)), JpegCoding(COARSE))(CROP, 96)
    assert stronger_last.coding.rate is COARSE and stronger_last.last is None


def test_saving_again_keeps_the_first_damage() -> None:
    once = encode_jpeg(CROP, COARSE)
    again = SavedAgain(JpegCoding(COARSE), JpegCoding(FINE, offset=(3, 5)))(CROP, 96)
    assert error(again.decoded, once) < 0.4 * error(once, CROP)


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.0, 1.6])
def test_scaling_in_between_gives_the_side_that_was_asked_for(scale: float) -> None:
    recipe = ScaledBetween(JpegCoding(COARSE), JpegCoding(FINE), scale, Image.Resampling.BICUBIC)
    taken = PHOTO[: math.ceil(96 * recipe.reach), : math.ceil(96 * recipe.reach)]
    coded = recipe(taken, 96)
    assert coded.original.shape == coded.decoded.shape == (96, 96, 3)
    assert coded.scale == pytest.approx(scale, abs=0.01)
    expected = np.asarray(Image.fromarray(taken).resize((96, 96), Image.Resampling.BICUBIC))
    assert np.array_equal(coded.original, expected)
    assert 1 < error(coded.decoded, coded.original) < 15


def test_scaling_takes_what_there_is_of_a_small_picture() -> None:
    coded = ScaledBetween(JpegCoding(COARSE), JpegCoding(FINE), 0.5, Image.Resampling.BOX)(PHOTO[:120, :120], 96)
    assert coded.decoded.shape == (96, 96, 3) and coded.scale == pytest.approx(0.8)


def test_what_is_told_of_a_scaled_picture_is_as_strong_as_its_damage() -> None:
    """Halving the picture removes half of the noise: the table that is told leaves about as much as there is."""
    coded = ScaledBetween(JpegCoding(COARSE, "4:4:4"), JpegCoding(FINE, "4:4:4"), 0.5, Image.Resampling.LANCZOS)(
        PHOTO[:192, :192], 96
    )
    assert COARSE.quality < coded.coding.rate.quality < FINE.quality
    as_told = error(encode_jpeg(coded.original, coded.coding.rate, "4:4:4"), coded.original)
    assert as_told == pytest.approx(error(coded.decoded, coded.original), rel=0.35)
