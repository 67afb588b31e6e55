"""Where frames go, and what becomes of stdout meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from enhance.errors import DecodeError, OutputError, UsageError
from enhance.system.atomic_file import atomic_file
from enhance.video.output import descriptor_of, open_output


@pytest.mark.parametrize(
    ("name", "descriptor"),
    [("-", 1), ("/dev/stdout", 1), ("/dev/fd/1", 1), ("/proc/self/fd/7", 7), ("/dev/stderr", 2), ("out", None)],
)
def test_names_of_descriptors(name: str, descriptor: int | None) -> None:
    assert descriptor_of(name) == descriptor


def test_a_file_has_its_name_in_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out.yuv"
    with open_output(str(target), source="in", overwrite=False) as stream:
        stream.write(b"frames")
        stream.flush()
        assert not target.exists()
    assert target.read_bytes() == b"frames" and [path.name for path in tmp_path.iterdir()] == ["out.yuv"]
    assert target.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutputError("full"), ValueError("a bug")])
def test_nothing_half_written(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), open_output(str(tmp_path / "out.yuv"), source="in", overwrite=False) as stream:
        stream.write(b"half a fr")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_frames_before_a_damaged_input_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.yuv"
    for content, kept in ((b"frames", True), (b"", False)):
        with pytest.raises(DecodeError, match="cut"), open_output(str(target), source="in", overwrite=True) as stream:
            stream.write(content)
            raise DecodeError("cut")
        assert target.exists() == kept
        target.unlink(missing_ok=True)


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.yuv"
    with (
        pytest.raises(OutputError, match="exists already"),
        open_output(str(target), source="in", overwrite=False) as stream,
    ):
        stream.write(b"mine")
        target.write_bytes(b"theirs")
    assert target.read_bytes() == b"theirs" and len(list(tmp_path.iterdir())) == 1


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, phrase in (("folder", "a folder of that name"), ("no/out.yuv", "does not exist"), ("a\0b", "null")):
        target = str(tmp_path / name)
        with pytest.raises(OutputError, match=phrase), atomic_file(target, overwrite=True):
            pass
    with pytest.raises(OutputError, match="Bad file"), open_output("/dev/fd/99999", source="in", overwrite=False):
        pass
    with pytest.raises(OutputError, match="stdout is closed"), open_output("-", stdout=-1, source="i", overwrite=False):
        pass


def test_frames_are_not_written_to_a_terminal() -> None:
    reader, terminal = os.openpty()
    try:
        with (
            pytest.raises(UsageError, match="a terminal"),
            open_output(f"/dev/fd/{terminal}", source="in", overwrite=False),
        ):
            pass
    finally:
        os.close(reader)
        os.close(terminal)


_PRINTS = """
import os, sys
from enhance.video.output import prints_on_stderr
print("before")
with prints_on_stderr() as stdout:
    print("printed")
    os.write(1, b"written\\n")
    if stdout >= 0:
        os.write(stdout, b"frames\\n")
print("after")
"""


@pytest.mark.parametrize(
    ("redirection", "out", "err"),
    [("", "before\nframes\nafter\n", "printed\nwritten\n"), ("2>&-", "before\nframes\nafter\n", "")],
)
def test_prints_go_to_stderr(redirection: str, out: str, err: str) -> None:
    shell = ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-c", _PRINTS]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (done.stdout, sorted(done.stderr.splitlines())) == (out, sorted(err.splitlines()))
