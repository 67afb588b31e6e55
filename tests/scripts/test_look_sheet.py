"""scripts/look_sheet.py: the crops of docs/looks.md, one file for each kind of content, remade by anyone."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
MARGIN, GAP, ENLARGED = 22, 8, 3 * 72


@pytest.fixture
def look_sheet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("look_sheet")


@pytest.mark.usefixtures("tiny_weights")
def test_a_row_for_each_quality_and_a_column_for_each_mode(look_sheet: ModuleType, tmp_path: Path) -> None:
    words = ["--contents", "screen", "--qualities", "10", "60", "-o", str(tmp_path / "new")]
    assert look_sheet.main(words) == 0
    with Image.open(tmp_path / "new" / "screen.webp") as image:
        sheet = np.asarray(image.convert("RGB"))
    assert sheet.shape == (MARGIN + 2 * ENLARGED + GAP, MARGIN + 5 * ENLARGED + 4 * GAP, 3)
    rows = [sheet[MARGIN + row * (ENLARGED + GAP) :][:ENLARGED, -ENLARGED:] for row in range(2)]
    part = look_sheet.looks()["screen"]
    left, top, right, bottom = part.box
    for original in rows:
        assert (original[::3, ::3] == part.load()[top:bottom, left:right]).all()
        assert (original[::3, ::3] == original[2::3, 2::3]).all()


@pytest.mark.usefixtures("tiny_weights")
def test_kodaks_photos_are_asked_for(
    look_sheet: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look_sheet.main(["--contents", "sky", "-o", str(tmp_path / "new")]) == 2
    assert "--kodak" in capsys.readouterr().err and not (tmp_path / "new").exists()
    assert look_sheet.main(["--contents", "sky", "--kodak", str(tmp_path), "-o", str(tmp_path / "new")]) != 0
    assert "kodim16.png" in capsys.readouterr().err


def test_parts_lie_inside_their_pictures(look_sheet: ModuleType) -> None:
    for name in ("face", "night", "text", "screen", "comic"):  # those that need no download
        part = look_sheet.looks()[name]
        height, width, _ = part.load().shape
        assert 0 <= part.box[0] < part.box[2] <= width and 0 <= part.box[1] < part.box[3] <= height


def test_the_page_shows_every_content_and_judges_each_quality(look_sheet: ModuleType) -> None:
    page = (ROOT / "docs" / "looks.md").read_text(encoding="utf-8")
    chapters = dict(re.findall(r"\]\(looks/(\w+)\.webp\)\n\n(.*?)\n(?=\n#)", page, re.DOTALL))
    assert list(chapters) == list(look_sheet.looks())
    for text in chapters.values():
        assert re.findall(r"^- \*\*(\d+)\*\*: ", text, re.MULTILINE) == [str(one) for one in look_sheet.QUALITIES]
