"""Lists of inputs, as other programs make them: names in a pipe, results with their folders, one line for each."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from enhance.cli.main import main


@pytest.fixture
def options(tiny_model_file: Path) -> list[str]:
    return ["--model", str(tiny_model_file), "--dtype", "float32", "--device", "cpu"]


def piped(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", stdin)


def test_names_that_end_with_null_come_through_a_pipe(
    photo_folder: Path,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    strange = photo_folder / "two\nlines [1].jpg"
    (photo_folder / "a.jpg").rename(strange)
    monkeypatch.chdir(tmp_path)
    names = ["./photos/two\nlines [1].jpg", "photos/sub/c.jpg", "photos/none.jpg", "photos"]
    piped("".join(name + "\0" for name in names).encode(), monkeypatch)
    assert main(["run", "--files-from", "-", "-0", "-o", "out", "--json", *options]) == 1
    lines = {line["input"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [lines[name]["status"] for name in names] == ["done", "done", "failed", "failed"]
    assert (tmp_path / "out/photos/two\nlines [1].png").is_file() and (tmp_path / "out/photos/sub/c.png").is_file()
    assert "no such file" in lines["photos/none.jpg"]["error"] and "lists hold files" in lines["photos"]["error"]


def test_lines_of_a_file_are_done_beside_what_is_named(
    photo_folder: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes(f"{photo_folder / 'a.jpg'}\r\n\nphotos/sub/c.jpg\n".encode())
    monkeypatch.chdir(tmp_path)
    assert main(["run", "photos/b.jpeg", "--files-from", str(listed), "-o", "out", "--quiet", *options]) == 0
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert found == ["a.png", "b.png", "photos/sub/c.png"]  # a name that leads elsewhere keeps no folders


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 2, "no input was given"),
        (["-0"], 2, "-0 is for a list"),
        (["-", "--files-from", "-"], 2, "both a picture and the list"),
        (["--files-from", "none.txt"], 1, "the list cannot be read"),
        (["--files-from", "null.txt"], 2, "null.txt: the names in the list end with a null character (add -0)"),
    ],
)
def test_what_does_not_fit_is_told(
    arguments: list[str],
    status: int,
    told: str,
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "null.txt").write_bytes(b"a.jpg\0b.jpg\0")
    assert main(["run", *arguments, "-o", str(tmp_path / "out"), *options]) == status
    assert told in capsys.readouterr().err


def test_an_empty_list_is_no_failure(options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    piped(b"", monkeypatch)
    assert main(["run", "--files-from", "-", "-0", "-o", str(tmp_path / "out"), *options]) == 0
