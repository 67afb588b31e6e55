"""A result is a whole file with its metadata, in the place asked for, or an error and nothing at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from enhance.codecs.registry import decode
from enhance.errors import EnhanceError, OutputError, UsageError
from enhance.images import ColourDescription, EnhancedImage, EnhancementRecord, Metadata, Pixels
from enhance.output.writer import OutputFormat, encode_image, encode_with_notes, write_bytes, write_image

ReadDeep = Callable[[bytes], npt.NDArray[np.uint16]]
OWN = [OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.TIFF]
"""Formats with encoders of their own; for the others see test_plain.py."""

RECORD = EnhancementRecord(
    codec="jpeg", rate={}, rate_overridden=False, steps=1, sampler="one-step", perception=0.0, strength=1.0, seed=0,
    threshold=1.0, residual_scale=0.1, consistent=True, ensemble=1, model="none", device="cpu", dtype="float32",
    tile=0, seconds=0.0,
)  # fmt: skip
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
LOSSLESS = [OutputFormat.PNG, OutputFormat.WEBP, OutputFormat.TIFF]


def enhanced(pixels: Pixels, **metadata: Any) -> EnhancedImage:
    return EnhancedImage(pixels, RECORD, Metadata(**metadata), source="photo.jpg")


def picture(height: int = 24, width: int = 40, *, gray: bool = False) -> Pixels:
    """A smooth picture without symmetry, so that JPEG keeps it and every rotation shows."""
    y, x = np.mgrid[:height, :width]
    channels = [200 * x / width, 200 * y / height, 100 + 50 * x / width - 40 * y / height]
    return (channels[0] if gray else np.stack(channels, -1)).astype(np.uint8)


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def exif_block(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation], exif[0xFE12] = "Maker", orientation, b"unknown"
    photo = {ExifTags.Base.MakerNote: b"note" * 30, ExifTags.Base.ExifImageWidth: 9999}
    exif[ExifTags.IFD.Exif] = {**photo, ExifTags.IFD.Interop: {1: "R98"}}
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 8.0, 2.0)}
    return b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")


# --- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", OWN)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("gray", [False, True])
def test_every_orientation_is_upright_exactly_once_in_every_format(
    orientation: int, fmt: OutputFormat, gray: bool
) -> None:
    stored = picture(gray=gray)
    upright = Image.fromarray(stored)
    upright.getexif()[ExifTags.Base.Orientation] = orientation
    upright = ImageOps.exif_transpose(upright)
    image = enhanced(stored, exif=exif_block(orientation), xmp=XMP, orientation=orientation)
    written = opened(encode_image(image, fmt))
    seen = ImageOps.exif_transpose(written)  # a viewer that honours the tag
    assert seen.size == upright.size
    np.testing.assert_allclose(np.asarray(seen.convert("RGB")), np.asarray(upright.convert("RGB")), atol=4)
    if fmt is not OutputFormat.JPEG:  # and one that does not
        np.testing.assert_array_equal(np.asarray(written.convert("RGB")), np.asarray(upright.convert("RGB")))


@pytest.mark.parametrize("fmt", OWN)
@pytest.mark.parametrize("gray", [False, True])
def test_metadata_is_carried_over(fmt: OutputFormat, gray: bool) -> None:
    profile = None if gray else SRGB
    image = enhanced(
        picture(gray=gray), exif=exif_block(6), icc_profile=profile, xmp=XMP, comment=b"mine", dpi=(300, 150),
        orientation=6,
    )  # fmt: skip
    written = opened(encode_image(image, fmt))
    kept = fmt is OutputFormat.JPEG
    exif = written.getexif()
    assert exif[ExifTags.Base.Orientation] == (6 if kept else 1)
    assert (exif[ExifTags.Base.Make], exif[0xFE12]) == ("Maker", b"unknown")
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    assert photo[ExifTags.Base.MakerNote] == b"note" * 30
    assert photo[ExifTags.Base.ExifImageWidth] == (40 if kept else 24)
    assert exif.get_ifd(ExifTags.IFD.Interop)[1] == "R98"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (48.0, 8.0, 2.0)
    assert written.info.get("icc_profile") == profile
    assert written.info["xmp"] == XMP.replace(b'"6"', b'"6"' if kept else b'"1"')
    if fmt is not OutputFormat.WEBP:
        assert written.info["dpi"] == pytest.approx((300, 150) if kept else (150, 300), abs=0.02)
    assert written.info.get("comment") == (b"mine" if kept else None)


def test_a_jpeg_survives_the_round_trip_with_everything() -> None:
    first = enhanced(
        picture(), exif=exif_block(8), icc_profile=SRGB, xmp=XMP, comment=b"c", dpi=(72, 72), orientation=8
    )
    second = decode(encode_image(first, "jpeg"))
    third = decode(encode_image(EnhancedImage(second.pixels, RECORD, second.metadata), "jpeg"))
    assert second.metadata == third.metadata
    assert (second.metadata.icc_profile, second.metadata.orientation, second.metadata.dpi) == (SRGB, 8, (72, 72))


def test_nothing_is_made_up_where_there_is_no_metadata() -> None:
    for fmt in OWN:
        written = opened(encode_image(enhanced(picture()), fmt))
        assert not {"exif", "xmp", "icc_profile", "comment"} & {key for key, value in written.info.items() if value}


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 17), (300, 1), (33, 70)])
@pytest.mark.parametrize("fmt", LOSSLESS)
def test_lossless_formats_keep_every_pixel(fmt: OutputFormat, size: tuple[int, int], gray: bool) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, size if gray else (*size, 3), np.uint8)
    written = opened(encode_image(enhanced(pixels), fmt))
    assert written.mode == ("L" if gray and fmt is not OutputFormat.WEBP else "RGB")
    np.testing.assert_array_equal(np.asarray(written.convert("L") if gray else written), pixels)


def test_strips_of_a_large_tiff_join() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (700, 900, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(opened(encode_image(enhanced(pixels), "tiff"))), pixels)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("fmt", [OutputFormat.PNG, OutputFormat.TIFF])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_sixteen_bits_are_written_as_such(dtype: type, fmt: OutputFormat, gray: bool, read_deep: ReadDeep) -> None:
    codes = np.random.default_rng(1).integers(0, 65536, (9, 17) if gray else (9, 17, 3), np.uint16)
    pixels = codes if dtype is np.uint16 else (codes / 65535).astype(np.float32)
    image = enhanced(pixels, icc_profile=None if gray else SRGB, xmp=XMP, dpi=(300, 300))
    content = encode_image(image, fmt, depth=None if dtype is np.uint16 else 16)
    np.testing.assert_array_equal(read_deep(content), np.stack([codes] * 3, axis=2) if gray else codes)
    info = opened(content).info
    assert info["xmp"] == XMP.replace(b'"6"', b'"1"') and info.get("icc_profile") == (None if gray else SRGB)


def test_deep_pixels_may_take_many_chunks_of_a_png(read_deep: ReadDeep, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    whole = encode_image(enhanced(codes), OutputFormat.PNG)
    monkeypatch.setattr("enhance.output.high_depth._CHUNK_BYTES", 100)
    content = encode_image(enhanced(codes), OutputFormat.PNG)
    assert whole.count(b"IDAT") == 1 and content.count(b"IDAT") > 30
    np.testing.assert_array_equal(read_deep(content), codes)
    np.testing.assert_array_equal(np.asarray(opened(content)), np.asarray(opened(whole)))


@pytest.mark.parametrize("fmt", [OutputFormat.PNG, OutputFormat.TIFF])
def test_the_depth_of_a_file_is_the_asked_one_rounded_once(fmt: OutputFormat, read_deep: ReadDeep) -> None:
    values = np.random.default_rng(1).uniform(-0.1, 1.1, (9, 17, 3)).astype(np.float32)
    exact = np.clip(values.astype(np.float64), 0, 1)
    assert np.abs(read_deep(encode_image(enhanced(values), fmt, depth=16)) - exact * 65535).max() <= 0.51
    codes = picture()
    np.testing.assert_array_equal(read_deep(encode_image(enhanced(codes), fmt, depth=16)), codes.astype(int) * 257)
    for content in (encode_image(enhanced(values), fmt), encode_image(enhanced(values), fmt, depth=8)):
        np.testing.assert_array_equal(np.asarray(opened(content)), np.rint(exact * 255))
    deep = enhanced((codes * np.uint16(257)).astype(np.uint16))
    np.testing.assert_array_equal(np.asarray(opened(encode_image(deep, fmt, depth=8))), codes)


@pytest.mark.parametrize("fmt", [OutputFormat.JPEG, OutputFormat.WEBP])
def test_formats_of_8_bits_round(fmt: OutputFormat) -> None:
    cases: list[tuple[Pixels, int]] = [(np.full((8, 8, 3), 32768, np.uint16), 128)]
    cases += [(np.full((8, 8, 3), v, np.float32), code) for v, code in ((0.5, 128), (np.nan, 0), (7.0, 255), (-1, 0))]
    for pixels, expected in cases:
        seen = np.asarray(opened(encode_image(enhanced(pixels), fmt)))
        np.testing.assert_allclose(seen, expected, atol=1)


def test_jpeg_is_quality_95_without_subsampling_unless_asked() -> None:
    image = decode(encode_image(enhanced(picture()), "jpg"))
    assert (image.rate.level, image.details["subsampling"]) == (95, "4:4:4")
    assert decode(encode_image(enhanced(picture()), "jpg", quality=40)).rate.level == 40


def test_webp_is_lossless_unless_a_quality_is_given() -> None:
    noise = enhanced(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
    assert len(encode_image(noise, "webp", quality=10)) < len(encode_image(noise, "webp")) / 3


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fmt"),
    [
        ("a.PNG", "png"),
        ("b/c.jpeg", "jpeg"),
        ("d.JPG", "jpeg"),
        ("e.tif", "tiff"),
        ("f.tiff", "tiff"),
        ("g.webp", "webp"),
    ],
)
def test_the_format_follows_the_extension(name: str, fmt: str) -> None:
    assert OutputFormat.from_path(name).value == fmt
    assert OutputFormat.from_name(fmt).extension.lstrip(".") in {fmt, "jpg"}


@pytest.mark.parametrize("name", ["picture", "picture.gif", "picture.", ""])
def test_an_unknown_extension_is_a_usage_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_image(enhanced(picture()), tmp_path / name if name else "x")
    assert caught.value.hint


@pytest.mark.parametrize(("fmt", "quality"), [("png", 90), ("tiff", 90), ("jpeg", 0), ("jpeg", 101), ("webp", -1)])
def test_a_quality_that_does_not_apply_is_a_usage_error(fmt: str, quality: int) -> None:
    with pytest.raises(UsageError, match="quality"):
        encode_image(enhanced(picture()), fmt, quality=quality)


@pytest.mark.parametrize(("fmt", "depth"), [("png", 10), ("png", 0), ("jpeg", 16), ("webp", 16)])
def test_a_depth_that_does_not_apply_is_a_usage_error(fmt: str, depth: int) -> None:
    with pytest.raises(UsageError, match=r"depth|bits"):
        encode_image(enhanced(picture()), fmt, depth=depth)


@pytest.mark.parametrize(("fmt", "side"), [("webp", 16384), ("jpeg", 65501)])
@pytest.mark.parametrize("tall", [False, True])
def test_a_picture_too_large_for_the_format(fmt: str, side: int, tall: bool) -> None:
    with pytest.raises(OutputError, match="limit") as caught:
        encode_image(enhanced(np.zeros((side, 1) if tall else (1, side), np.uint8)), fmt)
    assert caught.value.source == "photo.jpg" and caught.value.hint


def test_metadata_too_long_for_a_jpeg_is_dropped_with_a_note() -> None:
    image = enhanced(picture(), xmp=b" " * 70000, comment=b"c" * 70000, dpi=(1e9, 0.01))
    encoded = encode_with_notes(image, "jpeg")
    assert decode(encoded.content).metadata == Metadata()
    assert [note.split(" dropped")[0] for note in encoded.notes] == ["XMP", "comment", "resolution"]


def test_damaged_metadata_does_not_stop_a_picture() -> None:
    for fmt in OWN:
        image = enhanced(picture(), exif=b"Exif\0\0nonsense", xmp=b"\xff\xfe\xff", orientation=3)
        assert opened(encode_image(image, fmt)).size == (40, 24)


# --- where and how ---------------------------------------------------------------------------------------------------


def files_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@contextlib.contextmanager
def refused(path: Path, match: str) -> Iterator[None]:
    """The block raises one clear OutputError about `path`, and leaves its folder as it was."""
    before = files_in(path.parent) if path.parent.is_dir() else None
    with pytest.raises(OutputError, match=match) as caught:
        yield
    assert caught.value.source == str(path) and caught.value.reason and caught.value.hint
    assert "\n" not in str(caught.value)
    assert (files_in(path.parent) if path.parent.is_dir() else None) == before


@pytest.mark.parametrize("fmt", OWN)
def test_writes_the_file_and_nothing_else(fmt: OutputFormat, tmp_path: Path) -> None:
    image, path = enhanced(picture()), tmp_path / f"result{fmt.extension}"
    write_image(image, path)
    assert path.read_bytes() == encode_image(image, fmt)
    assert files_in(tmp_path) == [path.name]
    write_image(image, str(tmp_path / "odd.name"), fmt=fmt)
    assert (tmp_path / "odd.name").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["été 日本 🌄.png", "n" * 196 + ".png", "n" * 251 + ".png", "-.png", " .png"])
def test_any_name_that_the_disk_allows(name: str, tmp_path: Path) -> None:
    write_image(enhanced(picture()), tmp_path / name)
    assert files_in(tmp_path) == [name]


def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with refused(path, "exists"):
        write_image(enhanced(picture()), path)
    assert path.read_bytes() == b"precious"
    write_image(enhanced(picture()), path, overwrite=True)
    assert opened(path.read_bytes()).size == (40, 24)
    assert files_in(tmp_path) == ["a.png"]


def test_a_file_that_appears_during_the_work_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(write_bytes, bytes([number]) * 1000, path) for number in range(16)]
    errors = [future.exception() for future in futures]
    assert sum(error is None for error in errors) == 1
    assert all(error is None or isinstance(error, OutputError) for error in errors)
    winner = errors.index(None)
    assert path.read_bytes() == bytes([winner]) * 1000
    assert files_in(tmp_path) == ["a.bin"]


def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.png"
    write_image(enhanced(picture()), path)
    written = path.read_bytes()
    with refused(path, "exists"):
        write_bytes(b"other", path)
    assert path.read_bytes() == written and files_in(tmp_path) == ["a.png"]


def test_the_input_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode_image(enhanced(picture()), "jpeg"))
    before = path.read_bytes()
    with refused(path, "input"):
        write_image(EnhancedImage(picture(), RECORD, source=str(path)), path, overwrite=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("accident", "match"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError(errno.EROFS, "Read-only file system"), "read-only"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_disk_that_fails_leaves_the_old_file_and_no_part_of_the_new(
    accident: OSError, match: str, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    if overwrite:
        path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise accident

    monkeypatch.setattr(os, "fsync", fail)
    with refused(path, match):
        write_image(enhanced(picture()), path, overwrite=overwrite)
    assert not overwrite or path.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no always-full device here")
def test_a_really_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode=0o777: real_open("/dev/full", os.O_WRONLY))
    with refused(tmp_path / "a.png", "disk is full"):
        write_image(enhanced(picture()), tmp_path / "a.png")


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(enhanced(picture()), tmp_path / "a.png")
    assert files_in(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    for path, match in (
        (tmp_path / "none" / "a.png", "folder does not exist"),
        (tmp_path / "file" / "a.png", "folder is a file"),
        (tmp_path / ("n" * 300 + ".png"), "name is too long"),
    ):
        for overwrite in (False, True):
            with refused(path, match):
                write_image(enhanced(picture()), path, overwrite=overwrite)
    with refused(tmp_path / "folder.png", "folder of that name|exists"):
        write_image(enhanced(picture()), tmp_path / "folder.png", overwrite=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows permissions differ")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("an administrator may write everywhere")
        with refused(folder / "a.png", "permission"):
            write_image(enhanced(picture()), folder / "a.png")
    finally:
        folder.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_follow_the_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_image(enhanced(picture()), tmp_path / "a.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o666 & ~umask


def test_a_library_that_fails_gives_an_output_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for accident in (zlib.error("boom"), MemoryError(), ValueError("odd")):

        def fail(*arguments: object, accident: Exception = accident, **options: object) -> None:
            raise accident

        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(EnhanceError) as caught:
            encode_image(enhanced(picture()), "png")
        assert isinstance(caught.value, OutputError) and caught.value.hint


@pytest.mark.parametrize("depth", [8, 16])
def test_png_says_which_light_its_values_mean(depth: int) -> None:
    """cICP: primaries, transfer, RGB, full range (PNG, third edition); readers find the picture as before."""
    pixels = np.arange(48, dtype=np.uint8 if depth == 8 else np.uint16).reshape(4, 4, 3)
    image = EnhancedImage(pixels, record=None, metadata=Metadata(colour=ColourDescription(9, 16)))  # type: ignore[arg-type]
    content = encode_image(image, "png", depth=depth)
    assert content.index(b"cICP\x09\x10\x00\x01") < content.index(b"IDAT")
    assert Image.open(io.BytesIO(content)).size == (4, 4)
    plain = encode_image(replace(image, metadata=Metadata()), "png", depth=depth)
    assert b"cICP" not in plain


@pytest.mark.parametrize("fmt", ["jpeg", "webp", "tiff"])
def test_formats_that_cannot_say_it_tell(fmt: str) -> None:
    metadata = Metadata(colour=ColourDescription(9, 18))
    image = EnhancedImage(np.zeros((4, 4, 3), np.uint8), record=None, metadata=metadata)  # type: ignore[arg-type]
    notes = encode_with_notes(image, fmt).notes
    assert any(note.startswith("colour description dropped") for note in notes)
