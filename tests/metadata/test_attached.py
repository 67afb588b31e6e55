"""What follows a picture is told, and announced in the result only if it is there."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, MpoImagePlugin

from enhance.codecs.registry import decode, inspect
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.metadata.attached import find_attached, without_announcements
from enhance.metadata.photoshop import carried_resources, has_iptc
from enhance.output.encoders import encode_with_notes

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Make="phone" '
    b'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><Container:Directory><rdf:Seq>'
    b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="9"/></rdf:li>'
    b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="MotionPhoto" Item:Length="9"/></rdf:li>'
    b"</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"
)
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def as_jpeg(mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def enhanced(decoded: DecodedImage) -> EnhancedImage:
    record = EnhancementRecord(
        "jpeg", {}, False, 1, "one-step", 0, 1, 0, 1, 1, False, 1, "", "cpu", "float32", 0, 0,
    )  # fmt: skip
    return EnhancedImage(decoded.pixels, record, decoded.metadata, decoded.source)


GAIN_MAP = as_jpeg("L", quality=50)
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(100)


@pytest.mark.parametrize("fmt", ["png", "jpeg", "webp", "tiff"])
def test_a_gain_map_is_dropped_with_what_announces_it(fmt: str) -> None:
    image = decode(as_jpeg(xmp=XMP) + GAIN_MAP)
    assert [note for note in image.notes if "gain map" in note] and inspect(as_jpeg(xmp=XMP) + GAIN_MAP).notes
    content = encode_with_notes(enhanced(image), fmt).content
    assert b"hdrgm:Version" not in content and b"GainMap" not in content and b"Container:Directory" not in content
    assert b"MotionPhoto" not in content and b'tiff:Make="phone"' in content


def test_a_gain_map_is_kept_when_asked() -> None:
    image = decode(as_jpeg(xmp=XMP) + GAIN_MAP + VIDEO)
    content = encode_with_notes(enhanced(image), "jpeg", keep_gain_map=True).content
    again = decode(content)
    assert again.metadata.gain_map is not None and again.metadata.gain_map == image.metadata.gain_map == GAIN_MAP
    assert b'hdrgm:Version="1.0"' in content and b"GainMap" in content and b"MotionPhoto" not in content
    # Readers of the format find it, and it is the same picture.
    with MpoImagePlugin.MpoImageFile(io.BytesIO(content)) as opened:
        assert opened.n_frames == 2
        opened.seek(1)
        np.testing.assert_array_equal(np.asarray(opened), np.asarray(Image.open(io.BytesIO(GAIN_MAP))))


@pytest.mark.parametrize(
    ("behind", "xmp", "mpf", "words"),
    [
        (GAIN_MAP, XMP, False, "a gain map (HDR) follows"), (b"", XMP, False, "announced but not there"),
        (VIDEO, None, False, "video of a motion photo"), (GAIN_MAP + VIDEO, None, False, "video of a motion photo"),
        (GAIN_MAP, None, True, "further pictures"), (GAIN_MAP, None, False, "further pictures"),
        (b"rubbish", None, False, "7 bytes behind the picture"),
    ],
)  # fmt: skip
def test_whatever_follows_is_told(behind: bytes, xmp: bytes | None, mpf: bool, words: str) -> None:
    assert words in " ".join(find_attached(behind, xmp, has_mpf=mpf).notes)


@pytest.mark.parametrize("behind", [b"", b"\0" * 1000])
def test_padding_is_not_worth_a_note(behind: bytes) -> None:
    assert find_attached(behind, None, has_mpf=False).notes == ()


def test_announcements_as_elements_and_broken_ones() -> None:
    elements = b"<a><hdrgm:Version>1.0</hdrgm:Version><GCamera:MotionPhoto>1</GCamera:MotionPhoto><b/></a>"
    assert without_announcements(elements) == b"<a><b/></a>"
    assert without_announcements(b"<a><Container:Directory/><b/></a>") == b"<a><b/></a>"
    for broken in (b"<hdrgm:Version>", b"<hdrgm:Version", b"<Container:Directory " * 3000, b" " * 60000 + b"hdrgm:"):
        assert without_announcements(broken) == broken


def resource(number: int, content: bytes, name: bytes = b"") -> bytes:
    title = bytes([len(name)]) + name
    title += bytes(len(title) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + title
        + struct.pack(">I", len(content))
        + content
        + bytes(len(content) % 2)
    )


CAPTION = resource(0x0404, b"\x1c\x02x\0\x07caption")
THUMBNAIL = resource(0x040C, b"old pixels", b"name")


def with_photoshop(resources: bytes) -> bytes:
    payload = b"Photoshop 3.0\0" + resources
    return as_jpeg(extra=b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload)


def test_iptc_is_carried_over_to_jpeg_and_tiff_without_thumbnails_and_told_elsewhere() -> None:
    image = decode(with_photoshop(THUMBNAIL + CAPTION))
    assert image.metadata.photoshop == CAPTION and not image.notes
    for fmt in ("jpeg", "tiff"):
        encoded = encode_with_notes(enhanced(image), fmt)
        assert CAPTION in encoded.content and b"old pixels" not in encoded.content and encoded.notes == ()
    assert decode(encode_with_notes(enhanced(image), "jpeg").content).metadata.photoshop == CAPTION
    for fmt in ("png", "webp"):
        assert encode_with_notes(enhanced(image), fmt).notes == (f"IPTC dropped, {fmt.upper()} has no place for it",)


def test_long_resources_take_several_segments() -> None:
    long = CAPTION + resource(0x0422, bytes(150_000))
    image = decode(as_jpeg())
    with_long = EnhancedImage(image.pixels, enhanced(image).record, type(image.metadata)(photoshop=long), image.source)
    assert decode(encode_with_notes(with_long, "jpeg").content).metadata.photoshop == long


@pytest.mark.parametrize("resources", [b"8BIM", b"8BIM\x04\x04\0\0\xff\xff\xff\xff", b"nonsense", CAPTION[:-4]])
def test_damaged_resources_are_dropped_with_a_note(resources: bytes) -> None:
    assert carried_resources(resources) is None
    assert "damaged IPTC" in " ".join(decode(with_photoshop(resources)).notes)


def test_what_people_wrote_is_told_from_the_rest() -> None:
    assert has_iptc(CAPTION) and not has_iptc(THUMBNAIL)


@pytest.mark.parametrize("comment", [b"plain", "Grüße".encode(), "Grüße".encode("latin-1"), b"a\0b"])
def test_comments_are_kept_but_in_webp(comment: bytes) -> None:
    image = decode(as_jpeg(comment=comment))
    assert image.metadata.comment == comment
    text = {b"a\0b": "ab"}.get(comment, "plain" if comment == b"plain" else "Grüße")
    assert decode(encode_with_notes(enhanced(image), "jpeg").content).metadata.comment == comment
    with Image.open(io.BytesIO(encode_with_notes(enhanced(image), "png").content)) as opened:
        assert opened.info["Comment"] == text
    with Image.open(io.BytesIO(encode_with_notes(enhanced(image), "tiff").content)) as opened:
        assert opened.tag_v2[270].encode("latin-1").decode("utf-8") == text
    assert encode_with_notes(enhanced(image), "webp").notes == ("comment dropped, WEBP has no place for it",)
