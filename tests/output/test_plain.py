"""AVIF, JPEG XL, HEIC, BMP and PPM: what comes back, what travels along, and what is said where a plugin is missing."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, features

from enhance.errors import UsageError
from enhance.images import EnhancedImage, EnhancementRecord, Metadata
from enhance.output.encoders import OutputFormat, encode_image, encode_with_notes
from enhance.output.plain import check_available
from enhance.output.wholeness import judge

FORMATS = ("avif", "jxl", "heic", "bmp", "ppm")
LOSSLESS = ("jxl", "bmp", "ppm")


def available(name: str) -> str:
    """The name, or a test that is skipped with the reason."""
    try:
        check_available(name)
    except UsageError as error:
        pytest.skip(str(error))
    return name


def enhanced(gray: bool = False, **metadata: Any) -> EnhancedImage:
    rows, columns = np.mgrid[0:48, 0:64]
    pixels = np.stack([2 * rows, 3 * columns, rows + columns], axis=2).astype(np.uint8)
    record = EnhancementRecord(
        "jpeg", {}, False, 1, "one-step", 0, 1, 0, 1, 1, False, 1, "model", "cpu", "float32", 0, 0.1
    )
    return EnhancedImage(pixels[..., 0] if gray else pixels, record, Metadata(**metadata))


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_the_picture_comes_back(name: str, gray: bool) -> None:
    image = enhanced(gray)
    with Image.open(io.BytesIO(encode_image(image, available(name)))) as back:
        found = np.asarray(back.convert("L" if gray else "RGB"), np.int16)
    assert np.abs(found - image.pixels).max() <= (0 if name in LOSSLESS else 6)


@pytest.mark.parametrize("name", ["avif", "jxl", "heic"])
def test_exif_and_profile_travel_along_and_the_rest_is_told(name: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = enhanced(exif=exif.tobytes(), icc_profile=profile, comment=b"hello", orientation=6)
    encoded = encode_with_notes(image, available(name))
    with Image.open(io.BytesIO(encoded.content)) as back:
        assert back.size == (48, 64)  # turned, once
        assert back.getexif()[ExifTags.Base.Make] == "Maker"
        assert back.getexif().get(ExifTags.Base.Orientation, 1) == 1
        assert back.info["icc_profile"] == profile or (name == "jxl" and back.info["icc_profile"])  # written anew
    assert any(note.startswith("comment dropped") for note in encoded.notes)


@pytest.mark.parametrize("name", ["bmp", "ppm"])
def test_what_has_no_place_for_metadata_says_so(name: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    encoded = encode_with_notes(enhanced(exif=exif.tobytes()), name)
    assert encoded.notes == (f"EXIF dropped, {name.upper()} has no place for it",)


@pytest.mark.parametrize("name", ["avif", "jxl", "heic"])
def test_less_quality_is_a_smaller_file(name: str) -> None:
    image = enhanced()
    noisy = EnhancedImage(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), image.record)
    assert len(encode_image(noisy, available(name), quality=30)) < len(encode_image(noisy, name, quality=90))


@pytest.mark.parametrize("name", FORMATS)
def test_whole_and_cut_files_are_told_apart(name: str, tmp_path: Path) -> None:
    path, fmt = tmp_path / f"a.{name}", OutputFormat(available(name))
    content = encode_image(enhanced(), fmt)
    for file, state in ((content, "whole"), (content[: len(content) // 2], "cut"), (b"", "cut"), (b"mine", "foreign")):
        path.write_bytes(file)
        assert judge(path, fmt) == state


def test_names_that_others_use() -> None:
    names = {"a.pgm": "ppm", "a.HEIF": "heic", "a.pnm": "ppm", "a.jxl": "jxl"}
    assert {name: OutputFormat.from_path(name).value for name in names} == names


def test_a_missing_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in (("jxl", "pillow_jxl"), ("heic", "pillow_heif")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(UsageError, match=f"needs the plugin {module}.*pip install"):
            encode_image(enhanced(), name)
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(UsageError, match="cannot write AVIF"):
        encode_image(enhanced(), "avif")


@pytest.mark.parametrize("name", ["bmp", "ppm"])
def test_what_has_no_quality_refuses_one(name: str) -> None:
    with pytest.raises(UsageError, match="quality"):
        encode_image(enhanced(), name, quality=50)
