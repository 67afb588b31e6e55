"""VVC in MP4, Matroska and transport streams decodes as the stream itself does; other videos are refused in a line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from enhance.codecs.vvc.containers import is_container
from enhance.codecs.vvc.decoder import open_vvc
from enhance.errors import DecodeError, UnsupportedImageError

_VVC = ["-c:v", "libvvenc", "-preset", "faster", "-qp", "32", "-threads", "1"]


def movie(path: Path, *coder: str, source: str = "testsrc2=size=64x48:rate=25") -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-t", "0.2", *coder]
    subprocess.run([*command, str(path)], check=True)
    return path


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv", "ts"])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_the_stream_is_taken_out(extension: str, as_bytes: bool, tmp_path: Path) -> None:
    container, plain = (movie(tmp_path / f"a.{it}", *_VVC) for it in (extension, "266"))
    with open_vvc(container.read_bytes() if as_bytes else container, decoder="ffmpeg") as one:
        found = [picture.planes for picture in one]
    with open_vvc(plain, decoder="ffmpeg") as other:
        expected = [picture.planes for picture in other]
    assert len(found) == len(expected) == 5 and one.facts == other.facts
    assert all(np.array_equal(a, b) for ours, its in zip(found, expected) for a, b in zip(ours, its))


def test_other_videos_and_sounds_are_refused(tmp_path: Path) -> None:
    for path in (movie(tmp_path / "a.mkv", "-c:v", "ffv1"), movie(tmp_path / "b.mp4", "-c:a", "aac", source="sine")):
        with pytest.raises(UnsupportedImageError, match="holds no VVC video"):
            open_vvc(path, decoder="ffmpeg")


def test_a_container_that_is_cut(tmp_path: Path) -> None:
    path = movie(tmp_path / "a.mp4", *_VVC)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DecodeError):
        open_vvc(path, decoder="ffmpeg")


def test_what_is_no_container() -> None:
    assert not any(map(is_container, (b"", b"G", b"\0\0\0\x1cftypavif", b"\0\0\x01\x79", b"G" + bytes(200))))
    assert is_container(b"\0\0\0\x1cftypisom") and is_container(b"G" + bytes(187) + b"G")
