"""Text: pages, programs, signs of East Asia."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import ImageDraw

from enhance.training.drawings.fonts import draw_font_file, draw_words, load_font
from enhance.training.drawings.lettering import Place, lettering
from enhance.training.drawings.sheet import Colour, Sheet, Uint8


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


def ideographs(sheet: Sheet) -> Uint8:
    """Columns and rows of signs of many strokes in squares, as East Asian text has; no real ones."""
    ink, paper = sheet.ink_and_paper()
    size = int(sheet.logarithmic(10, 40))
    heavy = sheet.between(0.04, 0.11) * size
    signs = [_strokes(sheet) for _ in range(12)]
    left, top, leading = sheet.between(-size, 0), sheet.between(-size, 0), sheet.between(1.05, 1.6) * size

    def place(draw: ImageDraw.ImageDraw, zoom: int) -> None:
        for y in np.arange(top, sheet.side, leading):
            for x in np.arange(left, sheet.side, 1.05 * size):
                for stroke in sheet.one_of(signs):
                    points = (stroke * size + (x, y)) * zoom
                    draw.line(points.reshape(-1).tolist(), fill=255, width=max(1, round(heavy * zoom)))

    return sheet.paint(lettering(sheet, place), ink, paper)


def _paragraphs(sheet: Sheet) -> Place:
    path, size = draw_font_file(sheet.rng), int(sheet.logarithmic(7, 34))
    leading = sheet.between(1.05, 1.7)
    head, head_size = draw_font_file(sheet.rng), int(size * sheet.between(1, 1.8))
    y, indent = sheet.between(-size, 0.3 * sheet.side), sheet.between(-3 * size, 0.3 * sheet.side)
    words = int((sheet.side - indent) / (3 * size)) + 1  # more than fit
    lines: list[tuple[float, int, str, str]] = []
    while y < sheet.side:
        of_page, of_line = (head, head_size) if sheet.chance(0.07) else (path, size)
        if not sheet.chance(0.1):
            lines.append((y, of_line, of_page, " ".join(draw_words(sheet.rng, words, of_page))))
        y += of_line * leading

    def place(draw: ImageDraw.ImageDraw, zoom: int) -> None:
        for top, height, font, text in lines:
            draw.text((indent * zoom, round(top) * zoom), text, fill=255, font=load_font(font, height * zoom))

    return place


def _strokes(sheet: Sheet) -> list[npt.NDArray[np.float64]]:
    """A sign: lines across, down, and slanting within the unit square."""
    grid = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    strokes = []
    for _ in range(sheet.whole(3, 9)):
        start, end = sheet.rng.choice(grid, 2), sheet.rng.choice(grid, 2)
        way = sheet.rng.random()
        if way < 0.45:
            end[1] = start[1]
        elif way < 0.8:
            end[0] = start[0]
        strokes.append(np.stack([start, end]))
    return strokes


def _readable(sheet: Sheet, bright: bool) -> Colour:
    low, high = (120, 255) if bright else (0, 140)
    return sheet.whole(low, high), sheet.whole(low, high), sheet.whole(low, high)
