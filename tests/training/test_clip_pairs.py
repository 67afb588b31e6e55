"""Pairs of coded video: some pictures of each clip, at the rates that video is enhanced with, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from enhance.cli.main import main
from enhance.training import clip_pairs
from enhance.training.clip_pairs import KEPT, SIDE, code_clips, draw_coding
from enhance.training.vvc_pairs import PairCrops, find_pairs


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "photos" / name for name in ("astronaut.png", "coffee.png", "small.png")]
    paths[0].parent.mkdir()
    for path, picture in zip(paths, (data.astronaut(), data.coffee(), data.chelsea()[:60, :60])):
        Image.fromarray(picture).save(path)
    return paths


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_pairs, "FRAMES", 9)


@pytest.mark.usefixtures("short")
def test_pairs_of_a_clip(photos: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    pairs = code_clips(photos, cache, clips=2, seed=3)
    assert len(pairs) == 2 * KEPT
    assert len({pair.qp for pair in pairs[:KEPT]}) == 1, "pictures of a video have one rate"
    for pair in pairs:
        original, base = np.load(pair.original), np.load(pair.base)
        assert original.shape == base.shape == (SIDE, SIDE, 3)
        assert (original.dtype, base.dtype) == (np.uint8, np.uint16)
        assert np.abs(original - base / 257).mean() < 20, "of the same picture"
    assert {pair.base for pair in find_pairs([cache])} == {pair.base for pair in pairs}
    crops = next(iter(PairCrops(pairs, 128, seed=0)))
    assert crops[0].shape == crops[1].shape == (3, 128, 128)


@pytest.mark.usefixtures("short")
def test_a_clip_is_coded_once(photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = code_clips(photos, tmp_path / "cache", clips=1)
    monkeypatch.setattr(clip_pairs, "encode_clip", None)
    assert sorted(pair.base for pair in code_clips(photos, tmp_path / "cache", clips=1)) == sorted(
        pair.base for pair in first
    )


def test_codings_are_of_all_kinds() -> None:
    drawn = [draw_coding(np.random.default_rng(seed)) for seed in range(100)]
    assert {coding.adapts for coding in drawn} == {coding.low_delay for coding in drawn} == {False, True}
    assert min(coding.qp for coding in drawn) <= 24 and max(coding.qp for coding in drawn) >= 45


@pytest.mark.usefixtures("short")
def test_a_run_on_clips(photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--codec", "vvc", "--clips", "1", "--calibrate"]
    assert main(["train", str(photos[0].parent), "-o", str(tmp_path / "run"), *options]) == 0
    assert "qp" in capsys.readouterr().out
    assert main(["train", str(photos[0].parent), "-o", str(tmp_path / "run"), "--clips", "1"]) == 2
