"""Any file that is handed in either becomes a picture or gives one clear line."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from enhance.codecs import registry
from enhance.codecs.decoder import HEAD_SIZE
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError, UsageError
from enhance.images import DecodedImage


def jpeg(width: int = 20, height: int = 10) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(buffer, "JPEG", quality=50)
    return buffer.getvalue()


def assert_clear(error: EnhanceError, source: str) -> None:
    """Names the file, a reason and a way out, on one line."""
    assert error.source == source
    assert error.reason and error.hint
    assert "\n" not in str(error)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_decodes_bytes(kind: Callable[[bytes], bytes]) -> None:
    image = registry.decode(kind(jpeg()))
    assert image.pixels.shape == (10, 20, 3)
    assert image.source == "<memory>"


@pytest.mark.parametrize("kind", [str, Path])
def test_decodes_paths(tmp_path: Path, kind: Callable[[Path], str | Path]) -> None:
    path = tmp_path / "été 日本 🌄.dat"  # recognised by its bytes: the extension does not matter
    path.write_bytes(jpeg())
    assert registry.decode(kind(path)).source == str(path)
    assert registry.decode(kind(path), source_name="mine").source == "mine"


def test_decodes_open_files_from_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"12345" + jpeg())
    with path.open("rb") as file:
        file.seek(5)
        assert registry.decode(file).source == str(path)
    assert registry.decode(io.BytesIO(jpeg())).source == "<stream>"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(DecodeError, match="empty") as caught:
        registry.decode(path)
    assert_clear(caught.value, str(path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="no such file") as caught:
        registry.decode(tmp_path / "none.jpg")
    assert_clear(caught.value, str(tmp_path / "none.jpg"))


def test_a_folder_where_a_file_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="folder") as caught:
        registry.decode(tmp_path)
    assert_clear(caught.value, str(tmp_path))


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(jpeg())
    path.chmod(0)
    if os.access(path, os.R_OK):  # an administrator may read everything

        def refuse(opened: Path, *_: object) -> int:
            raise PermissionError(13, "Permission denied", str(opened))

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DecodeError, match="permission") as caught:
        registry.decode(path)
    assert_clear(caught.value, str(path))


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a\0b.jpg"])
def test_a_name_that_no_file_can_have(name: str) -> None:
    with pytest.raises(DecodeError) as caught:
        registry.decode(name)
    assert_clear(caught.value, name)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no such files here")
def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # socket names are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.jpg")
        with pytest.raises(DecodeError) as caught:
            registry.decode("s.jpg")
    assert_clear(caught.value, "s.jpg")


def picture(format: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 3)).save(buffer, format)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (picture("PNG"), "PNG"),
        (picture("GIF"), "GIF"),
        (picture("BMP"), "BMP"),
        (picture("TIFF"), "TIFF"),
        (picture("WEBP"), "WebP"),
        (b"\0\0\0\x1cftypheic", "HEIC"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"\xff\xd8\xff\xf7\0\x0b", "JPEG-LS"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypisom", "MP4"),
        (b"\x1aE\xdf\xa3\x9fB", "Matroska"),
        (b"\0\0\x01\xb3\x14\0", "MPEG-1"),
        (b"PK\x03\x04", "ZIP"),
        (b"hello, I am called .jpg\n", "text"),
        (("déjà vu " * 600).encode(), "text"),
        (b"\x01\x02\x03\x04", "not a known"),
        (b"\xff", "not a known"),
    ],
)  # fmt: skip
def test_another_format_is_named_and_a_way_out_given(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(UnsupportedImageError, match=name) as caught:
        registry.decode(path)
    assert_clear(caught.value, str(path))


@pytest.mark.parametrize(
    ("encoder", "container", "name"),
    [
        ("libx264", "h264", "H.264"), ("libx265", "hevc", "H.265"), ("mpeg4", "m4v", "MPEG-4 part 2"),
        ("mpeg2video", "mpegts", "MPEG transport stream"),
    ],
)  # fmt: skip
def test_other_video_is_named(encoder: str, container: str, name: str) -> None:
    source = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=1", "-pix_fmt", "yuv420p", "-c:v", encoder]
    arguments = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, "-f", container, "-"]
    made = subprocess.run(arguments, capture_output=True, check=False).stdout
    if not made:
        pytest.skip(f"this ffmpeg has no {encoder}")
    with pytest.raises(UnsupportedImageError, match=name) as caught:
        registry.decode(made, source_name="in.266")
    assert_clear(caught.value, "in.266")


def test_a_text_stream_and_other_objects_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="text"):
        registry.decode(io.StringIO("hello"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="int"):
        registry.decode(3)  # type: ignore[arg-type]


def test_a_stream_that_fails() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError("cable pulled")

    with pytest.raises(DecodeError, match="cable pulled") as caught:
        registry.decode(Broken())  # type: ignore[arg-type]
    assert_clear(caught.value, "<stream>")


@pytest.mark.parametrize("accident", [RuntimeError("boom"), MemoryError(), RecursionError("deep")])
def test_nothing_but_our_own_errors_leaves_a_decoder(monkeypatch: pytest.MonkeyPatch, accident: Exception) -> None:
    class Clumsy:
        name = "clumsy"
        extensions = (".clumsy",)

        def sniff(self, head: bytes) -> bool:
            return head.startswith(b"CLUMSY")

        def decode(self, data: bytes, *, source: str, limits: object = None) -> DecodedImage:
            raise accident

    monkeypatch.setattr(registry, "all_decoders", lambda: (Clumsy(),))
    assert registry.known_extensions() == (".clumsy",)
    with pytest.raises(DecodeError) as caught:
        registry.decode(b"CLUMSY", source_name="c")
    assert_clear(caught.value, "c")


def test_files_are_recognised_by_their_first_bytes() -> None:
    found = registry.find_decoder(jpeg()[:HEAD_SIZE])
    assert found is not None and found.name == "jpeg"
    assert registry.find_decoder(b"") is None
    assert ".jpg" in registry.known_extensions()


def test_decoding_needs_no_torch() -> None:
    code = "import sys; import enhance.output.writer; from enhance.codecs.registry import all_decoders; all_decoders()"
    code += "; print('torch' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"
