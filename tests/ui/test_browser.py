"""The page in a real browser: drop, look, change a knob, take the result; a bad file; two people at a time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from enhance.ui.server import PageServer

JpegFactory = Callable[..., bytes]
KEY = "the key of the tests"


class Seen:
    """An opened page, and all that it complained of and asked others for."""

    def __init__(self, browser: Browser, server: PageServer) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.elsewhere: list[str] = []
        own = f"http://127.0.0.1:{server.server_port}/"
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.context.on(
            "request", lambda it: None if it.url.startswith((own, "data:", "blob:")) else self.elsewhere.append(it.url)
        )
        self.page.goto(f"{own}?key={quote(KEY)}")

    def drop(self, *paths: Path) -> None:
        self.page.set_input_files("#choose", list(paths))

    def wait_for(self, number: int, status: str) -> None:
        self.page.wait_for_selector(f"#list li:nth-child({number + 1})[data-status={status}]", timeout=120_000)


@pytest.fixture
def visit(chromium: Browser, server: PageServer) -> Iterator[Callable[[], Seen]]:
    opened: list[Seen] = []

    def call() -> Seen:
        opened.append(Seen(chromium, server))
        return opened[-1]

    yield call
    for one in opened:
        one.context.close()


@pytest.fixture
def photos(tmp_path: Path, jpeg_bytes: JpegFactory) -> list[Path]:
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg", "bad.jpg")]
    for path in paths:
        path.write_bytes(b"no picture" if path.stem == "bad" else jpeg_bytes(30, size=(96, 64)))
    return paths


def test_drop_look_change_and_take(visit: Callable[[], Seen], photos: list[Path]) -> None:
    seen = visit()
    seen.drop(*photos)
    seen.wait_for(0, "done")
    frame = seen.page.frame_locator("#compare")
    frame.locator("#slider").wait_for()
    assert frame.locator("h1").inner_text() == "a.jpg"
    frame.locator("#slider").fill("250")
    assert frame.locator("#line").evaluate("it => parseFloat(it.style.left) / it.parentElement.clientWidth") == 0.25
    assert seen.page.locator("#list li:nth-child(2)").get_attribute("data-status") == "waiting"

    seen.page.fill("[name=strength]", "0.5")
    seen.page.locator("[name=strength]").blur()
    seen.page.frame_locator("#compare").locator("td", has_text="0.5").first.wait_for()

    seen.page.click("#run")
    seen.wait_for(1, "done")
    seen.wait_for(2, "failed")
    assert "2 of 3 done, 1 failed" in seen.page.locator("#state").inner_text()
    with seen.page.expect_download() as one:
        seen.page.locator("#list li:nth-child(2) a").click()
    assert one.value.suggested_filename == "b.png" and Image.open(one.value.path()).size == (96, 64)
    with seen.page.expect_download() as all_of_them:
        seen.page.click("#zip")
    content = Path(all_of_them.value.path()).read_bytes()
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["a.png", "b.png"]
    assert seen.said == [] and seen.elsewhere == []


def test_files_can_be_dropped_anywhere(visit: Callable[[], Seen], photos: list[Path]) -> None:
    seen = visit()
    dropped = seen.page.evaluate_handle(
        """bytes => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([new Uint8Array(bytes)], "dropped.jpg"));
            return dropped;
        }""",
        list(photos[0].read_bytes()),
    )
    seen.page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    seen.wait_for(0, "done")
    assert seen.page.locator("#list li button").all_inner_texts() == ["dropped.jpg"]
    assert seen.said == []


def test_a_value_out_of_range_is_told(visit: Callable[[], Seen], photos: list[Path]) -> None:
    seen = visit()
    seen.drop(photos[0])
    seen.wait_for(0, "done")
    seen.page.fill("[name=perception]", "3")
    seen.page.locator("[name=perception]").blur()
    expect(seen.page.locator("#state")).to_contain_text("perception must be", timeout=60_000)


def test_two_people_at_a_time(visit: Callable[[], Seen], photos: list[Path]) -> None:
    one, other = visit(), visit()
    one.drop(photos[0])
    other.drop(photos[1])
    one.wait_for(0, "done")
    other.wait_for(0, "done")
    assert one.page.locator("#list li button").all_inner_texts() == ["a.jpg"]
    assert other.page.locator("#list li button").all_inner_texts() == ["b.jpg"]
    assert one.said == other.said == []


def test_the_page_follows_width_and_darkness(visit: Callable[[], Seen]) -> None:
    seen = visit()
    seen.page.set_viewport_size({"width": 360, "height": 740})
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    seen.page.emulate_media(color_scheme="dark")
    colour = str(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert int(colour.removeprefix("rgb(").split(",")[0]) < 60
