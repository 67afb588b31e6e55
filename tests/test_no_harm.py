"""No picture gets worse: drawn pictures of many kinds, every mode, with the weights that ship.

The pictures are drawn here, by other code than the training's, and none of them was used for it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer
from enhance.images import EnhancedImage
from enhance.knobs import MODES, Knobs

Picture = npt.NDArray[np.uint8]

SIDE = 112
_ROWS, _COLUMNS = np.indices((SIDE, SIDE))
_PHOTO = np.ascontiguousarray(data.chelsea()[60 : 60 + SIDE, 150 : 150 + SIDE])


def stripes() -> Picture:
    """Black and white, 7 pixels from one to the next, at 20 degrees."""
    phase = (_COLUMNS * math.cos(0.35) + _ROWS * math.sin(0.35)) / 7 % 1
    return _gray(np.where(phase < 0.5, 0, 255))


def wide_stripes() -> Picture:
    """Red and white, upright, 22 pixels from one to the next: at quality 75 nearly exact in the file."""
    red = np.array([200, 30, 40])
    return np.where((_COLUMNS % 22 < 11)[..., None], red, 250).astype(np.uint8)


def halftone() -> Picture:
    """A photo as dots of a screen of 5 pixels at 45 degrees."""
    angle = math.pi / 4
    u, v = (_COLUMNS * math.cos(angle) + _ROWS * math.sin(angle), _ROWS * math.cos(angle) - _COLUMNS * math.sin(angle))
    screen = (np.cos(2 * math.pi * u / 5) * np.cos(2 * math.pi * v / 5) + 1) / 2
    return _gray(np.where(screen < _PHOTO.mean(axis=2) / 255, 255, 0))


def dither() -> Picture:
    """A photo in black and white by error diffusion."""
    return np.asarray(Image.fromarray(_PHOTO).convert("1").convert("RGB"))


def line_art() -> Picture:
    """Thin black lines by chance on white."""
    rng = np.random.default_rng(5)
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(30):
        pen.line([int(place) for place in rng.integers(-10, SIDE + 10, 4)], "black", int(rng.integers(1, 3)))
    return np.asarray(picture)


def comic() -> Picture:
    """Flat colours with black outlines."""
    picture = Image.new("RGB", (SIDE, SIDE), (255, 236, 150))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((15, 10, 95, 90), (245, 190, 150), "black", 3)
    pen.ellipse((32, 35, 48, 55), "white", "black", 2)
    pen.ellipse((62, 35, 78, 55), "white", "black", 2)
    pen.rectangle((0, 92, SIDE, SIDE), (60, 90, 200), "black", 3)
    pen.arc((35, 50, 75, 78), 20, 160, "black", 3)
    return np.asarray(picture)


def pixel_art() -> Picture:
    """A figure of a few colours, 8 pixels a dot, so that each block of the file is of one colour."""
    rng = np.random.default_rng(3)
    colours, dots = rng.integers(0, 256, (5, 3)), np.zeros((SIDE // 8, SIDE // 8), np.intp)
    half = rng.integers(1, 5, (10, 5)) * (rng.random((10, 5)) < 0.6)
    dots[2:12, 2:12] = np.hstack([half, half[:, ::-1]])
    return colours[dots].astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def text() -> Picture:
    """A page, black on white."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(picture)
    for line in range(9):
        pen.text((3, 2 + 12 * line), "The quick brown fox jumps over it"[line:], "black", ImageFont.load_default(11))
    return np.asarray(picture)


def neutral_photo() -> Picture:
    """A black-and-white photo that is stored in colour."""
    return _gray(np.asarray(Image.fromarray(_PHOTO).convert("L")))


def gradient() -> Picture:
    """A smooth sky."""
    height = (_ROWS / SIDE)[..., None]
    return np.rint(np.array([90, 140, 230]) * (1 - height) + np.array([250, 240, 220]) * height).astype(np.uint8)


def photo() -> Picture:
    """A cat."""
    return _PHOTO


def noise() -> Picture:
    """What nobody can know."""
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


KINDS: list[Callable[[], Picture]] = [
    stripes, wide_stripes, halftone, dither, line_art, comic, text, neutral_photo, gradient, photo, noise,
]  # fmt: skip


def _gray(values: npt.NDArray[Any]) -> Picture:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def enhancer() -> Enhancer:
    return Enhancer(device="cpu", dtype="float32")


def psnr(original: Picture, other: npt.NDArray[Any]) -> float:
    error = float(np.mean((original.astype(np.float64) - other) ** 2))
    return 10 * math.log10(255**2 / max(error, 0.01))


def enhanced(enhancer: Enhancer, original: Picture, **knobs: Any) -> Callable[..., tuple[float, EnhancedImage]]:
    def code(quality: int, **options: Any) -> tuple[float, EnhancedImage]:
        file = io.BytesIO()
        Image.fromarray(original).save(file, "JPEG", quality=quality, **options)
        decoded = decode(file.getvalue())
        result = enhancer.run(decoded, Knobs(**knobs))
        return psnr(original, result.pixels) - psnr(original, decoded.pixels), result

    return code


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_no_drawing_and_no_photo_gets_worse(kind: Callable[[], Picture], mode: str, enhancer: Enhancer) -> None:
    code = enhanced(enhancer, kind(), mode=mode)
    for subsampling in ("4:2:0", "4:4:4"):
        for quality in (10, 40, 75, 100):
            gain, _ = code(quality, subsampling=subsampling)
            assert gain > -0.1, (kind.__name__, mode, subsampling, quality, gain)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("mode", MODES)
def test_pixel_art_whose_dots_are_blocks_loses_nothing(mode: str, subsampling: str, enhancer: Enhancer) -> None:
    code = enhanced(enhancer, pixel_art(), mode=mode)
    for quality in (40, 75, 85, 95):
        gain, _ = code(quality, subsampling=subsampling)
        assert gain > -0.05, (quality, gain)


@pytest.mark.parametrize("mode", MODES)
def test_files_with_tables_of_ones_are_left_nearly_alone(mode: str, enhancer: Enhancer) -> None:
    ones, coarse = [1] * 64, [20] * 64
    for tables in ([ones, ones], [ones, coarse], [coarse, ones]):
        for subsampling in ("4:2:0", "4:2:2", "4:4:4"):
            gain, _ = enhanced(enhancer, _PHOTO, mode=mode)(50, qtables=tables, subsampling=subsampling)
            assert gain > -0.1, (mode, tables[0][0], tables[1][0], subsampling, gain)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kind", [stripes, halftone, dither, line_art, text, neutral_photo], ids=lambda kind: kind.__name__
)
def test_neutral_pictures_stay_neutral(kind: Callable[[], Picture], mode: str, enhancer: Enhancer) -> None:
    for quality in (10, 50, 90):
        _, result = enhanced(enhancer, kind(), mode=mode)(quality)
        assert np.ptp(result.pixels, axis=2).max() == 0, quality


def test_a_photo_gains_and_the_guard_costs_it_nothing(enhancer: Enhancer) -> None:
    for quality in (10, 40, 75):
        guarded, result = enhanced(enhancer, _PHOTO, mode="fidelity")(quality)
        free, _ = enhanced(enhancer, _PHOTO, mode="fidelity", guard=False)(quality)
        assert guarded > 0.5 and guarded > free - 0.02
        assert result.record.withheld is not None and result.record.withheld < 0.01


@pytest.mark.parametrize("colour", [(40, 90, 200), (255, 255, 255), (3, 250, 7)])
def test_one_colour_is_left_as_it_is(colour: tuple[int, int, int], enhancer: Enhancer) -> None:
    picture = np.full((40, 56, 3), colour, np.uint8)
    for quality in (5, 40, 90):
        gain, result = enhanced(enhancer, picture, mode="perceptual")(quality)
        assert gain == 0 and result.record.steps == 0
        assert "one colour" in result.record.notes[-1]
