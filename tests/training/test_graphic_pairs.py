"""Pairs of graphics, drawings and recordings of screens: made once, found again, in the share that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from enhance.cli.main import main
from enhance.training import clip_pairs, graphic_pairs
from enhance.training.clip_pairs import KEPT
from enhance.training.graphic_pairs import code_graphics
from enhance.training.material import vvc_material
from enhance.training.sources import Shares, Source
from enhance.training.vvc_pairs import code_photos, find_pairs

PHOTOS = [np.asarray(data.astronaut())]
PAGE = np.repeat(np.asarray(data.page())[..., None], 3, axis=2)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphic_pairs, "FRAMES", 9)
    monkeypatch.setattr(graphic_pairs, "SIDE", 64)


def test_pairs_are_of_the_same_picture_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(PHOTOS, [PAGE], Shares(graphics=0.1, drawings=0.1))
    pairs = code_graphics(source, tmp_path, pairs=20, seed=2)
    assert len(pairs) == len({pair.base for pair in pairs}) == 20
    assert sum(pair.base.name.startswith("screen2-") for pair in pairs) == KEPT, "one recording, the rest are squares"
    for pair in pairs:
        original, base = np.load(pair.original), np.load(pair.base)
        assert original.shape == base.shape == (64, 64, 3)
        assert (original.dtype, base.dtype) == (np.uint8, np.uint16)
        assert np.corrcoef(original.ravel(), base.ravel())[0, 1] > 0.5 or original.std() < 8
    assert len({pair.qp for pair in pairs}) > 5
    monkeypatch.setattr(graphic_pairs, "encode_clip", None)
    monkeypatch.setattr(clip_pairs, "encode_clip", None)
    assert {pair.base for pair in code_graphics(source, tmp_path, pairs=20, seed=2)} == {pair.base for pair in pairs}
    assert {pair.base for pair in find_pairs([tmp_path])} == {pair.base for pair in pairs}


def test_no_photos_are_among_them(tmp_path: Path) -> None:
    gray = np.full((96, 96, 3), 77, np.uint8)
    gray[::2] = 99
    pairs = code_graphics(Source(PHOTOS, [gray], Shares(graphics=0.01, drawings=0, neutral=0)), tmp_path, pairs=3)
    assert all(set(np.unique(np.load(pair.original))) <= {77, 99} for pair in pairs)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    photos, graphics = tmp_path / "photos", tmp_path / "graphics"
    for folder, picture in ((photos, PHOTOS[0][:128, :128]), (graphics, PAGE)):
        folder.mkdir()
        Image.fromarray(picture).save(folder / "picture.png")
    return photos, graphics


def test_they_have_their_share_of_all_pairs(folders: tuple[Path, Path], tmp_path: Path) -> None:
    photos, graphics = folders
    code_photos([photos / "picture.png"], tmp_path / "earlier", squares=3, preset="faster")
    material = vvc_material(
        [photos], tmp_path / "cache", crop=32, pairs=[tmp_path / "earlier"] * 2,
        graphics=[graphics], shares=Shares(graphics=0.3, drawings=0.1), preset="faster",
    )  # fmt: skip
    assert material.description["pairs"] == 6 + 4, "4 of 10 are graphics or drawings"
    assert len(find_pairs([tmp_path / "cache"])) == 4
    without = vvc_material([photos], tmp_path / "cache", crop=32, pairs=[tmp_path / "earlier"])
    assert without.description["pairs"] == 3


def test_the_command_codes_them(folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, graphics = folders
    common = ["train", str(photos), "-o", str(tmp_path / "run"), "--cache", str(tmp_path / "cache"), "--codec", "vvc"]
    common += ["--calibrate", "--crop", "32", "--preset", "faster"]
    assert main([*common, "--graphics", str(graphics), "--graphics-share", "0.5", "--drawings", "0"]) == 0
    assert len(list((tmp_path / "cache").glob("graphic0-*_qp*.npy"))) == 2, "beside two squares of the photo"
    assert "qp" in capsys.readouterr().out
    assert main([*common, "--drawings", "0.5"]) == 0
    assert main([*common, "--drawings", "0.95"]) == 2, "they would be nineteen times as many as the others"


def test_rates_of_empty_squares_are_those_of_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on pairs at an estimated QP of 0 went astray."""
    monkeypatch.setattr(graphic_pairs, "_ADAPTED_SHARE", 1.0)
    blank = np.full((96, 96, 3), 200, np.uint8)
    pairs = code_graphics(Source(PHOTOS, [blank], Shares(graphics=1, drawings=0, neutral=0)), tmp_path, pairs=3)
    assert all(18 <= pair.qp <= 51 for pair in pairs)
