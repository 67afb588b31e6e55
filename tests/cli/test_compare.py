"""`enhance compare`, from the files to the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from enhance.cli.main import main
from enhance.codecs.earlier_coding import find_earlier_coding

Run = Callable[..., int]


@pytest.fixture
def compare(tiny_model_file: Path) -> Run:
    def call(*arguments: object) -> int:
        options = ["--model", str(tiny_model_file), "--dtype", "float32", "--device", "cpu"]
        return main(["compare", *map(str, arguments), *options])

    return call


def files_of(page: Path) -> list[dict[str, Any]]:
    """What a page tells of its files."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert data is not None
    return list(json.loads(data[1]))


def test_a_page_has_all_modes_facts_and_what_was_done(photo_folder: Path, tmp_path: Path, compare: Run) -> None:
    page = tmp_path / "page.html"
    assert compare(photo_folder / "a.jpg", "-o", page, "--quiet") == 0
    (file,) = files_of(page)
    assert list(file["layers"]) == ["decoded", "balanced", "fidelity", "perceptual"]
    assert file["name"] == "a.jpg" and file["facts"]["quality"] and file["facts"]["codec"] == "jpeg"
    assert file["layers"]["perceptual"]["steps"] > file["layers"]["fidelity"]["steps"] == 1
    assert file["views"][0]["title"] == "whole picture"


def test_modes_and_knobs_are_chosen(photo_folder: Path, tmp_path: Path, compare: Run) -> None:
    page = tmp_path / "page.html"
    knobs = ["--perception", 0.25, "--strength", 0.5, "--modes", "fidelity"]
    assert compare(photo_folder / "a.jpg", "-o", page, *knobs) == 0
    (file,) = files_of(page)
    assert list(file["layers"]) == ["decoded", "perception 0.25", "fidelity"]
    assert {file["layers"][name]["strength"] for name in ("perception 0.25", "fidelity")} == {0.5}


def test_originals_give_decibels(originals: Path, tmp_path: Path, compare: Run) -> None:
    source = sorted(originals.glob("*.png"))[0]
    coded = tmp_path / f"{source.stem}.jpg"
    Image.open(source).save(coded, quality=20)
    (originals / f"{source.stem}.txt").write_text("what it shows")  # of the same name, and later in order
    for given in (source, originals):
        page = tmp_path / "page.html"
        assert compare(coded, "-o", page, "--original", given, "--modes", "balanced", "--force") == 0
        (file,) = files_of(page)
        assert list(file["layers"]) == ["decoded", "balanced", "original"]
        assert 15 < file["layers"]["decoded"]["psnr"] < 50 and file["layers"]["balanced"]["psnr"]


def test_one_bad_file_does_not_stop_the_others(
    photo_folder: Path, tmp_path: Path, compare: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    page = tmp_path / "page.html"
    assert compare(bad, photo_folder / "a.jpg", "-o", page, "--modes", "balanced") == 1
    assert [file["name"] for file in files_of(page)] == ["a.jpg"]
    assert "bad.jpg" in capsys.readouterr().err
    assert compare(bad, "-o", tmp_path / "none.html") == 1
    assert not (tmp_path / "none.html").exists()


def test_nothing_is_replaced_and_mistakes_are_one_line(
    photo_folder: Path, tmp_path: Path, compare: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    assert compare(photo_folder / "a.jpg", "-o", page) == 1
    assert page.read_text() == "mine" and "exists already" in capsys.readouterr().err
    small = tmp_path / "small.png"
    Image.new("RGB", (8, 8)).save(small)
    assert compare(photo_folder / "a.jpg", "-o", tmp_path / "b.html", "--original", small) == 2
    assert "small.png: the original has 8x8 pixels" in capsys.readouterr().err
    assert compare(photo_folder / "a.jpg", "-o", tmp_path / "b.html", "--original", small, small) == 2
    assert "2 originals for 1 files" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["page.png", "photos/b.jpeg", "original.bak"])
def test_a_page_is_no_picture_and_no_input(
    place: str, photo_folder: Path, tmp_path: Path, compare: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    original = tmp_path / "original.bak"
    Image.open(photo_folder / "b.jpeg").save(original, "PNG")
    page = tmp_path / place
    before = page.read_bytes() if page.exists() else None
    files = [photo_folder / "a.jpg", photo_folder / "b.jpeg"]
    assert compare(*files, "--original", original, original, "-o", page, "--force") != 0
    assert "a page is no picture" in (told := capsys.readouterr().err) or "never changed" in told
    assert (page.read_bytes() if page.exists() else None) == before


def test_an_earlier_coding_is_looked_for_once(
    photo_folder: Path, tmp_path: Path, compare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def search(pixels: Any, rate: Any) -> Any:
        asked.append(rate)
        return find_earlier_coding(pixels, rate)

    monkeypatch.setattr("enhance.inference.choices.find_earlier_coding", search)
    assert compare(photo_folder / "a.jpg", "-o", tmp_path / "page.html", "--quiet") == 0
    (file,) = files_of(tmp_path / "page.html")
    assert len(file["layers"]) == 4 and len(asked) == 1
