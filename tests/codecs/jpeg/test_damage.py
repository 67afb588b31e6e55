"""Damage is told in libjpeg's own words, refused if asked, and what is there of a cut file can be had."""

from __future__ import annotations

import io
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jpeglib
import numpy as np
import pytest
from PIL import Image
from skimage import data as photos

from enhance.codecs.jpeg import libjpeg
from enhance.codecs.jpeg.decoder import JpegDecoder
from enhance.codecs.registry import decode, inspect, make_decoders
from enhance.errors import DecodeError
from enhance.images import DecodedImage

PHOTO = photos.astronaut()
EOI = b"\xff\xd9"


def as_jpeg(mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PHOTO[:200, :303]).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def as_arithmetic(folder: Path, pixels: np.ndarray = PHOTO[:200, :304]) -> bytes:
    path = folder / "arithmetic.jpg"
    with jpeglib.version("turbo210"):
        jpeglib.from_spatial(np.ascontiguousarray(pixels)).write_spatial(str(path), qt=75, flags=["+ARITH_CODE"])
    return path.read_bytes()


def cut(jpeg: bytes, share: float = 0.5) -> bytes:
    """A file of which so much of the scans is left."""
    start = jpeg.index(b"\xff\xda")
    return jpeg[: start + int((len(jpeg) - start) * share)]


def salvaged(jpeg: bytes) -> DecodedImage:
    return decode(jpeg, decoders=make_decoders(salvage=True))


def damage_of(image: DecodedImage) -> list[str]:
    return [note for note in image.notes if note.startswith("damaged")]


def broken_in_the_middle() -> bytes:
    jpeg = bytearray(as_jpeg())
    middle = (jpeg.index(b"\xff\xda") + len(jpeg)) // 2
    jpeg[middle : middle + 2] = b"\xff\xd5"
    return bytes(jpeg)


DAMAGED = {
    "cut, with an end": (cut(as_jpeg()) + EOI, "premature end of data segment"),
    "a false restart marker": (broken_in_the_middle(), "Corrupt JPEG data"),
    "junk in the header": (as_jpeg()[:2] + b"12345" + as_jpeg()[2:], "5 extraneous bytes"),
    "a JFIF revision of the future": (as_jpeg().replace(b"JFIF\0\1", b"JFIF\0\x73"), "JFIF revision"),
    "no end": (as_jpeg()[:-2], "Premature end of JPEG file"),
}


@pytest.mark.parametrize(("jpeg", "words"), DAMAGED.values(), ids=DAMAGED)
def test_warnings_of_libjpeg_become_notes(jpeg: bytes, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    image = decode(jpeg)
    assert [note for note in damage_of(image) if words in note and "libjpeg says" in note]
    assert damage_of(image) == [note for note in inspect(jpeg).notes if note.startswith("damaged")]
    with pytest.raises(DecodeError, match=words):
        decode(jpeg, decoders=make_decoders(strict=True))
    if image.consistency is not None:
        image.consistency.project(image.pixels.astype(np.float32))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"mode": "CMYK"}])
def test_files_without_damage_have_no_such_note(options: dict[str, str]) -> None:
    jpeg = as_jpeg(**options)
    assert not damage_of(decode(jpeg, decoders=make_decoders(strict=True)))
    np.testing.assert_array_equal(salvaged(jpeg).pixels, decode(jpeg).pixels)
    assert not damage_of(salvaged(jpeg + b"rubbish behind the picture"))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("has_end", [False, True])
def test_the_rows_that_are_there_can_be_had(mode: str, subsampling: str, has_end: bool) -> None:
    jpeg = as_jpeg(mode, quality=80, **({} if mode == "L" else {"subsampling": subsampling}))
    part = cut(jpeg) + (EOI if has_end else b"")
    if not has_end:
        with pytest.raises(DecodeError, match=r"truncated.*--salvage"):
            decode(part)
        with pytest.raises(DecodeError, match=r"truncated.*--salvage"):
            inspect(part)
    image, whole = salvaged(part), decode(jpeg)
    assert 60 < image.height < 140 and image.height % 8 == 0 and image.width == whole.width
    assert f"damaged: {image.height} of its 200 rows are there, the others are left out" in image.notes
    # The last row looks at the one below, which is not there, where chroma is made larger.
    np.testing.assert_array_equal(image.pixels[:-1], whole.pixels[: image.height - 1])
    assert mode == "CMYK" or image.consistency is not None


def test_a_progressive_file_that_is_cut_has_all_its_rows() -> None:
    image = salvaged(cut(as_jpeg(progressive=True), 0.6))
    assert image.pixels.shape == (200, 303, 3)
    assert np.abs(image.pixels.astype(int) - PHOTO[:200, :303]).mean() < 12
    assert damage_of(image)[-1] == "damaged: all its rows are there, some perhaps not in full"


def test_a_file_with_no_row_cannot_be_salvaged() -> None:
    with pytest.raises(DecodeError, match="no row"):
        salvaged(cut(as_jpeg(), 0.003))


@pytest.mark.parametrize("has_end", [False, True])
def test_arithmetic_data_that_end_early_are_told(tmp_path: Path, has_end: bool) -> None:
    """libjpeg says nothing: what is missing reads as zeros, which stand for some picture."""
    part = cut(as_arithmetic(tmp_path)) + (EOI if has_end else b"")
    words = "arithmetic-coded data end before the picture does"
    if has_end:
        assert words in str(damage_of(decode(part))) and words in str(inspect(part).notes)
        with pytest.raises(DecodeError, match="damaged"):
            decode(part, decoders=make_decoders(strict=True))
    else:
        for read in (decode, inspect):
            with pytest.raises(DecodeError, match=r"truncated.*--salvage"):
                read(part)
    image = salvaged(part)
    assert 40 < image.height < 140
    expected = decode(as_arithmetic(tmp_path)).pixels
    np.testing.assert_array_equal(image.pixels[:-1], expected[: image.height - 1])


@pytest.mark.parametrize("value", [0, 128, 255])
def test_arithmetic_pictures_that_end_in_a_flat_area_are_whole(tmp_path: Path, value: int) -> None:
    """Their encoder leaves out the zeros that the data end in."""
    pixels = np.full((2000, 512, 3), value, np.uint8)
    pixels[:200] = PHOTO[:200]
    assert not damage_of(decode(as_arithmetic(tmp_path, pixels)))


def test_inspecting_decodes_no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.codecs.jpeg.decoder._decode_pixels", lambda *_: pytest.fail("pixels were decoded"))
    found = inspect(as_jpeg())
    assert (found.width, found.height, found.is_gray, found.is_consistent) == (303, 200, False, True)


def test_without_jpeglib_a_note_says_that_nothing_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libjpeg, "find_library", lambda: None)
    monkeypatch.setattr(libjpeg, "_worker", libjpeg._Worker())
    assert "not checked for damage: the package jpeglib is not installed" in decode(as_jpeg()).notes


def test_a_reader_that_was_killed_is_started_again() -> None:
    libjpeg.read(as_jpeg())
    process = libjpeg._worker.process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not damage_of(decode(as_jpeg()))


def test_a_file_that_ends_the_reader_is_an_error_with_its_last_words(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(libjpeg.LibjpegError, match="Not a JPEG file"):
        libjpeg.read(b"GIF89a")
    assert not libjpeg.read(as_jpeg()).warnings
    assert capfd.readouterr() == ("", "")


def test_many_threads_get_their_own_answers() -> None:
    jpegs = [as_jpeg(quality=quality) for quality in range(10, 90, 10)]
    shape = (25, 38)

    def luma(jpeg: bytes) -> libjpeg.Indices:
        return libjpeg.read(jpeg, [shape]).planes[0]

    expected = [luma(jpeg) for jpeg in jpegs]
    with ThreadPoolExecutor(4) as pool:
        for found, own in zip(pool.map(luma, jpegs * 5), expected * 5, strict=True):
            np.testing.assert_array_equal(found, own)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_that_was_forked_off_has_a_reader_of_its_own() -> None:
    libjpeg.read(as_jpeg())
    child = os.fork()
    if child == 0:
        os._exit(0 if not libjpeg.read(as_jpeg()).warnings and libjpeg._worker.process is not None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not libjpeg.read(as_jpeg()).warnings


def test_the_decoder_says_what_it_was_asked_for() -> None:
    assert JpegDecoder(strict=True) in make_decoders(strict=True)
