"""Pictures of two colours: found bit for bit from a soft answer, in all kinds of files; others are left."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from PIL import Image

from enhance import Enhancer
from enhance.codecs.jpeg import two_colours
from enhance.codecs.jpeg.mozjpeg import robidoux_table
from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.images import DecodedImage
from enhance.knobs import Knobs
from enhance.training.degradation.encode import encode_file

Array = npt.NDArray[Any]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def page() -> Array:
    """A scanned page in 1 bit, [187, 381]: sides that are no multiple of 8."""
    return np.asarray(skimage.data.page()[:187, :381] > 140)


def dither() -> Array:
    """A photo by error diffusion, [184, 200]."""
    photo = Image.fromarray(skimage.data.camera()[:184, 100:300])
    return np.asarray(photo.convert("1", dither=Image.Dither.FLOYDSTEINBERG))


def painted(mask: Array, dark: tuple[int, ...] = BLACK, light: tuple[int, ...] = WHITE) -> Array:
    return np.where(mask[..., None], np.array(light, np.uint8), np.array(dark, np.uint8))


def coded(pixels: Array, quality: int = 60, **options: Any) -> DecodedImage:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, **options)
    return decode(buffer.getvalue())


def blurred(pixels: Array) -> Array:
    """What a network might say: soft, and with noise."""
    soft = cv2.GaussianBlur(pixels, (3, 3), 0.4).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 8, pixels.shape[:2]).astype(np.float32)
    return np.clip(soft + (noise[..., None] if pixels.ndim == 3 else noise), 0, 255).astype(np.uint8)


def settled(answer: Array, decoded: DecodedImage) -> tuple[Array, Array | None]:
    result = answer.copy()
    return result, decoded.consistency.settle(result)  # type: ignore[union-attr]


@pytest.mark.parametrize("quality", [40, 60, 75, 90, 95])
@pytest.mark.parametrize("draw", [page, dither])
def test_black_and_white_comes_back_bit_for_bit(draw: Any, quality: int) -> None:
    original = painted(draw())
    result, blocks = settled(blurred(original), coded(original, quality))
    assert blocks is not None and blocks.mean() > 0.999
    np.testing.assert_array_equal(result, original)


@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": "4:4:4"}, {"subsampling": "4:2:2"}, {"progressive": True}, {"keep_rgb": True},
        {"restart_marker_rows": 1}, {"optimize": True},
    ],
)  # fmt: skip
def test_in_every_kind_of_file(options: dict[str, Any]) -> None:
    original = painted(page())
    result, _ = settled(blurred(original), coded(original, **options))
    np.testing.assert_array_equal(result, original)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_gray_and_in_every_depth(dtype: Any, white: int) -> None:
    original = painted(page())[..., 0]
    answer = (blurred(original).astype(np.float64) / 255 * white).astype(dtype)
    result, _ = settled(answer, coded(original))
    np.testing.assert_array_equal(result, (original > 0) * np.array(white, dtype))


@pytest.mark.parametrize("colours", [((56, 15, 72), (251, 197, 186)), ((20, 60, 20), (240, 240, 200))])
def test_coloured_ones_to_what_8_bits_of_luma_and_chroma_can_say(colours: Any) -> None:
    original = painted(page(), *colours)
    result, blocks = settled(blurred(original), coded(original))
    assert blocks is not None and blocks.mean() > 0.99
    assert np.abs(result.astype(int) - original).max() <= 2


@pytest.mark.parametrize("subsampling", ["4:4:0", "4:1:1"])
def test_in_rare_samplings(subsampling: str) -> None:
    original = painted(page())
    decoded = decode(encode_file(original, JpegRate.from_quality(60), subsampling))
    np.testing.assert_array_equal(settled(blurred(original), decoded)[0], original)


def test_with_the_tables_of_mozjpeg_and_without_its_trellis() -> None:
    original, table = painted(page()), robidoux_table(50)
    decoded = decode(encode_file(original, JpegRate.from_tables(table, table)))
    np.testing.assert_array_equal(settled(blurred(original), decoded)[0], original)


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_logo_with_shades_does_not_hide_the_page(upside_down: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is: the strips are judged together."""
    from enhance.codecs.jpeg import consistency

    original = np.full((320, 381, 3), 255, np.uint8)
    original[-187:] = painted(page())
    original[16:48, 16:48] = skimage.data.astronaut()[100:132, 200:232]
    original = original[::-1].copy() if upside_down else original
    monkeypatch.setattr(consistency, "_STRIP_PIXELS", 16 * 381)
    _, blocks = settled(blurred(original), coded(original))
    assert blocks is not None and 0.95 < blocks.mean() < 1


@pytest.mark.parametrize("pattern", ["checks", "stripes"])
def test_even_mixtures_of_black_and_white_have_no_chroma(pattern: str) -> None:
    rows, columns = np.mgrid[:96, :96]
    original = painted(((rows + columns) % 2 if pattern == "checks" else columns // 2 % 2) > 0)
    result, blocks = settled(blurred(original), coded(original, 75))
    assert blocks is not None and blocks.all()
    np.testing.assert_array_equal(result, original)


def test_colours_that_are_not_sure_are_not_claimed() -> None:
    """Checks of two grays at a coarse table: the mean is known, and the difference of the colours hardly."""
    rows, columns = np.mgrid[:96, :96]
    original = painted((rows + columns) % 2 > 0, (70,) * 3, (180,) * 3)
    result, blocks = settled(original, coded(original, 10))
    assert blocks is None or np.abs(result.astype(int) - original).max() <= 2


def test_wrong_pixels_are_set_right() -> None:
    original = painted(page())
    answer = blurred(original)
    wrong = np.random.default_rng(1).integers(0, original.shape[:2], (60, 2))
    answer[wrong[:, 0], wrong[:, 1]] = 255 - answer[wrong[:, 0], wrong[:, 1]]
    result, _ = settled(answer, coded(original))
    np.testing.assert_array_equal(result, original)


@pytest.mark.parametrize("quality", [5, 10, 30, 60, 90])
def test_what_has_more_colours_is_left(quality: int) -> None:
    smooth = np.repeat(skimage.data.page()[..., None], 3, axis=2)
    shades = cv2.resize(painted(page()), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    photo = skimage.data.astronaut()[:200, 100:300]
    for original in (smooth, shades, photo):
        for answer in (original, blurred(original)):
            result, blocks = settled(answer, coded(original, quality))
            assert blocks is None
            np.testing.assert_array_equal(result, answer)


def test_even_pictures_and_tiny_ones_are_left() -> None:
    for original in (np.full((64, 64, 3), 255, np.uint8), painted(np.eye(8) > 0), painted(np.eye(1) > 0)):
        assert settled(original, coded(original))[1] is None


@pytest.mark.parametrize("quality", [3, 10, 50])
def test_an_answer_that_has_little_to_do_with_the_file_is_left(quality: int) -> None:
    """Otherwise repairs would lead to some picture that fits: at coarse tables there are many."""
    dots, others = (painted(np.random.default_rng(seed).random((64, 64)) > 0.5) for seed in (0, 1))
    assert settled(others, coded(dots, quality))[1] is None
    assert settled(painted(page())[::-1].copy(), coded(painted(page()), quality))[1] is None


def test_where_the_answer_is_unclear_and_both_fit_neither_is_claimed() -> None:
    """A notch in a thin line, one row higher or lower: four pixels, which the file does not tell apart."""
    line = np.ones((64, 64), bool)
    line[:, 17::16] = False
    higher, lower = line.copy(), line.copy()
    for picture, row in ((higher, 27), (lower, 28)):
        picture[row, 17], picture[row, 16] = True, False
    decoded = coded(painted(lower), 20)
    between = painted(higher) // 2 + painted(lower) // 2
    _, blocks = settled(between, decoded)
    assert blocks is not None and not blocks[3, 2] and blocks.sum() == blocks.size - 1


def test_strips_are_as_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    from enhance.codecs.jpeg import consistency

    original = painted(dither())
    decoded, answer = coded(original, 25), blurred(original)
    whole = two_colours.prove(answer, decoded.consistency)  # type: ignore[arg-type]
    monkeypatch.setattr(consistency, "_STRIP_PIXELS", 16 * original.shape[1])
    strips = two_colours.prove(answer, decoded.consistency)  # type: ignore[arg-type]
    assert whole is not None and strips is not None
    np.testing.assert_array_equal(whole.proven, strips.proven)
    np.testing.assert_array_equal(whole.bright, strips.bright)


def test_the_enhancer_gives_a_page_back_and_says_so() -> None:
    original = painted(page())
    decoded, enhancer = coded(original, 50), Enhancer(threads=1)
    for mode in ("fidelity", "perceptual"):
        result = enhancer.run(decoded, Knobs(mode=mode))
        np.testing.assert_array_equal(result.pixels, original)
        assert result.record.settled == 1
        assert any("two colours" in note for note in result.record.notes)
    half = enhancer.run(decoded, Knobs(strength=0.5))
    assert half.record.settled == 0 and not np.array_equal(half.pixels, original)
    unprojected = enhancer.run(decoded, Knobs(consistent=False))
    assert unprojected.record.settled == 0
