"""Training pairs come from real libjpeg, and their rate is the one a decoder would read from the file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from enhance.codecs.jpeg.rate import JpegRate
from enhance.training.degradation import JpegDegradation, encode_jpeg

PHOTO = np.ascontiguousarray(data.astronaut()[:128, :160])


@pytest.mark.parametrize(("subsampling", "pillow"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
@pytest.mark.parametrize("quality", [5, 40, 95])
def test_equals_pillow_at_a_quality(quality: int, subsampling: str, pillow: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", quality=quality, subsampling=pillow)
    expected = np.asarray(Image.open(buffer))
    assert np.array_equal(encode_jpeg(PHOTO, JpegRate.from_quality(quality), subsampling), expected)


def test_gray_stays_gray() -> None:
    decoded = encode_jpeg(PHOTO[..., 1], JpegRate.from_quality(20))
    assert decoded.shape == PHOTO.shape[:2]
    assert 0 < np.abs(decoded.astype(int) - PHOTO[..., 1]).mean() < 12


def test_an_offset_moves_the_block_grid() -> None:
    """At quality 1 with flat tables a block is its mean: columns change only at block borders."""
    rate = JpegRate.from_tables(np.full((8, 8), 255), np.full((8, 8), 255))
    for offset in (0, 3):
        gray = encode_jpeg(PHOTO[..., 0], rate, offset=(0, offset)).astype(int)
        steps = np.abs(np.diff(gray, axis=1)).sum(axis=0)
        phase = int(np.argmax([steps[start::8].sum() for start in range(8)]))
        assert phase == (7 - offset) % 8


def test_draws_cover_what_files_look_like() -> None:
    rng = np.random.default_rng(0)
    standard = [JpegDegradation(custom_share=0).draw_rate(rng) for _ in range(3000)]
    qualities = np.array([rate.quality for rate in standard])
    assert not any(rate.custom for rate in standard)
    assert qualities.min() == 3 and qualities.max() == 98
    assert np.mean(qualities <= 60) == pytest.approx(0.75, abs=0.05)
    custom = [JpegDegradation(custom_share=1).draw_rate(rng) for _ in range(300)]
    assert np.mean([rate.custom for rate in custom]) > 0.9, "flat and extreme ones may happen to be IJG's"
    assert all(rate.luma.min() >= 1 and rate.luma.max() <= 255 for rate in custom)


@pytest.mark.parametrize("kind", ["gray_share", "resaved_share"])
def test_every_kind_gives_a_pair_of_one_shape(kind: str) -> None:
    rng = np.random.default_rng(1)
    shares = {"gray_share": 0.0, "resaved_share": 0.0, kind: 1.0}
    original, base, rate = JpegDegradation(quality_range=(10, 10), custom_share=0, **shares)(PHOTO, rng)
    assert original.shape == base.shape == PHOTO.shape
    assert rate.quality == 10
    assert 1 < np.abs(original.astype(int) - base).mean() < 20, "damaged at quality 10, not at the re-saved one"
    if kind == "gray_share":
        assert np.array_equal(original[..., 0], original[..., 2])
        assert np.array_equal(rate.luma, rate.chroma)
