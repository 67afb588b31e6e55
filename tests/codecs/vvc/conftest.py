"""What the tests of VVC share: small real streams, a program in the place of VTM's, and checks of what is left over."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from skimage import data

from enhance.codecs.vvc.guardian import guardian
from enhance.frames.format import FrameFormat, Planes
from enhance.system import temporary

StreamFactory = Callable[..., bytes]
StandIn = Callable[..., Path]


@lru_cache(maxsize=64)
def _coded(count: int, qp: int, size: tuple[int, int], depth: int, qpa: bool, color: tuple[str, ...]) -> bytes:
    width, height = size
    photo = np.ascontiguousarray(data.astronaut()[20:, 60:])
    # The camera pans, so that pictures predict each other.
    frames = [photo[2 * number :, 3 * number :][:height, :width] for number in range(count)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-i", "-", "-pix_fmt", "yuv420p10le", "-c:v", "libvvenc"]
    command += ["-preset", "faster", "-qpa", str(int(qpa)), "-qp", str(qp), "-threads", "1", *color]
    command += ["-vvenc-params", f"internalbitdepth={depth}", "-f", "vvc", "-"]
    done = subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), capture_output=True)
    if done.returncode:
        pytest.skip(f"the ffmpeg of this platform has no libvvenc: {done.stderr.decode().strip()[-200:]}")
    return done.stdout


@pytest.fixture(scope="session")
def vvc_stream() -> StreamFactory:
    """Makes streams by libvvenc: `vvc_stream(count, qp, size, depth=10, qpa=False, color=("-colorspace", "bt709"))`.

    libvvenc codes intra pictures at three QPs below the one asked for.
    """

    def make(
        count: int = 1,
        qp: int = 37,
        size: tuple[int, int] = (98, 58),
        *,
        depth: int = 10,
        qpa: bool = False,
        color: tuple[str, ...] = (),
    ) -> bytes:
        return _coded(count, qp, size, depth, qpa, color)

    return make


@pytest.fixture(scope="session")
def plain_decode() -> Callable[[bytes, FrameFormat], list[Planes]]:
    """Decodes a stream by a plain call of the bundled ffmpeg, to compare with."""

    def decode(stream: bytes, frame: FrameFormat) -> list[Planes]:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "vvc", "-i", "-", "-f", "rawvideo", "-"]
        raw = subprocess.run(command, input=stream, capture_output=True, check=True).stdout
        assert len(raw) % frame.frame_bytes == 0
        return [frame.unpack(raw[start : start + frame.frame_bytes]) for start in range(0, len(raw), frame.frame_bytes)]

    return decode


_STAND_IN = '''#!{python} -IS
"""Behaves as VTM's DecoderApp 23.13 does."""
import os, signal, sys, time
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
stream = open(options["-b"], "rb").read()
behaviour = {behaviour!r}
print("\\nVVCSoftware: VTM Decoder Version 23.13 [stand-in]")
if behaviour == "dies":
    sys.exit(1)
if behaviour == "hangs":
    time.sleep(1000)
if behaviour == "crashes":
    os.kill(os.getpid(), signal.SIGSEGV)
raw, log = open({raw!r}, "rb").read(), {log!r}
size = {size}
with open(options["-o"], "wb") as output:
    is_y4m = options["-o"].endswith(".y4m")
    if is_y4m:
        output.write({header!r})
    for number in range(len(raw) // size):
        for line in log.pop(0):
            print(line)
        if behaviour == "is cut" and number == 2:
            print('ERROR: In function "readByte" in BitStream.h:180: FIFO exceeded', file=sys.stderr)
            sys.exit(1)
        if behaviour == "hangs later" and number == 2:
            output.flush()
            time.sleep(1000)
        output.write((b"FRAME\\n" if is_y4m else b"") + raw[number * size : (number + 1) * size])
print("\\n Total Time:        0.101 sec.")
if behaviour == "does not end":
    sys.stdout.flush()
    time.sleep(1000)
'''


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    """Writes a program that behaves as VTM's DecoderApp: `stand_in(behaviour, frames, frame, header, log)`.

    Args:
        behaviour: "works", "dies", "hangs", "crashes", "is cut" and "hangs later" (both at the third picture), or
            "does not end".
        frames: what it gives.
        frame: their format.
        header: of its y4m file.
        log: the lines that it prints before each of the frames.
    """

    def write(
        behaviour: str,
        frames: list[Planes] | None = None,
        frame: FrameFormat | None = None,
        header: bytes = b"",
        log: list[list[str]] | None = None,
    ) -> Path:
        raw = tmp_path / "stand_in.yuv"
        size = frame.frame_bytes if frame else 1
        raw.write_bytes(b"".join(frame.pack(planes) for planes in frames or []) if frame else b"")
        program = tmp_path / "DecoderApp"
        text = _STAND_IN.format(
            python=sys.executable, behaviour=behaviour, raw=str(raw), log=log or [], size=size, header=header
        )
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
        return program

    return write


@pytest.fixture
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that leaves a child process, a temporary file or an open file behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(temporary, "_home", None)
    # What lives as long as this process: its temporary folder, and the program that ends decoders after it.
    home = temporary.temporary_path().parent
    guardian.watch(os.getpid())
    guardian.forget(os.getpid())
    before = open_files(), child_processes()
    yield
    assert list(folder.iterdir()) == [home] and [path.name for path in home.iterdir()] == ["lock"]
    assert (open_files(), child_processes()) == before


def open_files() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/dev/fd"))


def child_processes() -> set[int]:
    """The processes that this one has started and not waited for (Linux alone tells; elsewhere none)."""
    children = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended in the meantime
            parent = status.read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                children.add(int(status.parent.name))
    return children
