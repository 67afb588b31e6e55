"""Files that do not tell how they were coded: read as they are, and only where somebody asks for them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from enhance.codecs.pixels.decoder import PixelDecoder
from enhance.codecs.registry import decode, inspect, make_decoders
from enhance.codecs.unknown_rate import UnknownRate
from enhance.errors import DecodeError, UnsupportedImageError
from enhance.system.limits import Limits

PIXELS = np.ascontiguousarray(skimage.data.astronaut()[:40, :50])
WITH_PIXELS = make_decoders(pixels=True)


def file(pixels: Any = PIXELS, name: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(stream, name, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_pixels_are_read_as_they_are(name: str, options: dict[str, Any]) -> None:
    data = file(name=name, **options)
    decoded = decode(data, decoders=WITH_PIXELS)
    assert np.array_equal(decoded.pixels, PIXELS)
    assert decoded.rate == UnknownRate()
    assert decoded.details["format"] == name
    inspected = inspect(data, decoders=WITH_PIXELS)
    assert (inspected.width, inspected.height) == (50, 40)


def test_they_are_taken_only_where_that_is_asked_for() -> None:
    with pytest.raises(UnsupportedImageError, match="PNG"):
        decode(file())
    assert not any(isinstance(decoder, PixelDecoder) for decoder in make_decoders())


def test_gray_stays_gray_and_palettes_become_colours() -> None:
    assert decode(file(mode="L"), decoders=WITH_PIXELS).pixels.shape == (40, 50)
    assert decode(file(mode="1"), decoders=WITH_PIXELS).pixels.shape == (40, 50)
    assert decode(file(mode="P"), decoders=WITH_PIXELS).pixels.shape == (40, 50, 3)


def test_an_alpha_channel_is_dropped_only_if_it_says_nothing() -> None:
    opaque = np.dstack([PIXELS, np.full((40, 50), 255, np.uint8)])
    assert np.array_equal(decode(file(opaque), decoders=WITH_PIXELS).pixels, PIXELS)
    opaque[3, 4, 3] = 254
    with pytest.raises(UnsupportedImageError, match="transparent"):
        decode(file(opaque), decoders=WITH_PIXELS)


def test_deeper_samples_are_refused() -> None:
    with pytest.raises(UnsupportedImageError, match="mode"):
        decode(file(np.zeros((8, 8), np.uint16)), decoders=WITH_PIXELS)


def test_profile_orientation_and_resolution_are_kept() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    metadata = decode(file(exif=exif, icc_profile=b"profile", dpi=(300, 300)), decoders=WITH_PIXELS).metadata
    assert metadata.orientation == 6
    assert metadata.icc_profile == b"profile"
    assert metadata.dpi == pytest.approx((300, 300), abs=0.1)


def test_of_an_animation_the_first_picture_is_taken_and_told() -> None:
    frames = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1])]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    decoded = decode(stream.getvalue(), decoders=WITH_PIXELS)
    assert np.array_equal(decoded.pixels, PIXELS)
    assert "the first of 2 pictures" in decoded.notes[0]


@pytest.mark.parametrize("cut", [30, 200])
def test_damaged_files_are_refused_with_a_reason(cut: int, tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="cannot be read"):
        decode(file()[:cut], decoders=WITH_PIXELS)


def test_the_limit_of_pixels_holds() -> None:
    with pytest.raises(UnsupportedImageError, match="more than the limit"):
        decode(file(), limits=Limits(max_pixels=1000), decoders=WITH_PIXELS)
