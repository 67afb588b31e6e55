"""What a killed run leaves is told from a finished result, and is cleared by the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance.images import Metadata
from enhance.output.encoders import OutputFormat
from enhance.output.high_depth import encode_tiff
from enhance.output.wholeness import judge
from enhance.system.atomic_file import atomic_file, remove_abandoned

OWN = [OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.TIFF]
"""Formats with encoders of their own; for the others see test_plain.py."""


def whole(path: Path, fmt: OutputFormat) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    if fmt is OutputFormat.TIFF:
        path.write_bytes(encode_tiff(pixels, Metadata()))
    else:
        Image.fromarray(pixels).save(path, fmt.value, **({"lossless": True} if fmt is OutputFormat.WEBP else {}))
    return path.read_bytes()


@pytest.mark.parametrize("fmt", OWN)
def test_only_what_is_whole_counts(tmp_path: Path, fmt: OutputFormat) -> None:
    path = tmp_path / f"picture{fmt.extension}"
    content = whole(path, fmt)
    assert judge(path, fmt) == "whole"
    for length in (0, 1, 4, 11, 30, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert judge(path, fmt) == "cut", length


@pytest.mark.parametrize("fmt", OWN)
def test_what_is_somebodys_is_not_taken_for_a_beginning(tmp_path: Path, fmt: OutputFormat) -> None:
    path = tmp_path / "picture"
    for content in (b"Dear diary", bytes(5000), b"GIF89a"):
        path.write_bytes(content)
        assert judge(path, fmt) == "foreign"
    assert judge(tmp_path, fmt) == "foreign"


def test_a_link_to_nothing_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("nowhere.png")
    assert judge(tmp_path / "a.png", OutputFormat.PNG) == "cut"


WRITER = """
import sys
from enhance.system.atomic_file import atomic_file
with atomic_file(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_was_writing_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    (tmp_path / ".enhance-notes.tmp").write_text("mine", encoding="utf-8")
    target = tmp_path / "result.png"
    command = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"writing\n"
        remove_abandoned(tmp_path)
        assert len(list(tmp_path.glob(".enhance-*.tmp"))) == 2
        process.kill()
        process.wait()
    assert len(list(tmp_path.glob(".enhance-*.tmp"))) == 2
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".enhance-notes.tmp"]
    with atomic_file(target) as file:
        file.write(b"whole")
        remove_abandoned(tmp_path)
    assert target.read_bytes() == b"whole"
    remove_abandoned(tmp_path / "missing")


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from enhance.system import atomic_file as module

    calls = []

    def late(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            os.unlink(next(tmp_path.glob(".enhance-*.tmp")))

    monkeypatch.setattr(module, "lock", late)
    with atomic_file(tmp_path / "result") as file:
        file.write(b"whole")
    assert (tmp_path / "result").read_bytes() == b"whole" and len(calls) == 2
