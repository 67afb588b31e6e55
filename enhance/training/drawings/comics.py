"""Comics: flat colours or dots within black outlines, balloons, panels."""

from __future__ import annotations

import numpy as np

from enhance.training.chance import pick
from enhance.training.drawings.pen import bezier, disc, line, smooth_curve, words
from enhance.training.drawings.screens import screen
from enhance.training.drawings.shapes import shape
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8


def comic(sheet: Sheet) -> Uint8:
    """Flat colours within black outlines: faces, hair, balloons with text, panels."""
    canvas = sheet.canvas(sheet.colour())
    width = sheet.between(1, 4)
    for _ in range(sheet.whole(1, 5)):
        shape(sheet, canvas, sheet.colour(), BLACK, width)
    for _ in range(sheet.whole(1, 4)):
        _blob(sheet, canvas, sheet.colour(), BLACK, width)
    for _ in range(sheet.whole(0, 6)):
        line(canvas, bezier(smooth_curve(sheet)), BLACK, width * sheet.between(0.4, 1))
    _faces_and_balloons(sheet, canvas, width)
    return canvas.finish()


def screentone_comic(sheet: Sheet) -> Uint8:
    """Black and white comics: outlines, black areas, dots for the grays, lines of speed."""
    canvas = sheet.canvas(WHITE, zoom=pick(sheet.rng, {1: 1.0, 3: 2.0}))
    width = sheet.between(1, 3)
    if sheet.chance(0.4):
        _speed(sheet, canvas)
    grays = [BLACK, WHITE, WHITE, *((value,) * 3 for value in (90, 150, 200))]
    for _ in range(sheet.whole(2, 6)):
        _blob(sheet, canvas, sheet.one_of(grays), BLACK, width)
    for _ in range(sheet.whole(0, 10)):
        line(canvas, bezier(smooth_curve(sheet)), BLACK, sheet.between(0.7, 2))
    _faces_and_balloons(sheet, canvas, width)
    drawn = canvas.finish()
    tone = drawn[..., 0].astype(np.float32) / 255
    is_gray = np.abs(tone - np.float32(0.55)) < 0.3
    if sheet.chance(0.3):  # tones that run from light to dark
        tone = 0.5 + sheet.across(sheet.between(0, np.pi)) / np.float32(sheet.side)
    dots = screen(sheet, 1 - tone, np.pi / 4 if sheet.chance(0.7) else sheet.angle(), sheet.logarithmic(3, 9))
    return np.where(is_gray[..., None], sheet.paint(dots, BLACK, WHITE), drawn)


def _blob(sheet: Sheet, canvas: Canvas, fill: Colour, outline: Colour, width: float) -> None:
    """A closed smooth shape with an outline, as drawn by hand."""
    turns = np.linspace(0, 2 * np.pi, 40)
    radius = sheet.logarithmic(8, 0.5 * sheet.side)
    bumps = sum(sheet.between(0, 0.3) / k * np.cos(k * turns + sheet.between(0, 6)) for k in range(1, 5))
    radii = radius * (1 + bumps)
    edge = np.array(sheet.point(0.1)) + np.stack([np.cos(turns) * radii, np.sin(turns) * radii], axis=1)
    canvas.draw.polygon((edge * canvas.zoom).reshape(-1).tolist(), fill=fill)
    line(canvas, edge, outline, width)


def _faces_and_balloons(sheet: Sheet, canvas: Canvas, width: float) -> None:
    zoom = canvas.zoom
    for _ in range(sheet.whole(0, 4)):  # eyes
        x, y = sheet.point(0)
        radius = sheet.logarithmic(2, 12)
        canvas.draw.ellipse(
            [(x - radius) * zoom, (y - radius) * zoom, (x + radius) * zoom, (y + radius) * zoom],
            fill=WHITE, outline=BLACK, width=max(1, round(width * zoom)),
        )  # fmt: skip
        disc(canvas, (x + sheet.between(-1, 1), y), radius / 2.5, BLACK)
    if sheet.chance(0.4):
        x, y = sheet.point(0)
        wide, high = sheet.between(20, 60), sheet.between(10, 30)
        box = [(x - wide) * zoom, (y - high) * zoom, (x + wide) * zoom, (y + high) * zoom]
        canvas.draw.ellipse(box, fill=WHITE, outline=BLACK, width=max(1, round(width * zoom)))
        size = sheet.whole(7, 14)
        for row in range(int(1.4 * high / size)):
            words(sheet, canvas, (x - 0.7 * wide, y - 0.7 * high + row * size * 1.15), BLACK, size, count=2)
    if sheet.chance(0.25):  # the gutter between two panels
        at, gap = sheet.between(0, sheet.side), sheet.between(3, 10)
        canvas.draw.rectangle(
            [at * zoom, -9, (at + gap) * zoom, sheet.side * zoom + 9], fill=WHITE, outline=BLACK, width=zoom
        )


def _speed(sheet: Sheet, canvas: Canvas) -> None:
    """Thin wedges that point at a place: speed and surprise in comics."""
    centre, inner = np.array(sheet.point(0)), sheet.between(0.1, 0.5) * sheet.side
    for turn in sheet.rng.uniform(0, 2 * np.pi, sheet.whole(20, 80)):
        start = inner * sheet.between(1, 2)
        tip, one, other = (
            centre + np.array([np.cos(angle), np.sin(angle)]) * reach
            for angle, reach in ((turn, start), (turn - 0.015, 2 * sheet.side), (turn + 0.015, 2 * sheet.side))
        )
        corners = np.stack([tip, one, other]) * canvas.zoom
        canvas.draw.polygon(corners.reshape(-1).tolist(), fill=BLACK)
