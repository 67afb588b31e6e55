"""Files of mozjpeg: known by their tables, and their intervals believed only where the answer keeps to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from enhance import Enhancer
from enhance.codecs.jpeg.consistency import JpegConsistency
from enhance.codecs.jpeg.mozjpeg import is_of_mozjpeg, robidoux_table
from enhance.codecs.jpeg.rate import JpegRate, ijg_tables
from enhance.codecs.registry import decode
from enhance.evaluation.metrics.distortion import psnr
from enhance.images import DecodedImage
from enhance.knobs import Knobs
from enhance.training.degradation.encode import encode_file, has_mozjpeg
from enhance.training.degradation.tables import mozjpeg_tables, scaled_base

Array = npt.NDArray[Any]

needs_mozjpeg = pytest.mark.skipif(not has_mozjpeg(), reason="jpeglib has no mozjpeg here")


def stripes(width: int = 11) -> Array:
    rows, columns = np.mgrid[:128, :128]
    ink = ((rows + columns) // width % 2).astype(np.uint8)
    return np.repeat(255 * ink[..., None], 3, axis=2)


def photo() -> Array:
    return np.ascontiguousarray(skimage.data.astronaut()[:160, 120:280])


def coded(pixels: Array, quality: int) -> DecodedImage:
    table = robidoux_table(quality)
    return decode(encode_file(pixels, JpegRate.from_tables(table, table), trellis=True))


def consistency(decoded: DecodedImage) -> JpegConsistency:
    assert isinstance(decoded.consistency, JpegConsistency)
    return decoded.consistency


@needs_mozjpeg
@pytest.mark.parametrize("quality", [4, 7, 20, 49, 50, 75, 99])
def test_its_tables_are_known_and_no_others(quality: int) -> None:
    bases = mozjpeg_tables()
    assert bases is not None
    written = np.clip(scaled_base(bases[3], quality), 1, 255).astype(np.float32)
    np.testing.assert_array_equal(written[0], robidoux_table(quality))
    assert is_of_mozjpeg(written[0])
    for table in (*ijg_tables(quality), np.ones((8, 8)), np.clip(scaled_base(bases[2], quality), 1, 255)[0]):
        assert not is_of_mozjpeg(np.asarray(table, np.float32))


def test_even_tables_are_anybodys() -> None:
    for step in (1, 255):
        assert not is_of_mozjpeg(np.full((8, 8), step, np.float32))


def test_tables_of_16_bits_are_known() -> None:
    assert is_of_mozjpeg(robidoux_table(5, 32767).astype(np.float32)) and robidoux_table(5, 32767).max() > 255


@needs_mozjpeg
def test_a_file_says_that_its_coefficients_were_chosen() -> None:
    assert not consistency(coded(photo(), 60)).layout.is_rounded
    assert consistency(decode(encode_file(photo(), JpegRate.from_quality(60)))).layout.is_rounded


@needs_mozjpeg
@pytest.mark.parametrize("mode", ["fidelity", "perceptual"])
def test_stripes_gain_where_their_intervals_do_not_hold(mode: Any) -> None:
    original, enhancer = stripes(), Enhancer(threads=1)
    decoded = coded(original, 40)
    inside = consistency(decoded).quantised_coefficients(original.astype(np.float32))[0]
    assert (inside != consistency(decoded).coefficients()[0]).mean() > 0.02  # the encoder did choose
    result = enhancer.run(decoded, Knobs(mode=mode))
    assert psnr(original, result.pixels) > psnr(original, decoded.pixels) + 1.5
    assert result.record.withheld == 0 and result.record.settled == 0


@needs_mozjpeg
def test_photos_keep_to_their_intervals_nearly_as_those_of_other_encoders() -> None:
    enhancer, decoded = Enhancer(threads=1), coded(photo(), 95)
    results = [enhancer.run(decoded, Knobs(mode="fidelity", consistent=each), depth=32) for each in (True, False)]
    own = consistency(decoded).coefficients()[0]
    outside = [
        (consistency(decoded).quantised_coefficients(255 * result.pixels)[0] != own).mean() for result in results
    ]
    assert outside[0] < outside[1] / 3
    original = photo()
    gains = [psnr(original, result.pixels * 255) for result in results]
    assert gains[0] > gains[1] > psnr(original, decoded.pixels)


@needs_mozjpeg
@pytest.mark.parametrize("quality", [10, 40, 75])
def test_stripes_on_the_grid_stay_as_they_are(quality: int) -> None:
    """Blocks of one colour beside others of quite another one are exact in these files, too."""
    original = np.repeat(((np.mgrid[:96, :96][1] // 8 % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    decoded = coded(original, quality)
    result = Enhancer(threads=1).run(decoded, Knobs(mode="fidelity"))
    np.testing.assert_array_equal(result.pixels, decoded.pixels)
