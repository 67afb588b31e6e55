"""Training pairs come from real encoders: what they give is what the file holds."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from enhance.codecs.jpeg.rate import JpegRate
from enhance.training.degradation import encode
from enhance.training.degradation.encode import SUBSAMPLING, encode_jpeg, has_mozjpeg

PHOTO = np.ascontiguousarray(data.astronaut()[:128, :160])


def error(decoded: encode.Uint8) -> float:
    return float(np.sqrt(np.mean((decoded.astype(float) - PHOTO) ** 2)))


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


FINEST = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2), "4:4:0": (2, 1), "4:1:1": (1, 4)}
"""The narrowest stripes of colour that survive, in pixels: horizontal ones, vertical ones."""


@pytest.mark.parametrize("trellis", [False, True])
@pytest.mark.parametrize("subsampling", SUBSAMPLING)
def test_chroma_is_as_coarse_as_the_name_says(subsampling: str, trellis: bool) -> None:
    rate = JpegRate.from_tables(np.ones((8, 8)), np.ones((8, 8)))
    for width in (1, 2, 4):
        lines = np.where(np.arange(64)[:, None] // width % 2, [230, 20, 20], [20, 96, 230])  # of about the same luma
        vertical = np.broadcast_to(lines, (64, 64, 3)).astype(np.uint8)
        for finest, stripes in zip(FINEST[subsampling], (vertical.transpose(1, 0, 2), vertical)):
            decoded = encode_jpeg(np.ascontiguousarray(stripes), rate, subsampling, trellis=trellis)
            assert (decoded[..., 0].std() > 0.5 * stripes[..., 0].std()) == (width >= finest), (width, finest)


def test_rgb_files_have_no_chroma_planes() -> None:
    rate = JpegRate.from_quality(30)
    decoded = encode_jpeg(PHOTO, rate, is_rgb=True)
    one_by_one = np.stack([encode_jpeg(np.ascontiguousarray(PHOTO[..., c]), rate) for c in range(3)], axis=-1)
    assert np.array_equal(decoded, one_by_one), "three gray planes, all with the luma table"


def test_trellis_trades_error_for_bits() -> None:
    if not has_mozjpeg():
        pytest.skip("jpeglib has no mozjpeg here")
    rate = JpegRate.from_quality(30)
    plain, trellis = (error(encode_jpeg(PHOTO, rate, trellis=way)) for way in (False, True))
    assert plain < trellis < 1.2 * plain


def test_without_mozjpeg_one_warning_and_plain_files(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import jpeglib

    monkeypatch.setattr(jpeglib.version, "versions", lambda: ["6b"])
    has_mozjpeg.cache_clear()
    try:
        rate = JpegRate.from_quality(30)
        with caplog.at_level(logging.WARNING):
            decoded = [encode_jpeg(PHOTO, rate, trellis=True) for _ in range(3)]
        assert all(np.array_equal(one, encode_jpeg(PHOTO, rate)) for one in decoded)
        assert sum("mozjpeg" in record.message for record in caplog.records) == 1
    finally:
        has_mozjpeg.cache_clear()


@pytest.mark.parametrize("memory_files", [True, False])
def test_no_file_is_left_behind(memory_files: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if not memory_files:
        monkeypatch.delattr("os.memfd_create", raising=False)
    decoded = encode_jpeg(PHOTO[:37, :45], JpegRate.from_quality(50), "4:1:1", (3, 5))
    assert decoded.shape == (37, 45, 3)
    assert not list(tmp_path.iterdir())


def test_the_reader_of_coefficients_keeps_its_libjpeg() -> None:
    import jpeglib

    encode_jpeg(PHOTO, JpegRate.from_quality(50), "4:4:0")
    before = jpeglib.version.get()
    encode_jpeg(PHOTO, JpegRate.from_quality(50), trellis=True)
    assert jpeglib.version.get() == before
