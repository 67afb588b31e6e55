"""The pipes of docs/vvc.md between ffmpeg and the filter, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

ROOT = Path(__file__).resolve().parents[2]
PIPES = [
    line
    for line in (ROOT / "docs" / "vvc.md").read_text().splitlines()
    if re.search(r"enhance filter.*\| *ffmpeg ", line)
]


@pytest.fixture
def programs(tiny_vvc_model_file: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which `enhance` has a tiny model, and `ffmpeg` is the one of imageio-ffmpeg."""
    folder = tmp_path / "bin"
    folder.mkdir()
    options = f"--model {tiny_vvc_model_file} --device cpu --dtype float32 --threads 1"
    for name, line in (
        ("enhance", f'exec "{sys.executable}" -m enhance "$@" {options}'),
        ("ffmpeg", f'exec "{imageio_ffmpeg.get_ffmpeg_exe()}" -nostdin -loglevel error "$@"'),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Six pictures of VVC at 23.976 frames a second, with sound."""
    path = tmp_path / "movie.mkv"
    sources = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=24000/1001", "-f", "lavfi", "-i", "sine"]
    coder = ["-c:v", "libvvenc", "-preset", "faster", "-qp", "32", "-threads", "1", "-c:a", "aac"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *sources, "-t", "0.25", *coder, str(path)]
    subprocess.run(command, check=True)
    return path


def streams(path: Path) -> str:
    """What ffmpeg says of a file's streams, and how many frames it decodes."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def test_the_readme_has_pipes() -> None:
    assert len(PIPES) == 2


@pytest.mark.parametrize("line", PIPES, ids=["bitstream", "frames"])
def test_a_pipe_of_the_readme(line: str, movie: Path, programs: dict[str, str]) -> None:
    subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=movie.parent, env=programs, check=True)
    said = streams(next(movie.parent.glob("better.*")))
    assert "Video: h264" in said and "64x48" in said and "23.98 fps" in said
    assert re.findall(r"frame= *(\d+)", said)[-1] == "6"
    assert ("Audio: aac" in said) == ("movie.mkv -map" in line)
