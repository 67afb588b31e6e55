"""Temporary files do not outlive their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from enhance.system import temporary

PROGRAM = """
import sys
from enhance.system.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "large").write_bytes(b"x")
    print(folder.parent, flush=True)
    sys.stdin.read()
"""


def start(folder: Path) -> subprocess.Popen[str]:
    variables = {**os.environ, "TMPDIR": str(folder)}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def home_of(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_process_that_ends_leaves_nothing(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        assert home_of(process).is_dir()
        process.communicate()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no locks that end with a process")
def test_the_next_process_clears_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    others = tmp_path / "enhance-photos"
    others.mkdir()
    with start(tmp_path) as killed, start(tmp_path) as living:
        left, kept = home_of(killed), home_of(living)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "0" / "large").exists()
        with start(tmp_path) as third:
            own = home_of(third)
            assert sorted(tmp_path.iterdir()) == sorted([others, kept, own])
            third.communicate()
        living.communicate()
    assert list(tmp_path.iterdir()) == [others]


def test_folders_are_new_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_home", None)
    with temporary.temporary_folder() as one, temporary.temporary_folder() as two:
        assert one != two and list(one.iterdir()) == []
    assert not one.exists() and temporary.temporary_path() not in (one, two)
