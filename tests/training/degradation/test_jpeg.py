"""Draws cover what files look like, with the shares that were asked for."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from skimage import data

from enhance.training.degradation import JpegDegradation
from enhance.training.degradation.jpeg import GRAPHICS, PHOTOS
from enhance.training.degradation.recipes import CodedOnce, JpegCoding, SavedAgain, ScaledBetween
from enhance.training.degradation.tables import editor_tables, mozjpeg_tables, scaled_base

PHOTO = np.ascontiguousarray(data.astronaut()[:320, :320])
PLAIN = JpegDegradation(custom_share=0, editor_share=0, ones_share=0, gray_share=0, trellis_share=0, resaved_share=0)


def codings(degradation: JpegDegradation, count: int = 3000) -> list[JpegCoding]:
    rng = np.random.default_rng(0)
    return [degradation.draw_coding(rng) for _ in range(count)]


def test_qualities_are_spread_as_the_habits_say() -> None:
    qualities = np.array([coding.rate.quality for coding in codings(PLAIN)])
    assert not any(coding.rate.custom for coding in codings(PLAIN, 100))
    assert qualities.min() == 1 and qualities.max() == 100
    for (low, high), share in PHOTOS.bands.items():
        assert np.mean((qualities >= low) & (qualities <= high)) == pytest.approx(share, abs=0.03)


def test_graphics_are_saved_better_and_with_full_chroma_more_often() -> None:
    rng = np.random.default_rng(0)
    shares = {}
    for name, habits in (("photos", PHOTOS), ("graphics", GRAPHICS)):
        drawn = [PLAIN.draw_coding(rng, habits) for _ in range(2000)]
        shares[name] = [
            np.mean([c.subsampling == "4:4:4" for c in drawn]),
            np.mean([c.rate.quality > 95 for c in drawn]),
        ]
    assert all(graphic > 1.5 * photo for graphic, photo in zip(shares["graphics"], shares["photos"]))


@pytest.mark.parametrize("quality_range", [(10, 10), (3, 98), (60, 61), (99, 100)])
def test_qualities_stay_within_the_range(quality_range: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    degradation = JpegDegradation(quality_range)
    drawn = {degradation.draw_quality(rng) for _ in range(2000)}
    assert (min(drawn), max(drawn)) == quality_range


def test_every_kind_of_file_comes() -> None:
    drawn = codings(JpegDegradation())
    kinds = Counter(coding.subsampling for coding in drawn)
    assert set(kinds) == {"4:2:0", "4:4:4", "4:2:2", "4:4:0", "4:1:1", "gray"}
    assert sum(coding.is_rgb for coding in drawn) > 30 and sum(coding.trellis for coding in drawn) > 100
    ones = Counter((int(c.rate.luma.max()) == 1, int(c.rate.chroma.max()) == 1) for c in drawn if not c.is_gray)
    assert min(ones[key] for key in ((True, True), (True, False), (False, True))) > 3


def test_most_files_of_mozjpeg_have_its_tables_too() -> None:
    bases = mozjpeg_tables()
    if bases is None:
        pytest.skip("jpeglib has no mozjpeg here")
    own = {
        tuple(np.clip(scaled_base(base, quality)[0], 1, 255).ravel()) for base in bases[1:] for quality in range(1, 101)
    }
    drawn = [coding for coding in codings(JpegDegradation(trellis_share=1, editor_share=0)) if not coding.is_rgb]
    assert 0.8 < np.mean([tuple(coding.rate.luma.ravel()) in own for coding in drawn]) < 0.95


def test_files_of_an_image_editor_have_its_tables_and_mostly_full_chroma() -> None:
    drawn = codings(JpegDegradation(editor_share=1), 400)
    levels = {tuple(level.ravel()) for level in editor_tables()[:, 0]}
    assert 0.6 < np.mean([tuple(coding.rate.luma.ravel()) in levels for coding in drawn]) < 0.8
    assert 0.6 < np.mean([coding.subsampling == "4:4:4" for coding in drawn]) < 0.8
    assert not any(coding.trellis or coding.is_rgb or coding.is_gray for coding in drawn)


def test_gray_and_rgb_files_have_one_table() -> None:
    for coding in codings(JpegDegradation(gray_share=0.5)):
        if coding.is_gray or coding.is_rgb:
            assert np.array_equal(coding.rate.luma, coding.rate.chroma)


@pytest.mark.parametrize("graphic", [False, True])
def test_every_recipe_gives_a_pair(graphic: bool) -> None:
    rng = np.random.default_rng(1)
    degradation = JpegDegradation(resaved_share=0.5)
    seen = set()
    for _ in range(150):
        recipe = degradation(rng, graphic=graphic)
        seen.add(type(recipe))
        side = math.ceil(64 * recipe.reach)
        coded = recipe(PHOTO[:side, :side], 64)
        assert coded.original.shape == coded.decoded.shape == (64, 64, 3)
        assert np.sqrt(np.mean((coded.original.astype(float) - coded.decoded) ** 2)) < 70, recipe
    assert seen == {CodedOnce, SavedAgain, ScaledBetween}


@pytest.mark.parametrize("aligned_to_file", [False, True])
def test_one_grid_begins_with_the_picture(aligned_to_file: bool) -> None:
    rng = np.random.default_rng(2)
    degradation = JpegDegradation(resaved_share=1, aligned_to_file=aligned_to_file)
    recipes = [recipe for recipe in (degradation(rng) for _ in range(400)) if isinstance(recipe, SavedAgain)]
    moved = [recipe for recipe in recipes if recipe.first.offset != recipe.last.offset]
    assert 0.3 < len(moved) / len(recipes) < 0.8
    for recipe in moved:
        stronger = recipe.first if recipe.first.rate.level < recipe.last.rate.level else recipe.last
        assert (recipe.last if aligned_to_file else stronger).offset == (0, 0)
