"""What is told of earlier codings: right where something is told, and nothing where there was nothing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from enhance.codecs.coding import Coding
from enhance.codecs.jpeg.estimation.history import find_coding, find_earlier
from enhance.codecs.jpeg.estimation.tables import all_tables
from enhance.codecs.jpeg.rate import JpegRate, ijg_tables
from enhance.images import Pixels

ASTRONAUT: Pixels = skimage.data.astronaut()[:256, 120:376]
ORDERS = [0, 1, 2], [1, 2, 0], [2, 0, 1]
COFFEE: Pixels = skimage.data.coffee()[100:356, 150:406]


def coded(pixels: Pixels, quality: int = 75, **options: Any) -> Pixels:
    """Through libjpeg and back."""
    file = io.BytesIO()
    options = options if "qtables" in options else {"quality": quality, **options}
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", **options)
    return np.asarray(Image.open(file))


def scaled(pixels: Pixels, factor: float) -> Pixels:
    size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def told(coding: Coding | None) -> tuple[int, tuple[int, int]]:
    assert coding is not None
    assert isinstance(coding.rate, JpegRate)
    assert coding.confidence >= 0.9
    return coding.rate.quality, coding.grid


@pytest.mark.parametrize("picture", [ASTRONAUT, COFFEE], ids=["astronaut", "coffee"])
@pytest.mark.parametrize(("quality", "grid"), [(5, (0, 0)), (10, (11, 14)), (40, (3, 5)), (80, (0, 9)), (95, (8, 8))])
def test_pixels_tell_the_quality_and_the_grid(picture: Pixels, quality: int, grid: tuple[int, int]) -> None:
    coding = find_coding(coded(picture, quality)[grid[0] :, grid[1] :])
    assert told(coding) == (quality, grid)
    assert coding is not None
    assert coding.then is None


@pytest.mark.parametrize(
    ("subsampling", "found"), [("4:2:0", (2, 2)), ("4:2:2", (2, 1)), ("4:4:4", (1, 1))], ids=lambda value: str(value)
)
def test_pixels_tell_how_chroma_was_sampled(subsampling: str, found: tuple[int, int]) -> None:
    coding = find_coding(coded(COFFEE, quality=30, subsampling=subsampling))
    assert coding is not None
    assert isinstance(coding.rate, JpegRate)
    assert coding.rate.subsampling == found


def test_tables_of_another_family_are_told_as_they_are() -> None:
    rate = all_tables().rates[100 + 30 - 1]
    tables = [rate.luma.reshape(-1).tolist(), rate.chroma.reshape(-1).tolist()]
    coding = find_coding(coded(ASTRONAUT, qtables=tables, subsampling="4:2:0"))
    assert coding is not None
    assert isinstance(coding.rate, JpegRate)
    assert np.array_equal(coding.rate.luma, rate.luma)


@pytest.mark.parametrize("quality", [40, 85])
def test_tables_of_no_family_are_read_off(quality: int) -> None:
    # Of the same step everywhere, and of luma and chroma that grow more slowly than IJG's, as cameras' do.
    luma, chroma = (np.round(table.astype(float) ** 0.7 * 2).astype(int) for table in ijg_tables(quality))
    for tables in ([luma, chroma], [np.full((8, 8), 12), np.full((8, 8), 9)]):
        lists = [table.reshape(-1).tolist() for table in tables]
        coding = find_coding(coded(COFFEE, qtables=lists, subsampling="4:2:0")[3:, 5:])
        assert coding is not None
        assert coding.grid == (3, 5)
        assert isinstance(coding.rate, JpegRate)
        assert coding.rate.custom
        low = np.add.outer(np.arange(8), np.arange(8)) < 5
        assert np.array_equal(coding.rate.luma[low], tables[0][low])
        assert np.abs(np.log2(coding.rate.luma / tables[0])).mean() < 0.15
        assert np.array_equal(coding.rate.chroma[:2, :2], tables[1][:2, :2])


def test_luma_and_chroma_of_two_qualities_are_told_apart() -> None:
    luma, chroma = ijg_tables(85)[0], ijg_tables(60)[1]
    lists = [table.reshape(-1).tolist() for table in (luma, chroma)]
    coding = find_coding(coded(COFFEE, qtables=lists, subsampling="4:4:4"))
    assert coding is not None
    assert isinstance(coding.rate, JpegRate)
    assert np.array_equal(coding.rate.luma, luma)
    assert np.array_equal(coding.rate.chroma[:2, :2], chroma[:2, :2])


@pytest.mark.parametrize("quality", [20, 80])
def test_of_turned_pictures_the_tables_are_turned(quality: int) -> None:
    coding = find_coding(np.ascontiguousarray(np.rot90(coded(COFFEE, quality))))
    assert coding is not None
    assert isinstance(coding.rate, JpegRate)
    assert coding.rate.quality == quality
    assert np.abs(np.log2(coding.rate.luma / ijg_tables(quality)[0].T.astype(float))).mean() < 0.05


@pytest.mark.parametrize("picture", [ASTRONAUT, COFFEE], ids=["astronaut", "coffee"])
@pytest.mark.parametrize(
    ("first", "grid", "last"),
    [(20, (5, 3), 90), (40, (2, 12), 75), (10, (9, 6), 75), (30, (0, 1), 95), (10, (0, 0), 80), (50, (0, 0), 75)],
)
def test_a_file_that_was_saved_again_tells_the_first_coding(
    picture: Pixels, first: int, grid: tuple[int, int], last: int
) -> None:
    pixels = coded(coded(picture, first)[grid[0] :, grid[1] :], last)
    coding = find_earlier(pixels, JpegRate.from_quality(last))
    quality, found = told(coding)
    # On the same grid neighbouring qualities can be equally likely.
    assert abs(quality - first) <= 1
    assert found == grid
    assert coding is not None
    assert coding.then is not None
    assert coding.then.describe() == JpegRate.from_quality(last).describe()


def test_a_lossless_file_tells_of_the_coding_before_the_last() -> None:
    pixels = coded(coded(ASTRONAUT, 20)[5:, 3:], 90)[2:, 9:]
    coding = find_coding(pixels)
    assert told(coding) == (20, (7, 12))
    assert coding is not None
    assert isinstance(coding.then, JpegRate)
    assert coding.then.quality == 90


@pytest.mark.parametrize("last", [90, None])
@pytest.mark.parametrize("factor", [0.6, 0.75, 1.5])
def test_a_scaled_picture_tells_its_scale(factor: float, last: int | None) -> None:
    pixels = scaled(coded(skimage.data.coffee(), 20), factor)
    coding = find_coding(pixels) if last is None else find_earlier(coded(pixels, last), JpegRate.from_quality(last))
    assert told(coding)[0] == 20
    assert coding is not None
    assert coding.axes is not None
    assert coding.scale == pytest.approx(factor, rel=1e-3)
    assert coding.axes[0].start == coding.axes[1].start == 0


def test_large_pictures_are_told_from_parts() -> None:
    views = [
        skimage.data.astronaut()[::down, ::right, order] for down in (1, -1) for right in (1, -1) for order in ORDERS
    ]
    large = np.concatenate([np.concatenate(views[row : row + 4], axis=1) for row in (0, 4, 8)])
    assert large.shape[0] * large.shape[1] > 2**21
    assert told(find_coding(coded(large, 30)[3:, 5:])) == (30, (3, 5))
    coding = find_earlier(coded(scaled(coded(large, 20), 0.8), 90), JpegRate.from_quality(90))
    assert coding is not None
    assert coding.scale == pytest.approx(0.8, rel=1e-4)


@pytest.mark.parametrize("quality", [5, 30, 75, 95])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("picture", [ASTRONAUT, COFFEE], ids=["astronaut", "coffee"])
def test_files_that_were_coded_once_tell_of_nothing_before(picture: Pixels, quality: int, subsampling: str) -> None:
    pixels = coded(picture, quality=quality, subsampling=subsampling)
    assert find_earlier(pixels, JpegRate.from_quality(quality)) is None


def test_a_weaker_coding_before_the_last_does_not_count() -> None:
    assert find_earlier(coded(coded(ASTRONAUT, 80)[3:, 2:], 10), JpegRate.from_quality(10)) is None


@pytest.mark.parametrize("picture", [ASTRONAUT, COFFEE, skimage.data.brick(), skimage.data.text()])
def test_originals_tell_of_nothing(picture: Pixels) -> None:
    assert find_coding(picture) is None


def drawings() -> dict[str, Pixels]:
    rows, columns = np.mgrid[:256, :256]
    rng = np.random.default_rng(0)
    patterns = {
        "nothing": np.full((256, 256), 200),
        "checkers": (rows // 7 + columns // 7) % 2 * 150 + 50,
        "stripes": columns % 9 // 4 * 120 + 60,
        "ramp": columns,
        "dither": (rng.random((256, 256)) < columns / 256) * 255,
        "tiles": np.tile(rng.integers(0, 256, (16, 16)), (16, 16)),
        "noise": rng.integers(0, 256, (256, 256)),
    }
    return {name: np.repeat(values.astype(np.uint8)[..., None], 3, axis=2) for name, values in patterns.items()}


@pytest.mark.parametrize("name", drawings())
def test_drawings_and_patterns_tell_of_nothing(name: str) -> None:
    picture = drawings()[name]
    assert find_coding(picture) is None
    for quality in (20, 75, 95):
        assert find_earlier(coded(picture, quality), JpegRate.from_quality(quality)) is None


def test_gray_pictures_and_other_depths_tell_the_same() -> None:
    gray = coded(np.asarray(Image.fromarray(ASTRONAUT).convert("L")), 20)[3:, 5:]
    coding = find_coding(gray)
    assert told(coding) == (20, (3, 5))
    assert coding is not None
    assert isinstance(coding.rate, JpegRate)
    assert coding.rate.space == "gray"
    colour = coded(ASTRONAUT, 20)[3:, 5:]
    for pixels in (colour, colour.astype(np.uint16) * 257, colour.astype(np.float32) / 255):
        assert told(find_coding(pixels)) == (20, (3, 5))


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (15, 15), (16, 16), (17, 40)])
def test_small_pictures_are_no_error(shape: tuple[int, int]) -> None:
    pixels = coded(
        ASTRONAUT[: shape[0], : shape[1]] if shape[1] < 257 else np.tile(ASTRONAUT, (1, 2, 1))[: shape[0]], 10
    )
    find_coding(pixels)
    find_earlier(pixels, JpegRate.from_quality(95))


def test_files_without_luma_are_not_asked() -> None:
    rate = JpegRate.from_tables(JpegRate.from_quality(90).luma, space="rgb")
    assert find_earlier(coded(coded(ASTRONAUT, 20)[3:, 5:], 90), rate) is None


def test_a_coding_is_told_in_words_and_values() -> None:
    last = JpegRate.from_quality(90)
    coding = Coding(JpegRate.from_quality(20), corner=(3, 13), then=last, confidence=0.99)
    assert (
        str(coding) == "jpeg quality 20 on a grid shifted by 3 columns and 13 rows, then saved again at jpeg quality 90"
    )
    assert coding.describe() == {
        "quality": 20, "tables": "standard", "grid": [13, 3], "then": last.describe(), "confidence": 0.99,
    }  # fmt: skip


def test_files_whose_indices_are_all_large_are_told_nothing_of() -> None:
    """Bright at steps of one: the mean of each block has an index above 700."""
    noise = np.random.default_rng(0).integers(-3, 4, (128, 128, 1), np.int16)
    bright = np.repeat((220 + noise).astype(np.uint8), 3, axis=2)
    ones = JpegRate.from_tables(*np.ones((2, 8, 8), np.uint16))
    assert find_earlier(coded(bright, qtables=[[1] * 64] * 2), ones) is None
