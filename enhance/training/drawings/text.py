"""Text: pages, programs, headlines, captions; smooth, hard-edged, or smoothed for the stripes of a screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from enhance.training.chance import pick
from enhance.training.drawings.fonts import draw_font_file, draw_words, load_font
from enhance.training.drawings.sheet import Plane, Sheet, Uint8

Place = Callable[[ImageDraw.ImageDraw, int], None]
"""Draws white text on black, everything `zoom` times as large."""

_STRIPES_OF_A_PIXEL = 3
# FreeType's default filter against colour fringes.
_FRINGE_FILTER = np.array([8, 77, 86, 77, 8], np.float32) / 256


def page(sheet: Sheet) -> Uint8:
    """Paragraphs in one font: documents, books, web pages."""
    return sheet.paint(lettering(sheet, _paragraphs(sheet)), *sheet.ink_and_paper())


def program(sheet: Sheet) -> Uint8:
    """Lines of unequal length in a monospaced font, words in several colours: editors and terminals."""
    path = draw_font_file(sheet.rng, monospaced=True)
    size = int(sheet.logarithmic(8, 22))
    height = round(size * sheet.between(1.1, 1.6))
    advance = load_font(path, size).getlength("m")
    paper = (sheet.whole(0, 50),) * 3 if sheet.chance(0.6) else sheet.ink_and_paper()[1]
    bright = sum(paper) < 384
    inks = [_readable(sheet, bright) for _ in range(sheet.whole(1, 5))]
    ink = np.full((sheet.side, sheet.side, 3), inks[0], np.uint8)
    words: list[tuple[float, int, str]] = []
    y, indent = -sheet.whole(0, height), sheet.whole(-20, 1)
    while y < sheet.side:
        indent = max(indent + sheet.whole(-4, 4), -20)
        column = indent
        for word in draw_words(sheet.rng, sheet.whole(0, 7), path):
            x = column * advance
            words.append((x, y, word))
            left, right = (int(np.clip(edge, 0, sheet.side)) for edge in (x, x + advance * len(word)))
            ink[max(y, 0) : y + height, left:right] = sheet.one_of(inks)
            column += len(word) + 1
        y += height

    def place(draw: ImageDraw.ImageDraw, zoom: int) -> None:
        font = load_font(path, size * zoom)
        for x, top, word in words:
            draw.text((x * zoom, top * zoom), word, fill=255, font=font)

    return sheet.blend(lettering(sheet, place), ink, paper)


def headline(sheet: Sheet) -> Uint8:
    """A few large letters, filled or outlined, on a flat ground or a gradient."""
    ink, paper = sheet.ink_and_paper()
    path, size = draw_font_file(sheet.rng), int(sheet.logarithmic(28, 1.2 * sheet.side))
    outline = sheet.whole(1, 4) if sheet.chance(0.3) else 0
    lines = [(sheet.point(0.3), word) for word in draw_words(sheet.rng, sheet.whole(1, 4), path)]

    def place(draw: ImageDraw.ImageDraw, zoom: int) -> None:
        for (x, y), word in lines:
            draw.text(
                ((x - sheet.side / 3) * zoom, (y - size / 2) * zoom), word, fill=0 if outline else 255,
                font=load_font(path, size * zoom), stroke_width=outline * zoom, stroke_fill=255 if outline else 0,
            )  # fmt: skip

    return sheet.paint(lettering(sheet, place), ink, paper)


def caption(sheet: Sheet) -> Uint8:
    """Text on a photo: subtitles, memes, dates, watermarks; with an outline, a box, or half transparent."""
    picture = sheet.photo(sheet.side)
    path, size = draw_font_file(sheet.rng), int(sheet.logarithmic(9, 60))
    way = pick(sheet.rng, {"outline": 3, "plain": 2, "box": 2, "watermark": 1})
    lines = [(sheet.point(0.1), " ".join(draw_words(sheet.rng, 3, path))) for _ in range(sheet.whole(1, 3))]
    width = sheet.whole(1, max(1, size // 10)) if way == "outline" else 0
    if way == "box":
        picture = picture.copy()
        top = sheet.whole(0, sheet.side - 8)
        band = picture[top : top + sheet.whole(8, 60)]
        band[:] = sheet.blend(np.full(band.shape[:2], sheet.between(0.5, 1), np.float32), sheet.colour(), band)

    def write(stroke: int) -> Place:
        def place(draw: ImageDraw.ImageDraw, zoom: int) -> None:
            for (x, y), line in lines:
                at = ((x - sheet.side / 3) * zoom, y * zoom)
                draw.text(at, line, fill=255, font=load_font(path, size * zoom), stroke_width=stroke * zoom)

        return place

    smoothing = _smoothing(sheet)
    ink = (255, 255, 255) if sheet.chance(0.5) else sheet.colour()
    if width:
        around = (0, 0, 0) if sum(ink) > 300 else (255, 255, 255)
        picture = sheet.blend(lettering(sheet, write(width), smoothing), around, picture)
    opacity = np.float32(sheet.between(0.2, 0.7) if way == "watermark" else 1)
    return sheet.blend(lettering(sheet, write(0), smoothing) * opacity, ink, picture)


def lettering(sheet: Sheet, place: Place, smoothing: str | None = None) -> Plane:
    """Coverage by text, [side, side], or [side, side, 3] where it is smoothed for the stripes of a screen.

    Args:
        place: draws the text.
        smoothing: "smooth", "aliased", "stripes", or "scaled" (printed large and reduced); default: one of these.
    """
    smoothing = smoothing or _smoothing(sheet)
    zoom = _STRIPES_OF_A_PIXEL if smoothing == "stripes" else 2 if smoothing == "scaled" else 1
    mask = Image.new("L", (sheet.side * zoom, sheet.side * zoom))
    draw = ImageDraw.Draw(mask)
    draw.fontmode = "1" if smoothing == "aliased" else "L"
    place(draw, zoom)
    if smoothing == "stripes":
        return _on_stripes(mask.reduce((1, zoom)))
    return np.asarray(mask.reduce(zoom) if zoom > 1 else mask, np.float32) / 255


def _paragraphs(sheet: Sheet) -> Place:
    path, size = draw_font_file(sheet.rng), int(sheet.logarithmic(7, 34))
    height = size * sheet.between(1.05, 1.7)
    per_line = int(2.2 * sheet.side / size) // 4 + 3
    start, indent = sheet.between(-height, 0.3 * sheet.side), sheet.between(-2 * sheet.side / 3, 0.3 * sheet.side)
    count = int((sheet.side - start) / height) + 1
    lines = [draw_words(sheet.rng, 0 if sheet.chance(0.12) else per_line, path) for _ in range(count)]

    def place(draw: ImageDraw.ImageDraw, zoom: int) -> None:
        font = load_font(path, size * zoom)
        for index, line in enumerate(lines):
            draw.text((indent * zoom, round(start + index * height) * zoom), " ".join(line), fill=255, font=font)

    return place


def _smoothing(sheet: Sheet) -> str:
    return pick(sheet.rng, {"smooth": 5, "aliased": 2.5, "stripes": 1.5, "scaled": 1})


def _on_stripes(mask: Image.Image) -> Plane:
    """Coverage [side, 3 side] of thirds of pixels, to [side, side, 3]: each third belongs to one colour."""
    thirds = np.asarray(mask, np.float32) / 255
    wide = np.pad(thirds, ((0, 0), (2, 2)))
    filtered = sum(weight * wide[:, at : at + thirds.shape[1]] for at, weight in enumerate(_FRINGE_FILTER))
    return np.asarray(filtered).reshape(len(thirds), -1, 3)


def _readable(sheet: Sheet, bright: bool) -> tuple[int, int, int]:
    low, high = (120, 255) if bright else (0, 140)
    return sheet.whole(low, high), sheet.whole(low, high), sheet.whole(low, high)
