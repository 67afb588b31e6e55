"""The measure of dots: it sees what repeats with the blocks, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from enhance.errors import UsageError
from enhance.evaluation.metrics.distortion import psnr
from enhance.evaluation.metrics.dots import dots, dots_beyond

PHOTO = np.asarray(data.astronaut())


def planted(height: int) -> np.ndarray:
    """The photo with a dot at row 1, column 1 of every block."""
    pixels = PHOTO.astype(int)
    pixels[1::8, 1::8] += height
    return np.clip(pixels, 0, 255).astype(np.uint8)


def test_a_photo_has_none_and_a_planted_dot_shows_with_its_height() -> None:
    assert dots(PHOTO) < 1
    # The pixel itself stands out by its height, its four neighbours fall by a quarter of it.
    assert dots_beyond(PHOTO, planted(4)) == pytest.approx(5, abs=0.8)
    assert psnr(PHOTO, planted(4)) > 50, "which hardly any distance sees"


def test_what_does_not_repeat_with_the_blocks_is_not_counted() -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(PHOTO + rng.normal(0, 8, PHOTO.shape), 0, 255).astype(np.uint8)
    assert abs(dots_beyond(PHOTO, noisy)) < 1
    every_seventh = PHOTO.astype(int)
    every_seventh[::7, ::7] += 8
    assert dots_beyond(PHOTO, np.clip(every_seventh, 0, 255).astype(np.uint8)) < 1


def test_gray_flat_and_tiny_pictures() -> None:
    assert dots(np.full((64, 64), 77, np.uint8)) == 0
    tiled = np.tile(np.pad(np.full((1, 1), 40), ((1, 6), (1, 6))), (5, 5))
    assert dots(tiled) == pytest.approx(50)
    assert dots(PHOTO[:16, :40]) == 0
    with pytest.raises(UsageError):
        dots_beyond(PHOTO, PHOTO[:8])
