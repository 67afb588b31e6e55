"""A picture is shown to the network with its blocks in place, and the answer comes back to where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from enhance.codecs.coding import Axis, Coding
from enhance.codecs.jpeg.rate import JpegRate
from enhance.frames.depth import Values
from enhance.images import DecodedImage, Pixels
from enhance.inference.alignment import MOST_SCALED_PIXELS, align, can_align

RATE = JpegRate.from_quality(20)


def picture(height: int, width: int) -> DecodedImage:
    """Smooth, with all values between 20 and 220."""
    rows, columns = np.mgrid[:height, :width]
    channels = [120 + 50 * np.sin(rows / 9 + shift) + 50 * np.cos(columns / 11) for shift in range(3)]
    return DecodedImage(np.stack(channels, axis=2).round().astype(np.uint8), RATE)


def as_values(pixels: Pixels) -> Values:
    return np.asarray(pixels, np.float32)


def test_without_a_coding_nothing_is_changed() -> None:
    decoded = picture(20, 30)
    aligned = align(decoded, None)
    assert aligned.pixels is decoded.pixels
    change = aligned.back(lambda rows, width: as_values(decoded.pixels)[rows, :width])
    assert np.array_equal(change(slice(5, 9)), decoded.pixels[5:9])


@pytest.mark.parametrize("corner", [(0, 0), (5, 0), (0, 13), (11, 3)])
def test_a_shifted_grid_is_undone_by_padding(corner: tuple[int, int]) -> None:
    decoded = picture(50, 40)
    aligned = align(decoded, Coding(RATE, corner))
    top, left = -corner[0] % 16, -corner[1] % 16
    assert aligned.pixels.shape == (50 + top, 40 + left, 3)
    assert np.array_equal(aligned.pixels[top:, left:], decoded.pixels)
    # The pixel at which a block begins is at a multiple of 16 now.
    assert (corner[0] + top) % 16 == (corner[1] + left) % 16 == 0
    change = aligned.back(lambda rows, width: as_values(aligned.pixels)[rows, :width])
    assert np.array_equal(change(slice(10, 50)), decoded.pixels[10:50])


@pytest.mark.parametrize("axis", [Axis(4.8, 0.0), Axis(6.3, 2.7), Axis(12.0, 11.5)])
@pytest.mark.parametrize("gray", [False, True])
def test_a_scaled_picture_is_seen_at_the_first_scale_and_the_answer_comes_back(axis: Axis, gray: bool) -> None:
    decoded = picture(96, 131)
    if gray:
        decoded = DecodedImage(decoded.pixels[..., 0], RATE)
    aligned = align(decoded, Coding(RATE, axes=(axis, axis)))
    assert not any(side % 8 for side in aligned.pixels.shape[:2])
    seen = as_values(aligned.pixels * 255)
    seen = np.repeat(seen[..., None], 3, axis=2) if gray else seen
    back = aligned.back(lambda rows, width: seen[rows, :width])(slice(0, 96))
    expected = decoded.pixels[..., None] if gray else decoded.pixels
    assert back.shape == (96, 131, 3)
    assert np.abs(back - expected)[4:-4, 4:-4].max() < 1.5


def test_a_constant_answer_comes_back_as_it_is() -> None:
    decoded = picture(60, 80)
    aligned = align(decoded, Coding(RATE, axes=(Axis(4.8, 1.0), Axis(4.8, 0.0))))
    change = aligned.back(lambda rows, width: np.full((rows.stop - rows.start, width, 3), 7, np.float32))
    assert np.allclose(change(slice(0, 60)), 7, atol=1e-3)


def test_what_does_not_fit_into_memory_is_known_before() -> None:
    coding = Coding(RATE, axes=(Axis(4.0, 0.0), Axis(4.0, 0.0)))
    side = int((MOST_SCALED_PIXELS / 4) ** 0.5)
    large = DecodedImage(np.broadcast_to(np.uint8(0), (side + 9, side + 9, 3)), RATE)
    assert can_align(picture(60, 80), coding)
    assert not can_align(large, coding)
    assert can_align(large, Coding(RATE, (3, 5)))
