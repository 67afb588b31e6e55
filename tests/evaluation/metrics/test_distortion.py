"""The metrics against closed forms, scikit-image, and the published rows of plain JPEG."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data, metrics

from enhance.errors import UsageError
from enhance.evaluation.metrics.distortion import (
    Pixels,
    blocking_effect,
    luma,
    ms_ssim,
    psnr,
    psnr_b,
    psnr_y,
    ssim,
    to_uint8,
)

# scikit-image's functions have no types.
skimage_metrics: Any = metrics
astronaut: Any = data.astronaut
SHARED = Path(__file__).parents[4] / "shared" / "data"


def coded(pixels: Pixels, quality: int) -> Pixels:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return np.asarray(astronaut()[:200, :184])


@given(offset=st.integers(1, 100), gray=st.booleans())
@settings(max_examples=20)
def test_psnr_of_a_constant_offset(offset: int, gray: bool) -> None:
    x = np.full((9, 11) if gray else (9, 11, 3), 120, np.uint8)
    assert psnr(x, x + np.uint8(offset)) == pytest.approx(20 * math.log10(255 / offset))


def test_equal_pictures(photo: Pixels) -> None:
    assert psnr(photo, photo) == math.inf
    assert ssim(photo, photo) == 1.0


@pytest.mark.parametrize("quality", [5, 60])
def test_against_scikit_image(photo: Pixels, quality: int) -> None:
    y = coded(photo, quality)
    assert psnr(photo, y) == pytest.approx(skimage_metrics.peak_signal_noise_ratio(photo, y, data_range=255))
    assert ssim(photo, y) == pytest.approx(
        skimage_metrics.structural_similarity(photo, y, channel_axis=-1, data_range=255)
    )
    gray, gray_y = photo[..., 1], coded(photo[..., 1], quality)
    assert ssim(gray, gray_y) == pytest.approx(skimage_metrics.structural_similarity(gray, gray_y, data_range=255))


@given(a=st.integers(0, 255), b=st.integers(0, 255))
@settings(max_examples=20)
def test_ssim_of_flat_pictures(a: int, b: int) -> None:
    x, y = np.full((8, 8), a, np.uint8), np.full((8, 8), b, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(x, y) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))


def test_values_are_rounded_and_clipped_to_8_bits() -> None:
    assert to_uint8(np.array([-3.0, 0.6, 254.4, 300.0])).tolist() == [0, 1, 254, 255]
    x = np.full((8, 8, 3), 255, np.uint8)
    assert psnr(x, np.full((8, 8, 3), 270.0)) == math.inf
    assert psnr(x, x - 0.4) == math.inf


@given(step=st.integers(1, 200), columns=st.integers(2, 6), rows=st.integers(2, 6))
@settings(max_examples=20)
def test_blocking_effect_of_flat_blocks(step: int, columns: int, rows: int) -> None:
    """Columns of blocks that alternate by `step`: every vertical edge differs by step, no horizontal one does."""
    plane = np.repeat(np.arange(columns) % 2 * step, 8)[None].repeat(8 * rows, axis=0)
    vertical, horizontal = 8 * rows * (columns - 1), 8 * columns * (rows - 1)
    at_edges = step**2 * vertical / (vertical + horizontal)
    expected = 3 / math.log2(8 * min(columns, rows)) * at_edges
    assert blocking_effect(plane) == pytest.approx(expected)


def test_texture_without_block_edges_has_no_blocking_effect(photo: Pixels) -> None:
    shifted = np.roll(np.repeat(np.repeat(np.eye(4, dtype=np.uint8) * 200, 8, 0), 8, 1), 4, axis=(0, 1))
    assert blocking_effect(shifted) == 0
    assert psnr_b(shifted // 2, shifted) == psnr(shifted // 2, shifted)
    assert blocking_effect(photo[:15, :, 0]) == 0


def test_psnr_b_counts_block_edges_of_the_measured_picture_only(photo: Pixels) -> None:
    y = coded(photo, 10)
    assert psnr_b(photo, y) < psnr(photo, y)
    assert psnr(photo, y) - psnr_b(photo, y) > psnr(y, photo) - psnr_b(y, photo)


def test_luma_is_the_limited_range_one() -> None:
    primaries = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    assert luma(primaries).tolist() == [[16, 235, 81]]


@pytest.mark.parametrize("metric", [psnr, psnr_y, psnr_b, ssim, ms_ssim])
def test_shapes_that_cannot_be_compared(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(UsageError, match="different shapes"):
        metric(np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8))
    with pytest.raises(UsageError, match="RGB"):
        metric(np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 4), np.uint8))


@given(red=st.integers(0, 50), green=st.integers(0, 50), blue=st.integers(0, 50))
@settings(max_examples=20)
def test_psnr_y_of_a_constant_offset(red: int, green: int, blue: int) -> None:
    x = np.full((9, 11, 3), 120, np.uint8)
    step = (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    expected = 20 * math.log10(255 / step) if step else math.inf
    assert psnr_y(x, x + np.array([red, green, blue], np.uint8)) == pytest.approx(expected)
    assert psnr_y(x[..., 0], x[..., 0] + np.uint8(10)) == pytest.approx(20 * math.log10(255 / 10))


def multiscale_similarity(x: Pixels, y: Pixels) -> float:
    """Wang et al. 2003, equation 7, of one channel, with scikit-image's windows and plain averages of 2x2 pixels."""
    weights, total = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), 1.0
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    taps = np.exp(-np.square(np.arange(11) - 5.0) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2

    def local(plane: Pixels) -> Pixels:
        views = np.lib.stride_tricks.sliding_window_view(plane, (11, 11))
        return np.asarray(np.einsum("ijkl,kl->ij", views, window))

    for scale, weight in enumerate(weights):
        mean_x, mean_y = local(x), local(y)
        variances = local(x * x) - mean_x**2 + local(y * y) - mean_y**2
        similarity = (2 * (local(x * y) - mean_x * mean_y) + c2) / (variances + c2)
        if scale == 4:
            similarity *= (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
        total *= max(similarity.mean(), 0) ** weight
        x, y = (plane.reshape(len(plane) // 2, 2, -1, 2).mean(axis=(1, 3)) for plane in (x, y))
    return total


def test_ms_ssim_against_its_formula() -> None:
    photo = np.asarray(astronaut()[100:292, 40:264])
    y = coded(photo, 10)
    expected = np.mean([multiscale_similarity(photo[..., c] * 1.0, y[..., c] * 1.0) for c in range(3)])
    assert ms_ssim(photo, y) == pytest.approx(expected, abs=1e-4)
    assert ms_ssim(photo, photo) == pytest.approx(1)
    gray, gray_y = photo[..., 1], y[..., 1]
    assert ms_ssim(gray, gray_y) == pytest.approx(multiscale_similarity(gray * 1.0, gray_y * 1.0), abs=1e-4)
    assert math.isnan(ms_ssim(photo[:160], photo[:160]))


@pytest.mark.skipif(not (SHARED / "live1").exists(), reason="no LIVE1 images here")
def test_published_rows_of_plain_jpeg_on_live1() -> None:
    """JDEC (CVPR 2024), table 1: PSNR and PSNR-B of LIVE1 in colour."""
    published = {10: (25.69, 24.20), 20: (28.06, 26.49), 30: (29.37, 27.84), 40: (30.28, 28.84)}
    originals = [np.array(Image.open(path).convert("RGB")) for path in sorted((SHARED / "live1").glob("*.png"))]
    assert len(originals) == 29
    for quality, values in published.items():
        decoded = [coded(original, quality) for original in originals]
        found = (np.mean([*map(psnr, originals, decoded)]), np.mean([*map(psnr_b, originals, decoded)]))
        assert found == pytest.approx(values, abs=0.01), quality
