"""Drawings: every kind gives a picture of its size, the same one from the same seed, and no two alike."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from skimage import data

from enhance.errors import UsageError
from enhance.training.drawings import KINDS, draw
from enhance.training.drawings.fonts import draw_words, font_families, load_font
from enhance.training.drawings.kinds import Kind
from enhance.training.drawings.sheet import Sheet, Uint8

PHOTO = np.asarray(data.astronaut())


def photo(side: int) -> Uint8:
    return np.ascontiguousarray(PHOTO[100 : 100 + side, 100 : 100 + side])


def name(kind: Kind) -> str:
    return kind.__name__


@pytest.mark.parametrize("kind", KINDS, ids=name)
@pytest.mark.parametrize("side", [48, 137])
def test_a_kind_fills_its_sheet(kind: Kind, side: int) -> None:
    rng = np.random.default_rng(side)
    for _ in range(3):
        picture = kind(Sheet(rng, side, photo))
        assert picture.shape == (side, side, 3) and picture.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_a_kind_is_seldom_blank_and_never_twice_the_same(kind: Kind) -> None:
    rng = np.random.default_rng(0)
    pictures = [kind(Sheet(rng, 96, photo)) for _ in range(20)]
    assert len({picture.tobytes() for picture in pictures}) >= 14
    assert np.mean([picture.std() > 3 for picture in pictures]) >= 0.8


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_the_seed_decides_the_picture(kind: Kind) -> None:
    one, other = (kind(Sheet(np.random.default_rng(7), 64, photo)) for _ in range(2))
    assert np.array_equal(one, other)


def test_draw_gives_pictures_that_can_be_written_on() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        picture = draw(rng, 64, photo)
        assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8 and picture.flags.c_contiguous


def test_photos_are_left_as_they_were() -> None:
    kept = PHOTO.copy()
    rng = np.random.default_rng(3)
    for kind in KINDS:
        for _ in range(5):
            kind(Sheet(rng, 64, lambda side: PHOTO[:side, :side]))
    assert np.array_equal(PHOTO, kept)


def test_fonts_have_the_letters() -> None:
    paths = [path for family in font_families() for path in family]
    assert len(paths) > 15
    for path in paths:
        font = load_font(path, 20)
        masks = {bytes(font.getmask(letter)) for letter in "aegkwX4"}
        assert len(masks) == 7, f"{path} has the same sign for several letters"


def test_words_are_many() -> None:
    words = draw_words(np.random.default_rng(0), 500)
    assert len(set(words)) > 300 and all(word.strip() for word in words)


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def find_all_but_matplotlib(package: str) -> ModuleSpec | None:
        return None if package == "matplotlib" else find(package)

    monkeypatch.setattr("importlib.util.find_spec", find_all_but_matplotlib)
    font_families.cache_clear()
    try:
        with pytest.raises(UsageError, match="matplotlib") as caught:
            font_families()
        assert "enhance[train]" in (caught.value.hint or "")
    finally:
        font_families.cache_clear()
