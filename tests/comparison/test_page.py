"""The page in a real browser: what is seen, what keys, mouse and fingers do, and that nothing leaves."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from enhance.comparison.layers import Compared, Layer
from enhance.comparison.page import describe, make_page
from enhance.images import EnhancementRecord

EVIL = '</script><img src="http://example.org/x" onerror="document.title=1">"&.jpg'
Uint8 = np.ndarray[Any, np.dtype[np.uint8]]
SIZE = 200, 320


def record(**changes: Any) -> EnhancementRecord:
    facts: dict[str, Any] = {
        "codec": "jpeg", "rate": {"quality": 10}, "rate_overridden": False, "steps": 1, "sampler": "one-step",
        "perception": 0.5, "strength": 1.0, "seed": 0, "threshold": 4.0, "residual_scale": 0.1, "consistent": True,
        "ensemble": 1, "model": "tiny", "device": "cpu", "dtype": "float32", "tile": 0, "seconds": 0.5,
        "notes": ("a note of the file",),
    }  # fmt: skip
    return EnhancementRecord(**facts | changes)


def smooth(seed: int) -> Uint8:
    """Large blocks of colour, which survive a screenshot at any zoom."""
    cells = np.random.default_rng(seed).integers(40, 200, (SIZE[0] // 20, SIZE[1] // 20, 3), np.uint8)
    return cells.repeat(20, axis=0).repeat(20, axis=1)


BEFORE, AFTER, LOOKS, ORIGINAL = (smooth(seed) for seed in range(4))


def compared(name: str = "a.jpg") -> Compared:
    weights = np.ones((SIZE[0] // 8, SIZE[1] // 8), np.float32)
    weights[:10, :10] = 0
    layers = (
        Layer("decoded", BEFORE), Layer("balanced", AFTER, record(), weights),
        Layer("perceptual", LOOKS, record(steps=3), weights), Layer("original", ORIGINAL),
    )  # fmt: skip
    return Compared(name, layers, {"quality": 10, "tables": "standard", "notes": ["careful"]})


@dataclass
class Opened:
    """A page, and all that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def shot(self) -> Uint8:
        """What is seen of the stage, [H, W, 3]."""
        content = self.page.locator("#stage").screenshot(animations="disabled")
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def transforms(self) -> list[str]:
        return [str(it) for it in self.page.eval_on_selector_all(".sheet", "all => all.map(it => it.style.transform)")]

    def split(self) -> float:
        return float(self.page.input_value("#slider")) / 1000


Open = Callable[..., Opened]


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def call(*names: str, width: int = 900, height: int = 800, **options: Any) -> Opened:
        path = tmp_path / "page.html"
        names = names or ("a.jpg",)
        path.write_bytes(make_page([describe(compared(name), len(names)) for name in names], title=names[0]))
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        found = Opened(page)
        page.on("console", lambda message: found.said.append(message.text))
        page.on("pageerror", lambda error: found.said.append(str(error)))
        page.on("request", lambda request: found.asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("[...document.querySelectorAll('.sheet img[src]')].every(it => it.complete)")
        return found

    yield call
    for context in contexts:
        context.close()


def middle_at_1x(opened: Opened) -> tuple[Uint8, slice, slice]:
    """The stage at one screen pixel for a pixel of the picture, and where the picture is in it."""
    opened.page.keyboard.press("1")
    shot = opened.shot()
    top, left = round((shot.shape[0] - SIZE[0]) / 2), round((shot.shape[1] - SIZE[1]) / 2)
    return shot, slice(top, top + SIZE[0]), slice(left, left + SIZE[1])


def near(one: Uint8, other: Uint8) -> bool:
    """Equal but for the edges of blocks, where half a pixel may be lost, and for rounding."""
    inner = np.ix_(*(np.flatnonzero((np.arange(length) % 20 > 2) & (np.arange(length) % 20 < 17)) for length in SIZE))
    return bool(np.abs(one[inner].astype(int) - other[inner]).max() <= 2)


def test_left_and_right_are_the_pictures_and_nothing_leaves_the_page(opened: Open) -> None:
    page = opened()
    shot, rows, columns = middle_at_1x(page)
    seen, border = shot[rows, columns], SIZE[1] // 2
    expected = np.concatenate([BEFORE[:, :border], AFTER[:, border:]], axis=1)
    expected[:, border - 30 : border + 30] = seen[:, border - 30 : border + 30]  # the line and its handle
    assert near(seen, expected)
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    assert sum(url.startswith("file:") for url in page.asked) == 1


def test_keys_mouse_and_the_bar_below_move_the_line(opened: Open) -> None:
    page = opened()
    assert page.split() == 0.5
    page.page.locator("#stage").focus()
    for _ in range(5):
        page.page.keyboard.press("ArrowRight")
    assert page.split() == pytest.approx(0.6)
    box = page.page.locator("#stage").bounding_box()
    assert box is not None
    page.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 50)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 60, steps=4)
    page.page.mouse.up()
    assert page.split() == pytest.approx(0.25, abs=0.01)
    page.page.locator("#slider").focus()
    page.page.keyboard.press("End")
    assert page.split() == 1
    shot, rows, columns = middle_at_1x(page)
    assert near(shot[rows, columns], BEFORE)


def test_a_finger_moves_the_line(opened: Open) -> None:
    page = opened(width=360, height=740, has_touch=True, is_mobile=True)
    box = page.page.locator("#stage").bounding_box()
    assert box is not None
    page.page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    assert page.split() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("key", ["1", "2", "4", "8"])
def test_zoom_and_place_stay_in_step(key: str, opened: Open) -> None:
    page = opened()
    page.page.keyboard.press("s")
    page.page.keyboard.press(key)
    box = page.page.locator("#stage").bounding_box()
    assert box is not None
    before = page.transforms()
    assert len(set(before)) == 1 and f"scale({key})" in before[0]
    page.page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 60, box["y"] + 70, steps=3)
    page.page.mouse.up()
    after = page.transforms()
    assert len(set(after)) == 1
    assert (after != before) is (SIZE[1] * int(key) > box["width"] / 2)
    page.page.mouse.wheel(0, 100)
    page.page.keyboard.press("0")
    assert len(set(page.transforms())) == 1


def test_the_wheel_zooms_at_the_pointer_up_to_8(opened: Open) -> None:
    page = opened()
    box = page.page.locator("#stage").bounding_box()
    assert box is not None
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(6):
        page.page.mouse.wheel(0, -100)
    page.page.wait_for_function("document.getElementById('stage').dataset.zoom === '8'")
    for _ in range(6):
        page.page.mouse.wheel(0, 100)
    page.page.wait_for_function("document.getElementById('stage').dataset.zoom === '0'")


def test_any_two_layers_are_compared_and_differences_are_eight_times_as_strong(opened: Open) -> None:
    page = opened()
    page.page.select_option("#left", "perceptual")
    page.page.keyboard.press("d")
    shot, rows, columns = middle_at_1x(page)
    apart = np.minimum(8 * np.abs(LOOKS.astype(int) - AFTER), 255)
    assert near(np.asarray(shot[rows, columns], np.uint8), apart.astype(np.uint8))
    page.page.select_option("#left", "balanced")
    shot, rows, columns = middle_at_1x(page)
    assert shot[rows, columns].max() == 0


def test_a_weaker_correction_lies_between(opened: Open) -> None:
    page = opened()
    page.page.keyboard.press("ArrowLeft")
    for _ in range(25):
        page.page.keyboard.press("ArrowLeft")
    page.page.locator("#strength").fill("50")
    assert page.page.locator("#strength-value").evaluate("it => it.value") == "0.5"
    shot, rows, columns = middle_at_1x(page)
    assert near(shot[rows, columns], ((BEFORE.astype(int) + AFTER + 1) // 2).astype(np.uint8))


def test_where_the_guard_acted_and_where_it_got_worse_is_shown_when_asked(opened: Open) -> None:
    page = opened()
    page.page.locator("#slider").fill("0")
    plain, rows, columns = middle_at_1x(page)
    page.page.keyboard.press("g")
    tinted = page.shot()
    changed = np.abs(tinted[rows, columns].astype(int) - plain[rows, columns]).max(axis=2) > 8
    assert changed[4:76, 4:76].mean() > 0.95 and not changed[90:, :].any() and not changed[:, 90:].any()
    assert page.page.locator("#worse-box").is_visible()
    page.page.keyboard.press("g")
    page.page.locator("#worse").check()
    assert not np.array_equal(page.shot(), plain)


def test_facts_notes_and_decibels_are_told(opened: Open) -> None:
    text = opened().page.inner_text("body")
    for words in ("quality\t10", "careful", "a note of the file", "tables\tstandard", " dB"):
        assert words in text


def test_several_files_have_a_button_each_and_names_do_no_harm(opened: Open) -> None:
    page = opened(EVIL, "b.jpg")
    assert page.page.title() == EVIL
    assert page.page.locator("#files button").all_inner_texts() == [EVIL, "b.jpg"]
    page.page.locator("#files button").nth(1).click()
    assert page.page.locator("#facts td").first.inner_text() == "b.jpg"
    assert page.said == [] and not [url for url in page.asked if url.startswith("http")]


@pytest.mark.parametrize("width", [360, 3840])
def test_it_fits_any_width(width: int, opened: Open) -> None:
    page = opened("a_very_long_name_of_a_file_without_any_space_" * 4, width=width, height=800)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.page.locator("#stage").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_light_and_dark(scheme: Any, opened: Open) -> None:
    page = opened(color_scheme=scheme)
    colour = str(page.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    brightness = int(colour.removeprefix("rgb(").split(",")[0])
    assert (brightness < 60) is (scheme == "dark")
