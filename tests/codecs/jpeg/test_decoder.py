"""Every JPEG that libjpeg can read gives its pixels and facts; every other file gives one clear error."""

from __future__ import annotations

import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile
from skimage import data as photos

from enhance.codecs.registry import decode
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.images import DecodedImage, Pixels

PHOTO = Image.fromarray(photos.astronaut()[:200, :303])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def as_jpeg(image: Image.Image = PHOTO, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def reference(jpeg: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def fails(jpeg: bytes, error: type[EnhanceError], match: str, **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=match) as caught:
            decode(jpeg, source_name="photo.jpg", **options)
    assert caught.value.source == "photo.jpg"
    assert caught.value.reason and caught.value.hint and "\n" not in str(caught.value)


def frame_offset(jpeg: bytes | bytearray) -> int:
    return next(offset for marker in (b"\xff\xc0", b"\xff\xc2") if (offset := jpeg.find(marker)) > 0)


def with_frame(
    jpeg: bytes, *, marker: int | None = None, precision: int = 8, size: tuple[int, int] | None = None
) -> bytes:
    """The file with another frame header: size is (width, height)."""
    changed, at = bytearray(jpeg), frame_offset(jpeg)
    if marker is not None:
        changed[at + 1] = marker
    changed[at + 4] = precision
    if size is not None:
        changed[at + 5 : at + 9] = struct.pack(">HH", size[1], size[0])
    return bytes(changed)


def without_segment(jpeg: bytes, marker: bytes) -> bytes:
    at = jpeg.index(marker)
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


# --- what is decoded -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [0, 3])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_colour(subsampling: str, progressive: bool, restart: int) -> None:
    jpeg = as_jpeg(subsampling=subsampling, progressive=progressive, restart_marker_blocks=restart, quality=60)
    image = decode(jpeg)
    np.testing.assert_array_equal(image.pixels, reference(jpeg))
    assert image.pixels.dtype == np.uint8 and image.pixels.flags.writeable
    facts = {"width": 303, "height": 200, "color_space": "YCbCr", "subsampling": subsampling, "precision": 8}
    facts |= {"progressive": progressive, "restart_interval": restart}
    facts["process"] = "progressive" if progressive else "baseline"
    assert facts.items() <= image.details.items()
    assert (image.details["scans"] > 1) == progressive
    assert (image.rate.level, image.notes) == (60, ())


@pytest.mark.parametrize("restart", [0, 1])
@pytest.mark.parametrize("progressive", [False, True])
def test_gray_stays_gray(progressive: bool, restart: int) -> None:
    jpeg = as_jpeg(PHOTO.convert("L"), progressive=progressive, restart_marker_blocks=restart)
    image = decode(jpeg)
    assert image.is_gray and image.pixels.shape == (200, 303)
    np.testing.assert_array_equal(image.pixels, reference(jpeg))
    assert (image.details["color_space"], image.details["subsampling"]) == ("gray", "4:0:0")


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (17, 1), (7, 9), (16, 16), (65500, 8), (8, 65500)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_any_size(size: tuple[int, int], mode: str) -> None:
    jpeg = as_jpeg(PHOTO.resize(size).convert(mode))
    image = decode(jpeg)
    assert (image.width, image.height) == size
    np.testing.assert_array_equal(image.pixels, reference(jpeg))


@pytest.mark.parametrize(("factors", "name"), [(0x12, "4:4:0"), (0x41, "4:1:1"), (0x31, "3x1,1x1,1x1")])
def test_rare_sampling_factors_of_a_flat_picture(factors: int, name: str) -> None:
    # The blocks of a flat picture are all alike, so another MCU layout needs only another count of them.
    jpeg = bytearray(
        as_jpeg(Image.new("RGB", (8 * (factors >> 4), 8 * (factors & 15)), (128, 128, 128)), subsampling=0)
    )
    jpeg[frame_offset(jpeg) + 11] = factors
    image = decode(bytes(jpeg))
    assert image.details["subsampling"] == name
    np.testing.assert_array_equal(image.pixels, reference(bytes(jpeg)))


@pytest.mark.parametrize("known_by", ["Adobe segment", "component names"])
def test_rgb(known_by: str) -> None:
    jpeg = as_jpeg(keep_rgb=True, quality=90)
    image = decode(jpeg if known_by == "Adobe segment" else without_segment(jpeg, b"\xff\xee"))
    assert image.details["color_space"] == "RGB"
    assert any("coded as RGB" in note for note in image.notes)
    assert np.abs(image.pixels.astype(int) - np.asarray(PHOTO)).mean() < 4


@pytest.mark.parametrize("progressive", [False, True])
def test_cmyk_becomes_srgb_without_profile(progressive: bool) -> None:
    colours = Image.new("RGB", (24, 8))
    colours.paste((255, 255, 255), (0, 0, 8, 8))
    colours.paste((200, 30, 30), (8, 0, 16, 8))
    jpeg = as_jpeg(colours.convert("CMYK"), progressive=progressive, quality=95, icc_profile=SRGB)
    image = decode(jpeg)
    assert image.details["color_space"] == "CMYK" and image.pixels.shape == (8, 24, 3)
    np.testing.assert_allclose(image.pixels[4, [4, 12, 20]], [[255] * 3, [200, 30, 30], [0] * 3], atol=3)
    assert image.metadata.icc_profile is None and image.consistency is None
    assert any("CMYK converted to sRGB by the plain formula" in note for note in image.notes)


def test_ycck() -> None:
    jpeg = bytearray(as_jpeg(Image.new("CMYK", (16, 16), (0, 0, 0, 100)), quality=95))
    at = jpeg.index(b"Adobe")
    assert jpeg[at + 11] == 0
    jpeg[at + 11] = 2
    image = decode(bytes(jpeg))
    assert image.details["color_space"] == "YCCK"
    np.testing.assert_array_equal(image.pixels, np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))


def test_a_broken_cmyk_profile_falls_back_to_the_formula() -> None:
    profile = bytearray(128)
    profile[16:20], profile[36:40] = b"CMYK", b"acsp"
    image = decode(as_jpeg(Image.new("CMYK", (8, 8)), icc_profile=bytes(profile)), source_name="brochure.jpg")
    np.testing.assert_array_equal(image.pixels, 255)
    assert any("by the plain formula" in note for note in image.notes) and image.metadata.icc_profile is None


def test_only_the_first_picture_of_a_file_is_read() -> None:
    jpeg = as_jpeg()
    np.testing.assert_array_equal(decode(jpeg + as_jpeg(PHOTO.convert("L")) + b"junk").pixels, reference(jpeg))


def test_a_file_that_needs_little_repair_says_so() -> None:
    assert any("nearly lossless" in note for note in decode(as_jpeg(quality=99)).notes)
    assert decode(as_jpeg(quality=90)).notes == ()


def test_several_threads_at_once() -> None:
    jpegs = [as_jpeg(quality=quality) for quality in range(20, 90, 10)] * 4
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(decode, jpegs))
    for jpeg, image in zip(jpegs, images, strict=True):
        np.testing.assert_array_equal(image.pixels, reference(jpeg))


# --- what comes along ------------------------------------------------------------------------------------------------


def test_metadata_is_read() -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    xmp = b"<x:xmpmeta/>"
    jpeg = as_jpeg(exif=exif, icc_profile=SRGB, xmp=xmp, comment=b"a comment", dpi=(300, 150))
    metadata = decode(jpeg).metadata
    assert metadata.exif is not None and metadata.exif.startswith(b"Exif\0\0")
    assert (metadata.icc_profile, metadata.xmp, metadata.comment) == (SRGB, xmp, b"a comment")
    assert (metadata.dpi, metadata.orientation) == ((300, 150), 6)


def test_a_profile_larger_than_a_segment_is_joined_in_order() -> None:
    profile = SRGB + bytes(range(256)) * 600
    jpeg = as_jpeg(icc_profile=profile)
    assert decode(jpeg).metadata.icc_profile == profile
    broken = decode(without_segment(jpeg, b"\xff\xe2"))
    assert broken.metadata.icc_profile is None and "damaged ICC profile, dropped" in broken.notes


def test_a_profile_of_another_colour_space_is_dropped() -> None:
    image = decode(as_jpeg(PHOTO.convert("L"), icc_profile=SRGB))
    assert image.metadata.icc_profile is None
    assert any("another colour space" in note for note in image.notes)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(20), b"Exif\0\0garbage" * 9])
def test_damaged_exif_is_dropped_with_a_note(exif: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = decode(as_jpeg(exif=exif), source_name="photo.jpg")
    assert (image.metadata.exif, image.metadata.orientation) == (None, 1)
    assert "damaged EXIF, dropped" in image.notes


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.02, 0.05, 0.2, 0.5, 0.9, 0.99, 0.999])
def test_truncated(kept: float, progressive: bool) -> None:
    jpeg = as_jpeg(progressive=progressive)
    with pytest.raises(DecodeError, match=r"truncated|damaged|without") as caught:
        decode(jpeg[: int(len(jpeg) * kept)], source_name="photo.jpg")
    assert caught.value.hint


def test_a_missing_end_marker_alone_is_noted_where_libjpeg_reads_all_the_same() -> None:
    accepted = 0
    for quality in range(30, 90, 5):  # whether the last bits suffice depends on the bits
        jpeg = as_jpeg(restart_marker_blocks=1, quality=quality)
        try:
            image = decode(jpeg[:-2])
        except DecodeError as error:
            assert "truncated" in error.reason
            continue
        np.testing.assert_array_equal(image.pixels, reference(jpeg))
        assert any("end-of-image" in note for note in image.notes)
        accepted += 1
    assert accepted


def test_truncated_even_if_the_program_told_pillow_to_fill_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    jpeg = as_jpeg()
    fails(jpeg[: len(jpeg) // 2], DecodeError, "truncated")
    np.testing.assert_array_equal(decode(jpeg).pixels, reference(jpeg))


@pytest.mark.parametrize("size", [(0, 10), (10, 0), (0, 0)])
def test_no_size(size: tuple[int, int]) -> None:
    fails(with_frame(as_jpeg(), size=size), DecodeError, "size")


def test_a_header_that_claims_65535x65535() -> None:
    fails(with_frame(as_jpeg(), size=(65535, 65535)), DecodeError, "65535x65535")


def test_more_pixels_than_allowed() -> None:
    fails(as_jpeg(), UnsupportedImageError, "max_pixels", max_pixels=303 * 200 - 1)
    assert decode(as_jpeg(), max_pixels=303 * 200).width == 303


@pytest.mark.parametrize(("precision", "marker"), [(12, 0xC1), (12, 0xC2), (16, 0xC0), (0, 0xC0)])
def test_other_than_8_bits(precision: int, marker: int) -> None:
    fails(with_frame(as_jpeg(), precision=precision, marker=marker), UnsupportedImageError, f"{precision} bits")


@pytest.mark.parametrize("marker", [0xC3, 0xCB])
def test_lossless(marker: int) -> None:
    fails(with_frame(as_jpeg(), marker=marker), UnsupportedImageError, "lossless")


@pytest.mark.parametrize("marker", [0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF])
def test_hierarchical(marker: int) -> None:
    fails(with_frame(as_jpeg(), marker=marker), UnsupportedImageError, "hierarchical")


def test_arithmetic_coding_that_libjpeg_cannot_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Image.Image) -> None:
        raise OSError("broken data stream when reading image file")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    fails(with_frame(as_jpeg(), marker=0xC9), UnsupportedImageError, "arithmetic")


def test_two_components() -> None:
    jpeg = as_jpeg()
    at = frame_offset(jpeg)
    two = jpeg[:at] + b"\xff\xc0\0\x0e" + jpeg[at + 4 : at + 9] + b"\2" + jpeg[at + 10 : at + 16] + jpeg[at + 19 :]
    fails(two, UnsupportedImageError, "2 components")


def test_missing_parts() -> None:
    jpeg = as_jpeg()
    no_tables = jpeg
    while b"\xff\xdb" in no_tables:
        no_tables = without_segment(no_tables, b"\xff\xdb")
    fails(no_tables, DecodeError, "quantisation table")
    fails(without_segment(jpeg, b"\xff\xc0"), DecodeError, "frame header")
    fails(b"\xff\xd8\xff\xd9", DecodeError, "without a picture")
    fails(b"\xff\xd8", DecodeError, "ends before")
    fails(b"\xff\xd8\xff" + bytes(500), DecodeError, "damaged")
    fails(b"\xff\xd8\xff\xe0\0\x10JFIF\0", DecodeError, "wrong length")


SEEDS = [
    as_jpeg(PHOTO.crop((0, 0, 60, 40)), restart_marker_blocks=2, icc_profile=SRGB[:200], dpi=(9, 9)),
    as_jpeg(PHOTO.crop((0, 0, 60, 40)), progressive=True, xmp=b"<x/>"),
    as_jpeg(PHOTO.crop((0, 0, 20, 20)).convert("CMYK")),
]


@settings(max_examples=250)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    early=st.booleans(),
    kept=st.sampled_from([1.0, 1.0, 0.7, 0.1]),
)
def test_no_damage_gets_past_our_own_errors(
    seed: bytes, changes: list[tuple[float, int]], early: bool, kept: float
) -> None:
    damaged = bytearray(seed[: int(len(seed) * kept)])
    for position, value in changes:
        damaged[int(position * (min(700, len(damaged)) if early else len(damaged)))] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            image = decode(bytes(damaged), max_pixels=10_000_000)
        except EnhanceError as error:
            assert error.source == "<memory>" and error.reason and error.hint
        else:
            assert isinstance(image, DecodedImage)
            assert image.pixels.shape[:2] == (image.details["height"], image.details["width"])
