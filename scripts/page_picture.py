#!/usr/bin/env python3
"""Makes the picture of the page that `enhance compare` writes, in a real browser.

    scripts/page_picture.py CHROMIUM [-o docs/pictures/compare.jpg]

The photo is scikit-image's `astronaut` (NASA, public domain), coded at quality 10, with its original.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import sync_playwright
from skimage import data

from enhance.cli.main import main as enhance


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chromium", help="the browser's program")
    root = Path(__file__).parents[1]
    parser.add_argument("-o", "--output", type=Path, default=root / "docs" / "pictures" / "compare.jpg")
    options = parser.parse_args()
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        coded, original, page = (Path(folder) / name for name in ("photo.jpg", "photo.png", "page.html"))
        Image.fromarray(data.astronaut()).save(original)  # type: ignore[no-untyped-call]
        Image.open(original).save(coded, quality=10)
        if enhance(["compare", str(coded), "--original", str(original), "-o", str(page)]):
            raise SystemExit("the page could not be made")
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": 960, "height": 700})
        window.goto(page.as_uri())
        window.keyboard.press("2")
        for _ in range(3):
            window.keyboard.press("ArrowUp")
        options.output.parent.mkdir(parents=True, exist_ok=True)
        window.screenshot(path=options.output, type="jpeg", quality=85)
        browser.close()


if __name__ == "__main__":
    main()
