"""The quality factor is read from the file, never guessed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from enhance.codecs.conditioning import SIZE, grid_phase, place
from enhance.codecs.jpeg.rate import JpegRate, ijg_tables
from enhance.codecs.registry import decode
from enhance.errors import UsageError
from enhance.sources import open_source

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def as_jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def rate_of(data: bytes) -> JpegRate:
    rate = decode(data).rate
    assert isinstance(rate, JpegRate)
    return rate


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("quality", range(1, 101))
def test_every_ijg_quality_is_read_back_exactly(quality: int, mode: str) -> None:
    rate = rate_of(as_jpeg(Image.fromarray(PIXELS).convert(mode), quality=quality))
    assert (rate.quality, rate.custom) == (quality, False)
    luma, chroma = ijg_tables(quality)
    np.testing.assert_array_equal(rate.luma, luma)
    np.testing.assert_array_equal(rate.chroma, chroma if mode == "RGB" else luma)


def test_tables_are_in_natural_order_whatever_the_file_stores() -> None:
    luma = np.arange(1, 65).reshape(8, 8)
    rate = rate_of(as_jpeg(Image.fromarray(PIXELS), qtables=[luma.reshape(-1).tolist(), luma.T.reshape(-1).tolist()]))
    assert rate.custom
    np.testing.assert_array_equal(rate.luma, luma)
    np.testing.assert_array_equal(rate.chroma, luma.T)


def test_tables_follow_the_components_selectors_not_the_table_numbers() -> None:
    data = bytearray(as_jpeg(Image.fromarray(PIXELS), quality=40))
    frame = data.index(b"\xff\xc0")
    assert [data[frame + 12 + 3 * i] for i in range(3)] == [0, 1, 1]
    for i, selector in enumerate((1, 0, 0)):
        data[frame + 12 + 3 * i] = selector
    luma, chroma = ijg_tables(40)
    rate = rate_of(bytes(data))
    np.testing.assert_array_equal(rate.luma, chroma)
    np.testing.assert_array_equal(rate.chroma, luma)


def test_different_tables_for_cb_and_cr_give_cb_and_a_note() -> None:
    tables = [np.full(64, value).tolist() for value in (10, 20, 30)]
    data = bytearray(as_jpeg(Image.fromarray(PIXELS), qtables=tables))
    data[data.index(b"\xff\xc0") + 18] = 2
    image = decode(bytes(data))
    assert isinstance(image.rate, JpegRate)
    assert image.rate.chroma[0, 0] == 20
    assert any("different quantisation tables" in note for note in image.notes)


def test_custom_tables_are_marked_and_near_the_right_quality() -> None:
    luma, chroma = ijg_tables(60)
    tables = [np.clip(table.reshape(-1) + np.arange(64) % 2, 1, 255).tolist() for table in (luma, chroma)]
    image = decode(as_jpeg(Image.fromarray(PIXELS), qtables=tables))
    assert image.rate.describe() == {"quality": image.rate.level, "tables": "custom"}
    assert abs(image.rate.level - 60) <= 3
    assert any("custom quantisation tables" in note for note in image.notes)


def test_16_bit_tables_are_read() -> None:
    wide = np.full(64, 300)
    data = as_jpeg(Image.fromarray(PIXELS), qtables=[wide.tolist(), wide.tolist()])
    assert rate_of(data).luma.max() in (255, 300)  # libjpeg may have kept itself to baseline
    entries = b"".join(int(value).to_bytes(2, "big") for value in np.arange(300, 364))
    start = data.index(b"\xff\xdb")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    segment = b"\xff\xdb" + (2 + 2 * 129).to_bytes(2, "big") + b"\x10" + entries + b"\x11" + entries
    rest = data[end:]
    while rest.startswith(b"\xff\xdb"):
        rest = rest[2 + int.from_bytes(rest[2:4], "big") :]
    rate = rate_of(data[:start] + segment + rest)
    assert sorted(rate.luma.reshape(-1).tolist()) == list(range(300, 364))
    assert rate.luma[0, 1] == 301 and rate.luma[1, 0] == 302 and rate.luma[0, 2] == 305  # the zigzag is undone
    assert rate.quality < 25 and np.isfinite(rate.conditioning()).all()


@settings(max_examples=25)
@given(st.lists(st.integers(1, 255), min_size=128, max_size=128))
def test_any_tables_are_read_back_and_condition_the_network(entries: list[int]) -> None:
    rate = rate_of(as_jpeg(Image.fromarray(PIXELS), qtables=[entries[:64], entries[64:]]))
    assert rate.luma.reshape(-1).tolist() == entries[:64]
    assert rate.chroma.reshape(-1).tolist() == entries[64:]
    assert 1 <= rate.quality <= 100
    conditioning = rate.conditioning()
    assert conditioning.shape == (SIZE,) and conditioning.dtype == np.float32
    assert np.abs(conditioning).max() <= 1


@pytest.mark.parametrize("quality", [0, 101, -5, 50.5])
def test_a_quality_outside_1_to_100_is_a_usage_error(quality: int) -> None:
    with pytest.raises(UsageError, match="1 to 100"):
        JpegRate.from_quality(quality)


def test_conditioning_is_log2_of_luma_then_chroma_from_minus_one_to_one() -> None:
    luma, chroma = np.full((8, 8), 1), np.full((8, 8), 16)
    luma[0, 1] = 64
    conditioning = JpegRate.from_tables(luma, chroma).conditioning()
    np.testing.assert_allclose(conditioning[:3], [-1, 0.5, -1])
    np.testing.assert_allclose(conditioning[64:128], 0)


@pytest.mark.parametrize(
    ("options", "subsampling", "gray", "rgb"),
    [
        ({"subsampling": "4:4:4"}, (0, 0), 0, 0),
        ({"subsampling": "4:2:2"}, (1, 0), 0, 0),
        ({"subsampling": "4:2:0"}, (1, 1), 0, 0),
        ({"keep_rgb": True}, (0, 0), 0, 1),
        ({"mode": "L"}, (0, 0), 1, 0),
        ({"mode": "CMYK"}, (0, 0), 0, 1),
    ],
)
def test_the_network_is_told_what_the_components_are(
    options: dict[str, Any], subsampling: tuple[int, int], gray: int, rgb: int
) -> None:
    options = dict(options)
    data = as_jpeg(Image.fromarray(PIXELS).convert(options.pop("mode", "RGB")), quality=50, **options)
    for rate in (rate_of(data), *pil_rates(data)):
        conditioning = rate.conditioning()
        assert tuple(conditioning[place("subsampling")]) == subsampling
        assert [conditioning[place(name)].item() for name in ("gray", "rgb")] == [gray, rgb]
        assert not conditioning[place("resaved").start :].any()


def pil_rates(data: bytes) -> list[JpegRate]:
    """What a PIL image tells of the file it was opened from; of CMYK it tells no more once it is converted."""
    image = Image.open(io.BytesIO(data))
    if image.mode == "CMYK":
        return []
    rate = open_source(image).images[0].rate
    assert isinstance(rate, JpegRate)
    return [rate]


def test_a_later_coding_is_told_beside_the_one_that_did_the_damage() -> None:
    later = JpegRate.from_quality(90, subsampling=(1, 1))
    rate = JpegRate.from_quality(20).saved_again(later, offset=(3, 5), scale=0.5)
    plain, told = JpegRate.from_quality(20).conditioning(), rate.conditioning()
    assert rate.level == 20
    assert np.array_equal(told[: place("resaved").start], plain[: place("resaved").start])
    assert np.array_equal(told[place("later_luma")], later.conditioning()[place("luma")])
    assert np.array_equal(told[place("later_chroma")], later.conditioning()[place("chroma")])
    assert tuple(told[place("later_subsampling")]) == (0, 0)
    assert [told[place(name)].item() for name in ("resaved", "grid_known", "scale")] == [1, 1, -1]
    assert np.array_equal(told[place("grid")], grid_phase((3, 5)))
    unknown = JpegRate.from_quality(20).saved_again(later).conditioning()
    assert not unknown[place("grid_known").start :].any(), "an unknown grid is not a grid at 0"
