"""The parts of a picture that are looked at: all of a small one, and of a large one where most is to be seen."""

from __future__ import annotations

import numpy as np
import pytest

from enhance.codecs.jpeg.estimation.samples import any_in_windows, take_busy_part, take_sample
from enhance.images import Pixels

RNG = np.random.default_rng(0)


def with_noise(shape: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
    pixels = np.full(shape, 100, np.uint8)
    pixels[rows, columns] += RNG.integers(0, 9, pixels[rows, columns].shape, np.uint8)
    return pixels


@pytest.mark.parametrize("shape", [(40, 56, 3), (40, 56), (512, 512)])
def test_a_small_picture_is_looked_at_as_a_whole(shape: tuple[int, ...]) -> None:
    pixels = RNG.integers(0, 256, shape, np.uint8)
    part, sample = take_busy_part(pixels), take_sample(pixels)
    assert np.array_equal(part.luma, sample.luma)
    assert np.array_equal(part.clipped, sample.clipped)


@pytest.mark.parametrize("kind", ["colour", "gray", "16 bit", "float"])
def test_of_a_large_picture_the_tiles_are_taken_where_most_differs(kind: str) -> None:
    # A quarter of a megapixel of noise, on whole tiles of 64 x 256.
    pixels = with_noise((1100, 1300, 3), slice(128, 640), slice(512, 1024))
    if kind == "gray":
        pixels = pixels[..., 0]
    if kind in ("16 bit", "float"):
        pixels = pixels.astype(np.uint16) * 257 if kind == "16 bit" else pixels.astype(np.float32) / 255
    luma = take_busy_part(pixels).luma
    assert luma.size == 1 << 18
    assert luma.reshape(-1, 64, 256).std(axis=(1, 2)).min() > 0.5
    around = pixels[128:192, 512:768]
    assert np.allclose(luma[:64], take_sample(around).luma)


def test_no_block_lies_across_two_tiles() -> None:
    part = take_busy_part(RNG.integers(1, 255, (900, 900, 3), np.uint8))
    tops = part.corners((0, 0))[:, 0]
    assert set(tops % 64) == set(range(0, 56, 8))
    assert len(part.corners((3, 5))) > 0
    assert (part.corners((3, 5))[:, 0] % 64 <= 55).all()


@pytest.mark.parametrize(
    ("shape", "width"), [((20, 40_000), 256), ((40_000, 20), 16), ((17, 20_000, 3), 256)], ids=["flat", "tall", "rgb"]
)
def test_tiles_of_narrow_pictures_are_as_narrow(shape: tuple[int, ...], width: int) -> None:
    luma = take_busy_part(with_noise(shape, slice(None), slice(None))).luma
    assert luma.shape == ((1 << 18) // width, width)


@pytest.mark.parametrize("side", [1, 2, 8])
def test_squares_that_hold_something_marked(side: int) -> None:
    marked = RNG.random((3, 21, 18)) < 0.01
    found = any_in_windows(marked, side)
    assert found.shape == (3, 22 - side, 19 - side)
    windows = np.lib.stride_tricks.sliding_window_view(marked, (side, side), axis=(1, 2))
    assert np.array_equal(found, windows.any(axis=(3, 4)))
