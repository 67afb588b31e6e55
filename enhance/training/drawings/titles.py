"""Large letters, and text on photos."""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from enhance.training.chance import pick
from enhance.training.drawings.fonts import draw_font_file, draw_words, load_font
from enhance.training.drawings.lettering import Place, draw_smoothing, lettering
from enhance.training.drawings.sheet import Sheet, Uint8


def headline(sheet: Sheet) -> Uint8:
    """A few large letters, filled or outlined."""
    ink, paper = sheet.ink_and_paper()
    path, size = draw_font_file(sheet.rng), int(sheet.logarithmic(28, 1.2 * sheet.side))
    outline = sheet.whole(1, 4) if sheet.chance(0.3) else 0
    x, top = sheet.between(-2 * size, 0.3 * sheet.side), sheet.between(-0.8 * size, 0.3 * sheet.side)
    lines = [" ".join(draw_words(sheet.rng, 3, path)) for _ in range(sheet.side // size + 1)]

    def place(draw: ImageDraw.ImageDraw, zoom: int) -> None:
        for index, line in enumerate(lines):
            draw.text(
                (x * zoom, (top + 1.1 * index * size) * zoom), line, fill=0 if outline else 255,
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

    smoothing = draw_smoothing(sheet)
    ink = (255, 255, 255) if sheet.chance(0.5) else sheet.colour()
    if width:
        around = (0, 0, 0) if sum(ink) > 300 else (255, 255, 255)
        picture = sheet.blend(lettering(sheet, write(width), smoothing), around, picture)
    opacity = np.float32(sheet.between(0.2, 0.7) if way == "watermark" else 1)
    return sheet.blend(lettering(sheet, write(0), smoothing) * opacity, ink, picture)
