"""What coefficients mean: found by index, frequency and size, and put in the answer's place."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

from enhance.codecs.jpeg import consistency as consistency_module
from enhance.codecs.jpeg.calibration import BANDS, INDEX_CLASSES, SIZES, expected, spread_out
from enhance.codecs.jpeg.consistency import JpegConsistency
from enhance.codecs.jpeg.mozjpeg import robidoux_table
from enhance.codecs.registry import decode
from enhance.images import BELIEVED, Calibration, DecodedImage, Trust

Array = npt.NDArray[Any]

PHOTO = np.ascontiguousarray(data.astronaut()[40:163, 150:340])
ONES = np.ones((INDEX_CLASSES, BANDS.max() + 1, len(SIZES)), np.float32)
REACH = np.linspace(2, 40, 64, dtype=np.float32)


def spread(factors: Array) -> Array:
    """Of classes of frequencies."""
    return spread_out(factors[:, BANDS].transpose(1, 0, 2))


def answers(count: int = 4000) -> tuple[Array, Array]:
    """Distances up to far outside of the intervals, and indices."""
    rng = np.random.default_rng(0)
    distances = rng.normal(0, 0.6, (count, 64)) * REACH
    return distances.astype(np.float32), rng.integers(-3, 4, (count, 64)).astype(np.int16)


def test_factors_of_one_only_keep_answers_inside() -> None:
    distances, indices = answers()
    before = distances.copy()
    found = expected(distances, indices, REACH, spread(ONES))
    assert np.array_equal(found, np.clip(distances, -REACH, REACH)) and np.array_equal(distances, before)


def test_every_coefficient_has_the_factor_of_its_index_frequency_and_size() -> None:
    distances, indices = answers()
    sizes = np.abs(distances) / REACH
    for level in range(INDEX_CLASSES):
        for band in range(BANDS.max() + 1):
            for size in (0, 7, len(SIZES) - 1):
                factors = ONES.copy()
                factors[level, band, size] = 0.5
                changed = expected(distances, indices, REACH, spread(factors)) != np.clip(distances, -REACH, REACH)
                lower, upper = SIZES[max(size - 1, 0)], SIZES[min(size + 1, len(SIZES) - 1)]
                reached = (sizes >= lower - 0.01) & ((sizes <= upper + 0.01) | (size == len(SIZES) - 1))
                meant = (band == BANDS) & (np.minimum(np.abs(indices), 2) == level) & reached
                assert changed.any() and not (changed & ~meant).any()


def test_factors_are_linear_between_sizes_and_constant_beyond() -> None:
    factors = ONES * np.linspace(0.2, 0.9, len(SIZES), dtype=np.float32)
    sizes = np.linspace(0.01, 2, 64, dtype=np.float32)
    found = expected(sizes[None], np.zeros((1, 64), np.int16), np.ones(64, np.float32), spread(factors))
    wanted = np.minimum(sizes, 1) * np.interp(sizes, SIZES, factors[0, 0])
    np.testing.assert_allclose(found[0], wanted, atol=0.01)


def test_what_is_expected_is_inside_whatever_the_factors() -> None:
    distances, indices = answers()
    found = expected(distances, indices, REACH, spread(ONES * 1.3))
    assert (np.abs(found) <= REACH).all() and (found * distances >= 0).all()


def test_unbounded_answers_are_multiplied_as_they_are() -> None:
    distances, indices = answers()
    found = expected(distances, indices, REACH, spread(ONES * np.float32(0.75)), bounded=False)
    np.testing.assert_allclose(found, distances * np.float32(0.75), rtol=1e-6)


def test_answers_that_are_no_numbers_are_passed_on() -> None:
    distances, indices = answers(4)
    distances[0, 5] = np.nan
    found = expected(distances, indices, REACH, spread(ONES))
    assert np.isnan(found[0, 5]) and np.isfinite(found[1:]).all()


def coded(**options: Any) -> DecodedImage:
    file = io.BytesIO()
    Image.fromarray(PHOTO).convert(options.pop("mode", "RGB")).save(file, "JPEG", quality=40, **options)
    return decode(file.getvalue())


def corrected(decoded: DecodedImage, change: Array, trust: Trust) -> tuple[Array, JpegConsistency]:
    consistency = decoded.consistency
    assert isinstance(consistency, JpegConsistency)
    base = decoded.pixels.astype(np.float32)
    strips = consistency.corrected_strips(base.__getitem__, change.__getitem__, trust)
    return np.concatenate([pixels for _, pixels, _ in strips]), consistency


def calibrated(luma: float, chroma: float, trust: Trust = BELIEVED) -> Trust:
    calibration = Calibration(*(spread(ONES * np.float32(factor)) for factor in (luma, chroma)))
    return replace(trust, rounded=calibration, chosen=calibration)


KINDS: list[dict[str, Any]] = [{"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}, {"mode": "L"}, {"keep_rgb": True}]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_picture_keeps_its_files_coefficients(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = coded(**options)
    change = np.random.default_rng(1).normal(0, 6, decoded.pixels.shape).astype(np.float32)
    pixels, consistency = corrected(decoded, change, calibrated(1.2, 0.8))
    for found, own in zip(consistency.quantised_coefficients(pixels), consistency.coefficients(), strict=True):
        assert np.array_equal(found, own)
    plain, _ = corrected(decoded, change, BELIEVED)
    assert np.abs(pixels - plain).max() > 0.5
    monkeypatch.setattr(consistency_module, "_STRIP_PIXELS", 1)
    np.testing.assert_allclose(corrected(decoded, change, calibrated(1.2, 0.8))[0], pixels, atol=1e-3)


def test_luma_and_chroma_have_factors_of_their_own() -> None:
    decoded = coded(subsampling="4:4:4")
    change = np.random.default_rng(1).normal(0, 2, decoded.pixels.shape).astype(np.float32)
    plain, _ = corrected(decoded, change, BELIEVED)
    to_luma = np.array([0.299, 0.587, 0.114], np.float32)
    for factors, kept in (((0.0, 1.0), False), ((1.0, 0.0), True)):
        pixels, _ = corrected(decoded, change, calibrated(*factors))
        difference = np.abs((pixels - plain)[:112, :184] @ to_luma).max()  # whole blocks
        assert (difference < 1e-2) == kept


def test_strength_takes_its_share_of_what_is_expected() -> None:
    decoded = coded(subsampling="4:4:4")
    change = np.random.default_rng(1).normal(0, 2, decoded.pixels.shape).astype(np.float32)
    base = decoded.pixels.astype(np.float32)
    whole, half = (corrected(decoded, change, calibrated(0.6, 0.6).scaled(by))[0] - base for by in (1, 0.5))
    assert np.sqrt(np.mean((half - whole / 2) ** 2)) < 0.1 * np.sqrt(np.mean(whole**2))


def test_chosen_coefficients_have_a_table_of_their_own() -> None:
    table = robidoux_table(40)
    tables = [table.reshape(-1).tolist()] * 2
    file = io.BytesIO()
    Image.fromarray(PHOTO[:112, :184]).save(file, "JPEG", qtables=tables, subsampling="4:4:4")
    decoded = decode(file.getvalue())
    base = decoded.pixels.astype(np.float32)
    change = np.random.default_rng(1).normal(0, 2, base.shape).astype(np.float32)
    half = Calibration(*[spread(ONES * np.float32(0.5))] * 2)
    plain, believed = corrected(decoded, change, replace(BELIEVED, rounded=half))[0], base + change
    np.testing.assert_allclose(plain, believed, atol=1)  # but for what the projection moves
    halved = corrected(decoded, change, replace(BELIEVED, chosen=half))[0]
    assert np.sqrt(np.mean((halved - base - change / 2) ** 2)) < 0.5  # the decoder's rounding
