"""Recipes: original and decoded picture show the same place, and the record says what was done."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
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


def test_the_network_is_told_what_a_decoder_reads() -> None:
    picture = PHOTO[:48, :64]
    quality = 40
    options_of: dict[str, dict[str, Any]] = {
        "4:2:0": {"subsampling": "4:2:0"}, "4:2:2": {"subsampling": "4:2:2"}, "4:4:4": {"subsampling": "4:4:4"},
        "gray": {}, "rgb": {"keep_rgb": True},
    }  # fmt: skip
    for name, options in options_of.items():
        file = io.BytesIO()
        image = Image.fromarray(picture).convert("L" if name == "gray" else "RGB")
        image.save(file, "JPEG", quality=quality, **options)
        rate = JpegRate.from_quality(quality)
        coding = JpegCoding(rate, "4:4:4" if name == "rgb" else name, is_rgb=name == "rgb")
        if name in ("gray", "rgb"):
            coding = replace(coding, rate=JpegRate.from_tables(rate.luma))
        told, read = coding.told, decode(file.getvalue()).rate
        assert np.array_equal(told.conditioning(), read.conditioning()), name


def test_where_the_older_grid_lies_is_told_as_seen_from_the_file() -> None:
    picture = np.ascontiguousarray(PHOTO[:64, :64])
    weak, strong = (JpegCoding(JpegRate.from_quality(quality)) for quality in (90, 20))
    told = SavedAgain(strong, replace(weak, offset=(3, 5)))(picture, 64).rate
    assert told.level == 20 and told.later is not None
    # The file's own grid begins 3 rows and 5 columns before the crop does, and the damage's with the crop.
    assert told.later.offset == (13, 11) and told.later.rate.level == 90
    assert SavedAgain(weak, strong)(picture, 64).rate.later is None
