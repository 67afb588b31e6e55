"""Pillow: VVC stills that `Image.open` opens, and enhanced images whose save keeps what the file said."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, UnidentifiedImageError

import enhance
from enhance.codecs.registry import decode
from enhance.frames.depth import to_dtype
from enhance.integrations.pillow import register_vvc_opener
from tests.conftest import JpegFactory

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def registered() -> Iterator[None]:
    """The opener, which later tests must not find registered."""
    Image.init()
    before = list(Image.ID), dict(Image.OPEN), dict(Image.EXTENSION)
    register_vvc_opener()
    register_vvc_opener()
    yield
    Image.ID[:] = before[0]
    Image.OPEN.clear()
    Image.OPEN.update(before[1])
    Image.EXTENSION.clear()
    Image.EXTENSION.update(before[2])


@pytest.fixture
def exif_jpeg(jpeg_bytes: JpegFactory) -> bytes:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a photo", 6
    return jpeg_bytes(20, exif=exif.tobytes(), icc_profile=PROFILE, xmp=b"<x:xmpmeta/>", comment=b"holiday")


def test_an_opened_picture_is_enhanced_and_its_save_keeps_metadata(
    exif_jpeg: bytes, tiny_defaults: None, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(exif_jpeg)
    picture = enhance.open(path, mode="fidelity")
    assert picture.size == (96, 128)  # upright
    assert np.array_equal(np.asarray(picture), np.asarray(enhance.enhance(path, mode="fidelity")))
    assert picture.info["enhancement"].rate["quality"] == 20
    for name, kept in (("a.webp", True), ("b.jpg", True), ("c.png", False)):
        picture.save(tmp_path / name)
        with Image.open(tmp_path / name) as saved:
            assert saved.getexif()[0x010E] == "a photo"
            assert saved.getexif()[0x0112] == 1
            assert saved.info["icc_profile"] == PROFILE
            assert ("xmp" in saved.info) == kept
    picture.save(tmp_path / "bare.webp", exif=b"")  # what is said counts
    with Image.open(tmp_path / "bare.webp") as saved:
        assert not saved.getexif()
    stream = io.BytesIO()
    picture.save(stream, "jpeg")
    with Image.open(stream) as saved:
        assert saved.info["comment"] == b"holiday"
    assert type(picture.copy()) is Image.Image


def test_a_stream_is_opened_lazily_and_knows_its_qp(
    golden_stream: bytes, registered: None, tiny_defaults: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "still.266"
    path.write_bytes(golden_stream)
    decoded = decode(golden_stream)
    with monkeypatch.context() as patched:
        patched.setattr("enhance.codecs.vvc.decoder.VvcDecoder.decode", lambda *_, **__: pytest.fail("decoded"))
        still = Image.open(path)
    assert (still.format, still.mode, still.size) == ("VVC", "RGB", (decoded.width, decoded.height))
    assert still.info["pictures"] == 1 and "range" in still.info["colour"]
    still.load()
    assert still.info["qp"] == decoded.rate.describe()["qp"]
    assert np.array_equal(np.asarray(still), to_dtype(decoded.pixels, np.uint8))
    result = enhance.Enhancer()(still)
    assert result.record.codec == "vvc" and result.record.rate == decoded.rate.describe()
    with pytest.raises(enhance.UsageError, match="does not tell"):
        enhance.enhance(still.copy())


def test_streams_open_from_memory_and_in_threads(golden_stream: bytes, registered: None) -> None:
    found: list[bytes] = []

    def read() -> None:
        with Image.open(io.BytesIO(golden_stream)) as still:
            found.append(still.convert("RGB").tobytes())

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and found[0] == found[1]


def test_bad_streams_are_errors_of_pillow(golden_stream: bytes, registered: None) -> None:
    Image.open(io.BytesIO(golden_stream)).verify()
    for bad in (b"", b"\0\0\0\1", b"no stream at all", b"\0\0\1\x09\x10" + bytes(200)):
        with pytest.raises((UnidentifiedImageError, OSError)):
            Image.open(io.BytesIO(bad)).load()
    cut = golden_stream[: len(golden_stream) // 2]
    with pytest.raises(OSError):
        Image.open(io.BytesIO(cut)).load()
    with pytest.raises(OSError):
        Image.open(io.BytesIO(cut)).verify()


def test_nothing_is_registered_unasked(golden_stream: bytes, tmp_path: Path) -> None:
    """In a process of its own: what other tests have registered stays for as long as theirs lives."""
    (tmp_path / "still.266").write_bytes(golden_stream)
    program = "import sys, enhance.integrations.pillow; from PIL import Image; Image.open(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "still.266"], capture_output=True, text=True)
    assert "UnidentifiedImageError" in done.stderr
