"""Files made to do harm are judged in time linear in their size, and before memory is taken for what they claim."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import jpeglib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data as photos

from enhance.codecs.jpeg.markers import read_markers
from enhance.codecs.registry import decode
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.system.limits import Limits

PHOTO = photos.astronaut()
SOI, EOI = b"\xff\xd8", b"\xff\xd9"
TEN_MEGABYTES = 10**7


def as_jpeg(size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PHOTO[: size[1], : size[0]]).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def as_arithmetic(folder: Path, height: int, width: int, quality: int = 75) -> bytes:
    path = folder / "arithmetic.jpg"
    with jpeglib.version("turbo210"):
        picture = jpeglib.from_spatial(np.ascontiguousarray(PHOTO[:height, :width]))
        picture.write_spatial(str(path), qt=quality, flags=["+ARITH_CODE"])
    return path.read_bytes()


def segment(marker: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


@pytest.mark.parametrize("filler", [b"\xff", b"\0", b"\xff\0", b"\xff\xd0", b"\xff\x01", b"\xff\xd8", b"\xd8\xff"])
@pytest.mark.parametrize("place", ["header", "tail", "alone"])
def test_a_run_of_any_bytes_takes_linear_time(filler: bytes, place: str) -> None:
    """A quadratic step would take hours here."""
    run, jpeg = filler * (TEN_MEGABYTES // len(filler)), as_jpeg()
    whole = {"header": SOI + run + jpeg[2:], "tail": jpeg[:-20] + run, "alone": SOI + run}[place]
    try:
        read_markers(whole, source="run.jpg")
    except EnhanceError:
        assert place == "alone"


PIECES = st.one_of(
    st.binary(max_size=30),
    st.binary(min_size=1, max_size=3).map(lambda piece: piece * 500),
    st.tuples(st.integers(0xC0, 0xFE), st.binary(max_size=40)).map(lambda it: segment(*it)),
    st.sampled_from([SOI, EOI, as_jpeg()[:-2], as_jpeg()[2:300], b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"]),
)


@given(st.lists(PIECES, max_size=8))
def test_any_bytes_give_markers_or_one_clear_error(pieces: list[bytes]) -> None:
    content = SOI + b"".join(pieces)
    try:
        markers = read_markers(content, source="any.jpg")
    except EnhanceError as error:
        assert error.source == "any.jpg" and error.hint and "\n" not in str(error)
        return
    assert 2 <= markers.first_scan < markers.end <= len(content)
    assert content[markers.first_scan : markers.first_scan + 2] == b"\xff\xda"
    for marker, start, begin, end in markers.segments:
        assert content[start : start + 2] == bytes([0xFF, marker]) and start + 4 == begin <= end <= markers.first_scan


@pytest.mark.parametrize("marker", [0xE0, 0xE5, 0xFE, 0xC4, 0xDD, 0xDB])
def test_too_many_segments_are_refused_with_the_option_that_allows_them(marker: int) -> None:
    jpeg = as_jpeg()
    many = SOI + segment(marker) * 2_000_000 + jpeg[2:]
    tracemalloc.start()
    with pytest.raises(UnsupportedImageError, match=r"10000 marker segments.*--max-segments"):
        decode(many)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    few = SOI + segment(marker) * 30 + jpeg[2:]
    with pytest.raises(UnsupportedImageError, match="more than 30 marker"):
        decode(few, limits=Limits(max_segments=30))
    if marker != 0xDD:
        assert decode(few).width == 64


def test_too_many_scans_are_refused_with_the_option_that_allows_them() -> None:
    jpeg = as_jpeg(progressive=True)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    many = jpeg[:-2] + last * 3000 + EOI
    with pytest.raises(UnsupportedImageError, match=r"500 scans.*--max-scans"):
        decode(many)
    assert decode(jpeg, limits=Limits(max_scans=12)).details["scans"] == 10


@pytest.mark.parametrize("progressive", [False, True])
def test_an_arithmetic_file_that_claims_what_it_cannot_hold_takes_no_memory(tmp_path: Path, progressive: bool) -> None:
    bomb = bytearray(as_arithmetic(tmp_path, 16, 16))
    frame = bomb.index(b"\xff\xc9")
    bomb[frame + 1] = 0xCA if progressive else 0xC9
    bomb[frame + 5 : frame + 9] = struct.pack(">HH", 30000, 30000)
    tracemalloc.start()
    with pytest.raises(UnsupportedImageError, match=r"claims 30000x30000 pixels.*--max-expansion"):
        decode(bytes(bomb))
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_a_flat_arithmetic_picture_is_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "flat.jpg"
    with jpeglib.version("turbo210"):
        flat = jpeglib.from_spatial(np.full((1000, 1000, 3), 200, np.uint8))
        flat.write_spatial(str(path), qt=50, flags=["+ARITH_CODE"])
    assert decode(path).pixels.shape == (1000, 1000, 3)


def test_arithmetic_files_of_more_than_64_kilobytes(tmp_path: Path) -> None:
    jpeg = as_arithmetic(tmp_path, 512, 512, 95)
    assert len(jpeg) > 1 << 16
    image = decode(jpeg)
    assert np.abs(image.pixels.astype(int) - PHOTO).mean() < 3
    assert image.details["process"] == "sequential, arithmetic"
    assert image.consistency is not None
    projected = image.consistency.project(image.pixels.astype(np.float32))
    assert np.abs(projected - image.pixels).mean() < 1


@pytest.mark.parametrize("payload", [b"JFIF", b"JFIF\0", b"JFIF\0\1\1\1\0", b"JFXX", b""])
@pytest.mark.parametrize("marker", [0xE0, 0xEE])
def test_a_malformed_segment_is_left_out(marker: int, payload: bytes) -> None:
    jpeg = as_jpeg()
    broken = SOI + segment(marker, payload.replace(b"JFIF", b"Adobe") if marker == 0xEE else payload) + jpeg[2:]
    np.testing.assert_array_equal(decode(broken).pixels, decode(jpeg).pixels)


def test_an_error_of_pillow_that_is_no_sentence_becomes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def raw(*_: object) -> None:
        raise struct.error("unpack_from requires a buffer of at least 7 bytes")

    monkeypatch.setattr("enhance.codecs.jpeg.decoder.JpegImagePlugin.JpegImageFile", raw)
    with pytest.raises(DecodeError) as caught:
        decode(as_jpeg())
    assert "unpack" not in str(caught.value) and "damaged" in str(caught.value)
