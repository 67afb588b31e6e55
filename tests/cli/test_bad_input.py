"""Whatever is thrown at `enhance run`: one clear line, the right exit status, the rest done, nothing lost."""

from __future__ import annotations

import errno
import json
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from enhance.cli.main import main

JpegFactory = Callable[..., bytes]


class Batch:
    """A folder with one good picture, into which a test puts bad ones."""

    def __init__(self, folder: Path, model: Path, good: bytes, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder / "photos"
        self.out = folder / "out"
        self.options = ["--model", str(model), "--device", "cpu", "--dtype", "float32", "--quiet"]
        self.capsys = capsys
        self.folder.mkdir()
        (self.folder / "good.jpg").write_bytes(good)

    def add(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def run(self, *arguments: str) -> tuple[int, list[str]]:
        """Exit status and the lines on stderr of `enhance run FOLDER -o OUT`, or of other arguments."""
        status = main(["run", *(arguments or (str(self.folder), "-o", str(self.out))), *self.options])
        spoken = self.capsys.readouterr()
        assert spoken.out == ""
        assert "Traceback" not in spoken.err
        return status, spoken.err.splitlines()

    def written(self) -> list[str]:
        """The names of all results; every one must be a whole picture, and nothing else may lie about."""
        names = sorted(path.name for path in self.out.iterdir()) if self.out.exists() else []
        for name in names:
            with Image.open(self.out / name) as image:
                image.load()
        return names


@pytest.fixture
def batch(tmp_path: Path, tiny_model_file: Path, jpeg_bytes: JpegFactory, capsys: pytest.CaptureFixture[str]) -> Batch:
    return Batch(tmp_path, tiny_model_file, jpeg_bytes(), capsys)


def claiming(jpeg: bytes, width: int, height: int) -> bytes:
    """The file with another size in its frame header."""
    start = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:start] + struct.pack(">HH", height, width) + jpeg[start + 4 :]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda jpeg: b"", "empty"),
        (lambda jpeg: b"Dear diary,\ntoday I renamed a file.\n", "text"),
        (lambda jpeg: jpeg[: len(jpeg) // 2], "truncated"),
        (lambda jpeg: jpeg[:100], "bad.jpg"),
        (lambda jpeg: claiming(jpeg, 65535, 65535), "65535x65535"),
        (lambda jpeg: b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        (lambda jpeg: b"\xff\xd8" + os.urandom(5000), "bad.jpg"),
    ],
    ids=["empty", "text", "half", "head only", "bomb", "png", "noise"],
)
def test_a_damaged_file_is_one_line_and_the_rest_is_done(
    damage: Callable[[bytes], bytes], reason: str, batch: Batch, jpeg_bytes: JpegFactory
) -> None:
    bad = batch.add("bad.jpg", damage(jpeg_bytes()))
    before = bad.read_bytes()
    status, lines = batch.run()
    assert status == 1
    assert len(lines) == 1 and "bad.jpg" in lines[0] and reason in lines[0] and "(" in lines[0], lines
    assert batch.written() == ["good.png"]
    assert bad.read_bytes() == before


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 3), (65500, 8)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_extreme_sizes_are_enhanced(size: tuple[int, int], mode: str, batch: Batch, jpeg_bytes: JpegFactory) -> None:
    batch.add("odd.jpg", jpeg_bytes(size=size, mode=mode))
    assert batch.run() == (0, [])
    assert batch.written() == ["good.png", "odd.png"]
    with Image.open(batch.out / "odd.png") as image:
        assert (image.size, image.mode) == (size, mode)


def test_cmyk_becomes_rgb(batch: Batch, jpeg_bytes: JpegFactory) -> None:
    batch.add("print.jpg", jpeg_bytes(quality=80, mode="CMYK"))
    assert batch.run() == (0, [])
    with Image.open(batch.out / "print.png") as image:
        assert image.mode == "RGB"


def test_a_folder_called_like_a_file_is_walked_or_passed_by(batch: Batch, jpeg_bytes: JpegFactory) -> None:
    (batch.folder / "album.jpg").mkdir()
    batch.add("album.jpg/inner.jpg", jpeg_bytes())
    assert batch.run() == (0, [])
    assert batch.written() == ["good.png"]


def test_a_folder_does_not_become_a_file(batch: Batch) -> None:
    status, lines = batch.run(str(batch.folder), "-o", str(batch.out) + ".png")
    assert status == 2 and len(lines) == 1
    assert not Path(str(batch.out) + ".png").exists()


def test_a_folder_in_the_place_of_a_result(batch: Batch, jpeg_bytes: JpegFactory) -> None:
    batch.add("other.jpg", jpeg_bytes())
    (batch.out / "good.png" / "precious").mkdir(parents=True)
    for options in ([], ["--force"], ["--resume"]):
        status, lines = batch.run(str(batch.folder), "-o", str(batch.out), *options)
        assert status == 1 and len(lines) == 1 and "good.png" in lines[0]
        assert (batch.out / "good.png" / "precious").is_dir()
    assert (batch.out / "other.png").is_file()


def test_an_unreadable_file(batch: Batch, jpeg_bytes: JpegFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = batch.add("bad.jpg", jpeg_bytes())
    bad.chmod(0)
    if os.access(bad, os.R_OK):  # nothing is unreadable to root
        system_open = os.open

        def refuse(path: str | os.PathLike[str], *arguments: Any, **options: Any) -> int:
            if Path(path) == bad:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return system_open(path, *arguments, **options)

        monkeypatch.setattr(os, "open", refuse)
    status, lines = batch.run()
    assert status == 1
    assert len(lines) == 1 and "bad.jpg: no permission to read it" in lines[0]
    assert batch.written() == ["good.png"]


def test_a_name_too_long_for_the_disk(batch: Batch) -> None:
    status, lines = batch.run("x" * 300 + ".jpg", "-o", str(batch.out))
    assert status == 1 and len(lines) == 1 and "no such file" in lines[0]
    status, lines = batch.run(str(batch.folder), "-o", str(batch.out / ("x" * 300)))
    assert status == 1 and len(lines) == 1 and "the folder cannot be made" in lines[0]


def test_a_missing_file_and_a_dangling_link(batch: Batch) -> None:
    (batch.folder / "link.jpg").symlink_to("nowhere.jpg")
    missing = str(batch.folder / "missing.jpg")
    status, lines = batch.run(str(batch.folder), missing, "-o", str(batch.out))
    assert status == 1
    assert len(lines) == 2 and all("no such file" in line for line in lines)
    assert batch.written() == ["good.png"]


def test_a_text_file_named_explicitly_is_an_error_and_in_a_folder_is_passed_by(batch: Batch) -> None:
    note = batch.add("note.txt", b"hello")
    assert batch.run() == (0, [])
    status, lines = batch.run(str(note), "-o", str(batch.out))
    assert status == 1 and len(lines) == 1 and "text file" in lines[0]


def test_a_full_disk_is_one_line(batch: Batch, jpeg_bytes: JpegFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(80):
        batch.add(f"{index}.jpg", jpeg_bytes(size=(16, 16)))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, lines = batch.run()
    assert status == 1
    assert "the disk is full" in lines[0]
    assert "were not started" in lines[-1]
    assert batch.written() == []


def test_a_limit_on_file_sizes_leaves_no_half_file(batch: Batch, jpeg_bytes: JpegFactory) -> None:
    batch.add("large.jpg", jpeg_bytes(size=(400, 400)))
    arguments = ["run", str(batch.folder), "-o", str(batch.out), *batch.options]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = subprocess.run(
        [sys.executable, "-m", "enhance", *arguments], capture_output=True, text=True, preexec_fn=limit, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "large.png" in done.stderr
    assert batch.written() == ["good.png"]


def test_an_output_folder_that_cannot_be_made(batch: Batch) -> None:
    in_the_way = batch.add("file", b"")
    status, lines = batch.run(str(batch.folder), "-o", str(in_the_way / "out"))
    assert status == 1 and len(lines) == 1 and "the folder cannot be made" in lines[0]


def test_an_output_folder_inside_the_input_folder(batch: Batch) -> None:
    out = batch.folder / "out"
    for options in (["--format", "jpg"], ["--format", "jpg", "--force"]):
        assert batch.run(str(batch.folder), "-r", "-o", str(out), *options) == (0, [])
        assert [path.name for path in out.rglob("*")] == ["good.jpg"]


def test_results_in_the_input_folder_itself(batch: Batch) -> None:
    before = (batch.folder / "good.jpg").read_bytes()
    status, lines = batch.run(str(batch.folder), "-o", str(batch.folder), "--format", "jpg", "--force")
    assert status == 2 and "never written to" in lines[0]
    assert batch.run(str(batch.folder), "-o", str(batch.folder)) == (0, [])
    assert (batch.folder / "good.jpg").read_bytes() == before


def test_two_inputs_for_one_output(batch: Batch, jpeg_bytes: JpegFactory) -> None:
    batch.add("good.jpeg", jpeg_bytes())
    status, lines = batch.run()
    assert status == 2
    assert len(lines) == 2 and all("good.jpeg" in line and "good.jpg" in line for line in lines)
    assert batch.written() == []
    batch.add("other.jpg", jpeg_bytes())
    assert batch.run()[0] == 1
    assert batch.written() == ["other.png"]


@pytest.mark.parametrize(
    "name", ["фото 写真 🌄.jpg", "x" * 200 + ".jpg", "é" * 100 + ".jpg", "-o.jpg", "two\nlines.jpg", "a b'\".JPG"]
)
def test_names_of_all_kinds(name: str, batch: Batch, jpeg_bytes: JpegFactory) -> None:
    batch.add(name, jpeg_bytes())
    assert batch.run() == (0, [])
    assert batch.written() == sorted(["good.png", name[:-4] + ".png"])
    status, lines = batch.run()
    assert status == 2 and len(lines) == 1


def test_a_name_that_is_not_unicode(batch: Batch, jpeg_bytes: JpegFactory) -> None:
    try:
        (batch.folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system holds Unicode names only")
    arguments = ["run", str(batch.folder), "-o", str(batch.out), "--json", *batch.options]
    done = subprocess.run([sys.executable, "-m", "enhance", *arguments], capture_output=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["failed", "done"]
    assert os.fsencode(lines[0]["input"]).endswith(b"caf\xe9.jpg")


def test_out_of_memory_has_its_own_status(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("enhance.enhancer.Enhancer.run", exhausted)
    status, lines = batch.run()
    assert status == 4 and len(lines) == 1 and "out of memory" in lines[0]


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint", bytes(4096)])
def test_damaged_weights(content: bytes | None, batch: Batch, tmp_path: Path) -> None:
    model = tmp_path / "broken.safetensors"
    if content is not None:
        model.write_bytes(content)
    batch.options[1] = str(model)
    status, lines = batch.run()
    assert status == 3 and len(lines) == 1 and "broken.safetensors" in lines[0]
