"""Natural pictures count as textured, smooth ones do not, and nothing jumps between."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from enhance.codecs.vvc.rate import VvcRate
from enhance.images import DecodedImage
from enhance.video.knobs import video_knobs
from enhance.video.texture import texture


def gradient(height: int = 120, width: int = 160) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A wallpaper."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([0.2 + rows / height / 4, 0.3 + columns / width / 4, np.full_like(rows, 0.4)], axis=2)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_photos_are_textured(name: str) -> None:
    assert texture(getattr(data, name)()) == 1


def test_wallpapers_are_not_even_behind_a_window() -> None:
    assert texture(gradient()) == 0
    screen = np.rint(gradient() * 255).astype(np.uint8)
    screen[40:90, 30:120] = 240
    screen[50:80:6, 40:110:2] = 20
    assert texture(screen) < 0.5
    blurred = Image.fromarray(data.astronaut()[:200, :200]).filter(ImageFilter.GaussianBlur(8))
    assert texture(np.asarray(blurred)) < 0.5


def test_kinds_of_pixels_say_the_same() -> None:
    photo = np.asarray(Image.fromarray(data.coffee()[:100, :100]).filter(ImageFilter.GaussianBlur(1)))
    found = texture(photo)
    assert 0 < found < 1
    assert texture(photo / np.float32(255)) == pytest.approx(found, abs=1e-3)
    assert texture(photo.astype(np.uint16) * 257) == pytest.approx(found, abs=1e-3)
    assert texture(np.repeat(photo[..., :1], 3, axis=2)) == pytest.approx(texture(photo[..., 0]), abs=0.02)


def test_between_there_are_no_steps() -> None:
    sharp, smooth = data.astronaut()[:96, :96] / np.float32(255), gradient(96, 96)
    along = [texture(share * sharp + (1 - share) * smooth) for share in np.linspace(0, 1, 41)]
    assert along[0] == 0 and along[-1] == 1
    assert np.abs(np.diff(along)).max() < 0.2


@pytest.mark.parametrize("size", [(1, 1, 3), (1, 9, 3), (2, 2), (3, 1)])
def test_tiny_pictures(size: tuple[int, ...]) -> None:
    assert 0 <= texture(np.full(size, 0.5, np.float32)) <= 1


def test_smooth_frames_get_no_looks_unasked() -> None:
    frames = [DecodedImage(pixels, VvcRate(30)) for pixels in (gradient(), data.astronaut() / np.float32(255))]
    smooth, textured = (video_knobs({}).for_frame(frame).resolve().perception for frame in frames)
    assert smooth == 0 and textured == video_knobs({}).at(VvcRate(30)).resolve().perception
    assert video_knobs({"perception": 0.6}).for_frame(frames[0]).resolve().perception == 0.6
