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

from enhance.errors import UsageError, WeightsError
from enhance.evaluation.metrics import (
    PerceptualDistance,
    Pixels,
    blocking_effect,
    luma,
    psnr,
    psnr_b,
    ssim,
    to_uint8,
)

# scikit-image's functions have no types.
skimage_metrics: Any = metrics
astronaut: Any = data.astronaut
SHARED = Path(__file__).parents[3] / "shared" / "data"


def coded(pixels: Pixels, quality: int) -> Pixels:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return np.asarray(astronaut()[:200, :184])


@given(offset=st.integers(1, 100), gray=st.booleans())
@settings(max_examples=20, deadline=None)
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
@settings(max_examples=20, deadline=None)
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
@settings(max_examples=20, deadline=None)
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


@pytest.mark.parametrize("metric", [psnr, psnr_b, ssim])
def test_shapes_that_cannot_be_compared(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(UsageError, match="different shapes"):
        metric(np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8))
    with pytest.raises(UsageError, match="RGB"):
        metric(np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 4), np.uint8))


def test_lpips_without_weights_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)
    with pytest.raises(WeightsError, match="ENHANCE_METRICS_DIR"):
        PerceptualDistance()


@pytest.mark.skipif(not (SHARED / "metrics").exists(), reason="no LPIPS weights here")
def test_lpips_of_arrays(photo: Pixels) -> None:
    distance = PerceptualDistance("alex", SHARED / "metrics")
    gray = photo[..., 0]
    as_rgb = np.stack([gray] * 3, axis=2)
    assert distance(photo, photo) == 0
    assert 0.1 < distance(photo, coded(photo, 10)) < distance(photo, coded(photo, 3)) < 1
    assert distance(gray, coded(gray, 10)) == distance(as_rgb, np.stack([coded(gray, 10)] * 3, axis=2))
    assert math.isnan(distance(photo[:31], photo[:31]))


@pytest.mark.skipif(not (SHARED / "live1").exists(), reason="no LIVE1 images here")
def test_published_rows_of_plain_jpeg_on_live1() -> None:
    """JDEC (CVPR 2024), table 1: LIVE1 colour at quality 10 is 25.69 dB, PSNR-B 24.20 dB."""
    originals = [np.array(Image.open(path).convert("RGB")) for path in sorted((SHARED / "live1").glob("*.png"))]
    decoded = [coded(original, 10) for original in originals]
    assert len(originals) == 29
    assert np.mean([*map(psnr, originals, decoded)]) == pytest.approx(25.69, abs=0.005)
    assert np.mean([*map(psnr_b, originals, decoded)]) == pytest.approx(24.20, abs=0.005)
