"""scripts/crop_sheet.py and scripts/before_after.py: crops of photos in rows and columns, remade by anyone."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

SCRIPTS = Path(__file__).parents[2] / "scripts"
MARGIN, GAP = 22, 8


@pytest.fixture
def crop_sheet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with just so much of the photos as it shows."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = importlib.import_module("crop_sheet")
    for name in ("fur", "portrait"):
        region = script.REGIONS[name]
        photo = getattr(data, region.photo)()[: region.box[3], : region.box[2]]
        monkeypatch.setattr(script.data, region.photo, lambda photo=photo: photo)
    return script


def read(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


@pytest.mark.usefixtures("tiny_weights")
def test_a_sheet_for_each_quality(crop_sheet: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--regions", "text", "fur", "--columns", "original", "decoded", "steps=2"]
    assert crop_sheet.main(["-o", str(tmp_path / "new"), "--qualities", "5", "20", *words]) == 0
    files = [tmp_path / "new" / f"jpeg_q{quality}.png" for quality in (5, 20)]
    assert capsys.readouterr().out.split() == [str(path) for path in files]
    first, second = map(read, files)
    assert first.shape == second.shape == (MARGIN + 2 * 192 + GAP, MARGIN + 3 * 256 + 2 * GAP, 3)
    left, top, right, bottom = crop_sheet.REGIONS["text"].box
    original = first[MARGIN : MARGIN + 192, MARGIN : MARGIN + 256]
    assert (original[::2, ::2] == data.page()[top:bottom, left:right, None]).all()
    assert (original[::2, ::2] == original[1::2, 1::2]).all()
    assert (original == second[MARGIN : MARGIN + 192, MARGIN : MARGIN + 256]).all()
    columns = [first[MARGIN:, MARGIN + index * (256 + GAP) :][:192, :256] for index in range(3)]
    assert (columns[0] != columns[1]).any() and (columns[1] != columns[2]).any()
    assert (first[:, MARGIN + 256 : MARGIN + 256 + GAP] == 255).all()
    assert (first[MARGIN + 192 : MARGIN + 192 + GAP] == 255).all()
    for label in (first[:MARGIN, MARGIN : MARGIN + 256], first[MARGIN : MARGIN + 192, :MARGIN]):
        assert label.min() == 0 and label.mean() > 200


@pytest.mark.usefixtures("tiny_weights")
def test_vvc_at_an_odd_width(crop_sheet: ModuleType, tmp_path: Path) -> None:
    words = ["--codec", "vvc", "--qps", "42", "--regions", "text", "--columns", "decoded", "original"]
    assert crop_sheet.main(["-o", str(tmp_path), "--format", "webp", *words]) == 0
    sheet = read(tmp_path / "vvc_qp42.webp")
    decoded, original = (sheet[MARGIN:, MARGIN + start :][:192, :256].astype(int) for start in (0, 256 + GAP))
    assert 1 < abs(decoded - original).mean() < 20


@pytest.mark.usefixtures("tiny_weights")
def test_a_long_title_is_written_smaller(crop_sheet: ModuleType) -> None:
    label = np.asarray(crop_sheet._label("steps=4 perception=0.5 eta=1 unprojected", 256))
    assert label.min() < 64 and (label[:, :2] == 255).all() and (label[:, -2:] == 255).all()


@pytest.mark.parametrize(
    "words", [["--qps", "37"], ["--codec", "vvc", "--qualities", "5"], ["--qualities", "0"], ["--columns", "fidelty"]]
)
@pytest.mark.usefixtures("tiny_weights")
def test_wrong_words(
    crop_sheet: ModuleType, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert crop_sheet.main(["-o", str(tmp_path / "new"), "--regions", "text", *words]) == 2
    assert ": error: " in capsys.readouterr().err and not (tmp_path / "new").exists()


@pytest.mark.usefixtures("tiny_weights")
def test_the_picture_of_the_readme_is_one_row_without_labels(
    crop_sheet: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_after = importlib.import_module("before_after")
    monkeypatch.setattr(sys, "argv", ["before_after.py", "-o", str(tmp_path / "picture.png")])
    before_after.main()
    picture = read(tmp_path / "picture.png")
    assert picture.shape == (360, 4 * 320 + 3 * GAP, 3)
    left, top, right, bottom = crop_sheet.REGIONS["portrait"].box
    assert (picture[::2, -320::2] == data.astronaut()[top:bottom, left:right]).all()
