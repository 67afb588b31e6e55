"""Where two pictures differ, and which parts of a large one a page shows."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance.comparison.layers import BLOCK, Compared, Layer, change, harm
from enhance.comparison.views import choose_windows, make_views
from enhance.images import Metadata


def noise(height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_changes_and_harm_are_told_block_by_block() -> None:
    before = np.full((20, 28, 3), 100, np.uint8)
    after = before.copy()
    after[8:16, 16:24] += 10
    assert change(before, after).shape == (3, 4)
    assert np.argwhere(change(before, after)).tolist() == [[1, 2]] and change(before, after)[1, 2] == 10
    assert harm(before, before, after)[1, 2] == 100 and harm(before, before, after).sum() == 100
    assert not harm(after, before, after).any()  # it got better


def test_a_small_picture_is_shown_whole_and_without_loss() -> None:
    before, after = noise(40, 56), noise(40, 56, 1)
    views = make_views(Compared("a", (Layer("decoded", before), Layer("balanced", after))), 1_000_000)
    assert [(view["title"], view["width"], view["height"]) for view in views] == [("whole picture", 56, 40)]
    assert np.array_equal(np.asarray(picture(views[0]["layers"]["balanced"])), after)


def test_a_turned_picture_is_shown_upright_with_its_maps() -> None:
    weights = np.ones((5, 7), np.float32)
    weights[0, 6] = 0  # top right as stored
    layers = Layer("decoded", noise(40, 56)), Layer("balanced", noise(40, 56, 1), weights=weights)
    view = make_views(Compared("a", layers, metadata=Metadata(orientation=6)), 1_000_000)[0]  # turned clockwise
    assert (view["width"], view["height"]) == (40, 56)
    shown = np.asarray(picture(view["maps"]["guard balanced"]))[..., 3]
    assert shown.shape == (7, 5) and np.argwhere(shown).tolist() == [[6, 4]]


def test_of_a_large_picture_the_parts_that_tell_the_most_are_shown() -> None:
    before = np.full((800, 1000, 3), 100, np.uint8)
    after, original = before.copy(), before.copy()
    after[640:700, 800:860] += 50  # changed most, for the better
    original[640:700, 800:860] += 50
    after[100:130, 100:130] += 20  # got worse
    weights = np.ones((100, 125), np.float32)
    weights[60:70, 10:20] = 0
    layers = Layer("decoded", before), Layer("balanced", after, weights=weights), Layer("original", original)
    compared = Compared("a", layers)
    compared.harms["balanced"] = harm(original, before, after)
    windows = choose_windows(compared, 96)
    centres = {window.reason: (window.rows, window.columns) for window in reversed(windows)}

    def holds(reason: str, row: int, column: int) -> bool:
        rows, columns = centres[reason]
        return rows.start <= row < rows.stop and columns.start <= column < columns.stop

    assert (
        holds("changed most", 670, 830) and holds("held back by the guard", 520, 120) and holds("got worse", 115, 115)
    )
    taken = np.zeros((800, 1000), int)
    for window in windows:
        assert (window.rows.stop - window.rows.start, window.columns.stop - window.columns.start) == (96, 96)
        taken[window.rows, window.columns] += 1
    assert len(windows) <= 6 and taken.max() == 1


def test_views_keep_within_their_budget() -> None:
    layers = Layer("decoded", noise(1200, 1600)), Layer("balanced", noise(1200, 1600, 1))
    views = make_views(Compared("a", layers), 1_000_000)
    assert views[0]["title"].startswith("overview, 1:") and len(views) > 3
    size = sum(len(base64.b64decode(url.partition(",")[2])) for view in views for url in view["layers"].values())
    assert size < 3_000_000  # of noise, which takes three bytes a pixel, and not one and a half
    crop = views[1]
    assert crop["width"] % BLOCK == 0 and "changed most, at " in crop["title"]


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
def test_pictures_of_odd_sizes(size: tuple[int, int]) -> None:
    compared = Compared("a", (Layer("decoded", noise(*size)), Layer("balanced", noise(*size, 1))))
    assert make_views(compared, 100)[0]["layers"] and make_views(compared, 10**6)[0]["width"] == size[1]
