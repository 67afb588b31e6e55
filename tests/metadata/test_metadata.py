"""EXIF, XMP and orientation are carried over exactly once, and damage in them costs nothing but themselves."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from enhance.images import Metadata
from enhance.metadata.carry_over import carry_over, orient, read_orientation
from enhance.metadata.exif import ExifBlock

WIDTH, HEIGHT = 30, 20
MAKER_NOTE = b"Nikon\0" + bytes(range(200))
UNKNOWN_TAG, UNKNOWN = 0xFE12, b"nobody knows this"


def exif_block(orientation: int = 6, *, order: str = "<", thumbnail: bytes = b"", tail: bytes = b"") -> bytes:
    """An EXIF block with sizes, resolutions, GPS, a maker note, an unknown tag and perhaps a thumbnail."""
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageWidth] = 4000
    exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = 300.0, 150.0
    exif[ExifTags.Base.ResolutionUnit] = 2
    exif[UNKNOWN_TAG] = UNKNOWN
    photo = {ExifTags.Base.ExifImageWidth: 4000, ExifTags.Base.ExifImageHeight: 3000}
    exif[ExifTags.IFD.Exif] = {**photo, ExifTags.Base.MakerNote: MAKER_NOTE}
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 8.0, 2.0)}
    tiff = exif.tobytes().removeprefix(b"Exif\0\0")
    if thumbnail:
        start = struct.unpack_from(order + "I", tiff, 4)[0]
        link = start + 2 + 12 * struct.unpack_from(order + "H", tiff, start)[0]
        entries = struct.pack(order + "HHII", 0x201, 4, 1, len(tiff) + 30)
        entries += struct.pack(order + "HHII", 0x202, 4, 1, len(thumbnail))
        table = struct.pack(order + "H", 2) + entries + struct.pack(order + "I", 0)
        tiff = tiff[:link] + struct.pack(order + "I", len(tiff)) + tiff[link + 4 :] + table + thumbnail
    return b"Exif\0\0" + tiff + tail


def loaded(block: bytes | None) -> Image.Exif:
    assert block is not None
    exif = Image.Exif()
    exif.load(block)
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read(orientation: int, order: str) -> None:
    assert read_orientation(exif_block(orientation, order=order)) == orientation


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_out_of_range_is_upright(orientation: int) -> None:
    assert read_orientation(exif_block(orientation)) == 1
    assert read_orientation(None) == 1


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3), (1, 1), (1, 5, 3)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orient_does_what_pillow_does(orientation: int, shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    image = Image.fromarray(pixels)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    turned = orient(pixels, orientation)
    np.testing.assert_array_equal(turned, np.asarray(ImageOps.exif_transpose(image)))
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("apply", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tag_and_sizes_agree_with_the_pixels(orientation: int, order: str, apply: bool) -> None:
    metadata = Metadata(exif=exif_block(orientation, order=order), dpi=(300, 150), orientation=orientation)
    carried = carry_over(metadata, width=WIDTH, height=HEIGHT, apply_orientation=apply)
    turned = apply and orientation >= 5
    width, height = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    exif = loaded(carried.exif)
    assert exif[ExifTags.Base.Orientation] == carried.orientation == (1 if apply else orientation)
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    assert (photo[ExifTags.Base.ExifImageWidth], photo[ExifTags.Base.ExifImageHeight]) == (width, height)
    assert exif[ExifTags.Base.ImageWidth] == width
    resolution = (exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution])
    assert resolution == carried.dpi == ((150, 300) if turned else (300, 150))


@pytest.mark.parametrize("apply", [False, True])
def test_everything_else_survives_byte_for_byte(apply: bool) -> None:
    block = exif_block(6)
    carried = carry_over(Metadata(exif=block, orientation=6), width=WIDTH, height=HEIGHT, apply_orientation=apply).exif
    exif = loaded(carried)
    assert carried is not None and len(carried) == len(block)
    assert (exif[ExifTags.Base.Make], exif[UNKNOWN_TAG]) == ("Maker", UNKNOWN)
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] == MAKER_NOTE
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (48.0, 8.0, 2.0)
    assert carried.index(MAKER_NOTE) == block.index(MAKER_NOTE)  # offsets inside maker notes stay true


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tail", [b"", b"something else"])
def test_the_stale_thumbnail_is_gone(order: str, tail: bytes) -> None:
    thumbnail = b"\xff\xd8 the damaged picture, small \xff\xd9"
    block = exif_block(6, order=order, thumbnail=thumbnail, tail=tail)
    assert loaded(block).get_ifd(ExifTags.IFD.IFD1)
    carried = carry_over(Metadata(exif=block, orientation=6), width=WIDTH, height=HEIGHT, apply_orientation=False).exif
    assert carried is not None and thumbnail not in carried and carried.endswith(tail)
    exif = loaded(carried)
    assert not exif.get_ifd(ExifTags.IFD.IFD1)
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] == MAKER_NOTE


def test_a_thumbnail_that_claims_the_whole_block_takes_nothing_with_it() -> None:
    block = bytearray(exif_block(6, thumbnail=b"thumb"))
    entry = block.index(struct.pack("<HHI", 0x201, 4, 1))
    struct.pack_into("<I", block, entry + 8, 8)
    struct.pack_into("<I", block, entry + 20, len(block) - 14)
    exif = loaded(carry_over(Metadata(exif=bytes(block)), width=1, height=1, apply_orientation=False).exif)
    assert exif[ExifTags.Base.Make] == "Maker" and not exif.get_ifd(ExifTags.IFD.IFD1)


@pytest.mark.parametrize(
    ("dpi_unit", "expected"), [(2, (300.0, 150.0)), (3, (762.0, 381.0)), (1, None)], ids=["inch", "cm", "none"]
)
def test_resolution_in_inches(dpi_unit: int, expected: tuple[float, float] | None) -> None:
    exif = loaded(exif_block())
    exif[ExifTags.Base.ResolutionUnit] = dpi_unit
    assert ExifBlock(exif.tobytes()).dpi == expected


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" tiff:ImageWidth = \'9\' dc:title="6"/>'
    b"<exif:PixelXDimension>9</exif:PixelXDimension><xmp:Rating>6</xmp:Rating></x:xmpmeta>"
)


@pytest.mark.parametrize(("apply", "orientation", "width"), [(True, 1, HEIGHT), (False, 6, WIDTH)])
def test_xmp_says_the_same_as_exif(apply: bool, orientation: int, width: int) -> None:
    carried = carry_over(
        Metadata(exif=exif_block(6), xmp=XMP, orientation=6), width=WIDTH, height=HEIGHT, apply_orientation=apply
    )
    expected = XMP.replace(b'Orientation="6"', b'Orientation="%d"' % orientation)
    expected = expected.replace(b"'9'", b"'%d'" % width).replace(b">9<", b">%d<" % width)
    assert carried.xmp == expected


def test_xmp_counts_where_exif_is_silent() -> None:
    assert read_orientation(None, XMP) == 6
    assert read_orientation(exif_block(3), XMP) == 3
    assert read_orientation(None, XMP.replace(b'Orientation="6"', b'Orientation="12"')) == 1


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"II*\0", b"Exif\0\0XX*\0" + bytes(20), b"MM\0*\xff\xff\xff\xff" * 3]
)
def test_damaged_exif_is_dropped(block: bytes) -> None:
    assert carry_over(Metadata(exif=block), width=1, height=1, apply_orientation=True).exif is None


@settings(max_examples=300)
@given(
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 900),
    order=st.sampled_from("<>"),
    apply=st.booleans(),
)
def test_no_damage_ever_raises(changes: list[tuple[int, int]], length: int, order: str, apply: bool) -> None:
    block = bytearray(exif_block(8, order=order, thumbnail=b"thumbnail")[: max(length, 6)])
    for position, value in changes:
        if position < len(block):
            block[position] = value
    metadata = Metadata(exif=bytes(block), orientation=read_orientation(bytes(block)))
    carried = carry_over(metadata, width=WIDTH, height=HEIGHT, apply_orientation=apply)
    if carried.exif is not None:
        assert len(carried.exif) <= len(block) + 6
        assert read_orientation(carried.exif) == carried.orientation
