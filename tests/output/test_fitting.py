"""Metadata never cost a picture, and what is written, others can read."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from enhance.images import EnhancedImage, EnhancementRecord, Metadata
from enhance.output import encoders
from enhance.output.encoders import OutputFormat, encode_with_notes

OWN = [OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.TIFF]
"""Formats with encoders of their own; for the others see test_plain.py."""

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MEGABYTE = 1 << 20
RECORD = EnhancementRecord("jpeg", {}, False, 1, "one-step", 0, 1, 0, 1, 1, False, 1, "", "cpu", "float32", 0, 0)

Read = Callable[[bytes], npt.NDArray[Any]]


def image(metadata: Metadata, pixels: npt.NDArray[Any] = PIXELS) -> EnhancedImage:
    return EnhancedImage(pixels, RECORD, metadata, "photo.jpg")


def exif(size: int) -> bytes:
    """A block with one long tag."""
    content = np.random.default_rng(1).integers(0, 256, size, np.uint8).tobytes()
    head = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x927C, 7, size, 26, 0)
    return b"Exif\0\0" + head + content


def profile(size: int) -> bytes:
    """A valid profile filled up with noise."""
    padding = np.random.default_rng(2).integers(0, 256, size - len(PROFILE), np.uint8).tobytes()
    whole = PROFILE + padding
    return struct.pack(">I", len(whole)) + whole[4:]


def xmp(size: int) -> bytes:
    return b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b" " * (size - 48) + b"</x:xmpmeta>"


def by_pillow(content: bytes) -> npt.NDArray[Any]:
    with Image.open(io.BytesIO(content)) as opened:
        return np.asarray(opened.convert("RGB"))


def by_opencv(content: bytes) -> npt.NDArray[Any]:
    cv2 = pytest.importorskip("cv2")
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return np.asarray(found[..., ::-1])


def by_libvips(content: bytes) -> npt.NDArray[Any]:
    pyvips = pytest.importorskip("pyvips")
    return np.asarray(pyvips.Image.new_from_buffer(content, "").numpy()[..., :3])


LARGEST = {
    OutputFormat.PNG: Metadata(
        exif=exif(4 * MEGABYTE - 100), icc_profile=profile(MEGABYTE), xmp=xmp(4 * MEGABYTE), comment=b"c" * MEGABYTE
    ),
    OutputFormat.JPEG: Metadata(
        exif=exif(65000), icc_profile=profile(16_700_000), xmp=xmp(65000), comment=b"c" * 65533
    ),
    OutputFormat.WEBP: Metadata(exif=exif(MEGABYTE), icc_profile=profile(MEGABYTE), xmp=xmp(MEGABYTE)),
    OutputFormat.TIFF: Metadata(
        exif=exif(4 * MEGABYTE - 100), icc_profile=profile(4 * MEGABYTE), xmp=xmp(4 * MEGABYTE), comment=b"c" * MEGABYTE
    ),
}  # fmt: skip


@pytest.mark.parametrize("read", [by_pillow, by_opencv, by_libvips])
@pytest.mark.parametrize("fmt", OWN)
def test_others_read_the_largest_metadata_that_is_written(fmt: OutputFormat, read: Read) -> None:
    encoded = encode_with_notes(image(LARGEST[fmt]), fmt)
    assert encoded.notes == ()
    plain = encode_with_notes(image(Metadata()), fmt)
    np.testing.assert_array_equal(read(encoded.content), read(plain.content))


@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_larger_is_dropped_with_a_note(depth: int) -> None:
    metadata = Metadata(
        exif=exif(5 * MEGABYTE), icc_profile=profile(2 * MEGABYTE), xmp=xmp(5 * MEGABYTE), comment=b"c" * 2 * MEGABYTE
    )
    encoded = encode_with_notes(image(metadata), "png", depth=depth)
    assert {note.split(" dropped")[0] for note in encoded.notes} == {"EXIF", "ICC profile", "XMP", "comment"}
    np.testing.assert_array_equal(by_pillow(encoded.content), PIXELS)


@pytest.mark.parametrize("fmt", OWN)
@pytest.mark.parametrize("dpi", [(4294967295.0, 72.0), (1e-9, 72.0), (72.0, float("inf")), (float("nan"), 1.0)])
def test_no_resolution_costs_a_picture(fmt: OutputFormat, dpi: tuple[float, float]) -> None:
    encoded = encode_with_notes(image(Metadata(dpi=dpi)), fmt)
    assert by_pillow(encoded.content).shape == PIXELS.shape
    if fmt is not OutputFormat.WEBP:
        assert "resolution dropped" in " ".join(encoded.notes)


@pytest.mark.parametrize("fmt", OWN)
def test_whatever_an_encoder_stumbles_over_is_left_out(fmt: OutputFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = encoders._ENCODERS[fmt]

    def stumbling(pixels: npt.NDArray[Any], metadata: Metadata, *, quality: int | None) -> bytes:
        if metadata.xmp:
            raise struct.error("argument out of range")
        return encode(pixels, metadata, quality=quality)

    monkeypatch.setitem(encoders._ENCODERS, fmt, stumbling)
    encoded = encode_with_notes(image(Metadata(xmp=b"<x/>", icc_profile=PROFILE)), fmt)
    assert encoded.notes == ("XMP dropped, it cannot be written",)
    with Image.open(io.BytesIO(encoded.content)) as opened:
        assert opened.info["icc_profile"] == PROFILE
