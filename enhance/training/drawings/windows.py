"""Windows of programs, web pages, tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from enhance.training.chance import pick
from enhance.training.drawings.fonts import draw_font_file
from enhance.training.drawings.pen import disc, line, rectangle, ring, words
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8


@dataclass(frozen=True)
class _Theme:
    """The look of one program: its colours, its font, and that font's size in pixels."""

    sheet: Sheet
    canvas: Canvas
    ink: Colour
    paper: Colour
    edge: Colour
    accent: Colour
    font: str
    size: int

    @property
    def on_accent(self) -> Colour:
        return WHITE if sum(self.accent) < 400 else BLACK

    def label(self, x: float, y: float, ink: Colour, count: int = 1) -> None:
        words(self.sheet, self.canvas, (x, y), ink, self.size, count=count, font=self.font)


_Row = Callable[[_Theme, float, float, float], None]
"""Draws a row from x on, between y and y + height."""


def window(sheet: Sheet) -> Uint8:
    """Parts of a program's window or a web page: bars, buttons, fields, lists, pictures, labels."""
    theme = _draw_theme(sheet)
    y = sheet.between(-20, 6)
    while y < sheet.side:
        height = theme.size * sheet.between(1.5, 2.4)
        pick(sheet.rng, _ROWS)(theme, sheet.between(-60, 12), y, height)
        y += height + sheet.between(0, theme.size)
        if sheet.chance(0.3):
            line(theme.canvas, np.array([[-5, y - 2], [sheet.side + 5, y - 2]]), theme.edge, 1)
    picture = theme.canvas.finish()
    return _with_photo(sheet, picture) if sheet.chance(0.15) else picture


def table(sheet: Sheet) -> Uint8:
    """Rows and columns of short texts with lines between, some cells coloured."""
    ink, paper = sheet.ink_and_paper() if sheet.chance(0.4) else (BLACK, WHITE)
    canvas = sheet.canvas(paper)
    font, size = draw_font_file(sheet.rng), sheet.whole(8, 18)
    high, wide = size * sheet.between(1.3, 2.5), size * sheet.between(4, 10)
    tints = [_between(sheet.colour(), paper) for _ in range(3)]
    tinted, lines = sheet.between(0, 0.5), pick(sheet.rng, {"grid": 3, "rows": 2, "none": 1})
    left = sheet.between(-wide, 0)
    for y in np.arange(sheet.between(-high, 0), sheet.side, high):
        for x in np.arange(left, sheet.side, wide):
            if sheet.chance(tinted):
                rectangle(canvas, (x, y, x + wide, y + high), sheet.one_of(tints), None, 1)
            words(sheet, canvas, (x + 3, y + (high - size) / 2), ink, size, count=1, font=font)
            if lines == "grid":
                line(canvas, np.array([[x, y], [x, y + high]]), ink, 1)
        if lines != "none":
            line(canvas, np.array([[-5, y], [sheet.side + 5, y]]), ink, 1)
    return canvas.finish()


def _draw_theme(sheet: Sheet) -> _Theme:
    dark = sheet.chance(0.35)
    paper: Colour = (sheet.whole(15, 50),) * 3 if dark else (sheet.whole(235, 255),) * 3
    ink: Colour = (sheet.whole(190, 255),) * 3 if dark else (sheet.whole(0, 70),) * 3
    font, size = draw_font_file(sheet.rng), sheet.whole(9, 20)
    return _Theme(sheet, sheet.canvas(paper), ink, paper, _between(ink, paper), sheet.colour(), font, size)


def _text(theme: _Theme, x: float, y: float, height: float) -> None:
    theme.label(x, y, theme.ink if theme.sheet.chance(0.8) else theme.accent, count=8)


def _bar(theme: _Theme, x: float, y: float, height: float) -> None:
    rectangle(theme.canvas, (-5, y, theme.sheet.side + 5, y + height), theme.accent, None, 1)
    theme.label(x, y + height / 2 - theme.size * 0.6, theme.on_accent, count=8)


def _buttons(theme: _Theme, x: float, y: float, height: float) -> None:
    rounding = theme.sheet.between(0, 0.45) * height
    while x < theme.sheet.side:
        width = theme.size * theme.sheet.between(3, 8)
        label = _box(theme, (x, y, x + width, y + height), rounding, filled=theme.sheet.chance(0.5))
        theme.label(x + theme.size / 2, y + (height - 1.2 * theme.size) / 2, label)
        x += width + theme.sheet.between(3, theme.size)


def _field(theme: _Theme, x: float, y: float, height: float) -> None:
    rounding = theme.sheet.between(0, 0.45) * height
    label = _box(theme, (x, y, x + 2 * theme.sheet.side, y + height), rounding, filled=False)
    theme.label(x + theme.size / 2, y + (height - 1.2 * theme.size) / 2, label, count=2)


def _icons(theme: _Theme, x: float, y: float, height: float) -> None:
    rounding = theme.sheet.between(0, 0.45) * height
    while x < theme.sheet.side:
        label = _box(theme, (x, y, x + height, y + height), rounding, filled=theme.sheet.chance(0.5))
        disc(theme.canvas, (x + height / 2, y + height / 2), height * theme.sheet.between(0.1, 0.35), label)
        x += height + theme.sheet.between(3, theme.size)


def _choices(theme: _Theme, x: float, y: float, height: float) -> None:
    for at in np.arange(x, theme.sheet.side, 6 * theme.size):
        (_radio_button if theme.sheet.chance(0.5) else _check_box)(theme, at, y, chosen=theme.sheet.chance(0.5))
        theme.label(at + 1.3 * theme.size, y, theme.ink)


_ROWS: dict[_Row, float] = {_text: 3, _buttons: 2, _field: 3, _bar: 1, _choices: 1, _icons: 1}


def _box(theme: _Theme, box: tuple[float, float, float, float], rounding: float, *, filled: bool) -> Colour:
    """A box with round corners; returns the colour of what stands in it."""
    zoom = theme.canvas.zoom
    corners, fill = [round(value * zoom) for value in box], theme.accent if filled else theme.paper
    theme.canvas.draw.rounded_rectangle(corners, int(rounding * zoom), fill=fill, outline=theme.edge, width=zoom)
    return theme.on_accent if filled else theme.ink


def _radio_button(theme: _Theme, x: float, y: float, *, chosen: bool) -> None:
    middle, radius = (x + theme.size / 2, y + theme.size / 2), theme.size / 2
    ring(theme.canvas, middle, radius, theme.ink, 1)
    if chosen:
        disc(theme.canvas, middle, radius / 2, theme.accent)


def _check_box(theme: _Theme, x: float, y: float, *, chosen: bool) -> None:
    box = (x, y, x + theme.size, y + theme.size)
    rectangle(theme.canvas, box, theme.accent if chosen else None, theme.ink, 1)
    if chosen:
        tick = np.array([[0.2, 0.5], [0.45, 0.75], [0.8, 0.25]]) * theme.size + np.array([x, y])
        line(theme.canvas, tick, theme.on_accent, max(1.0, theme.size / 8))


def _with_photo(sheet: Sheet, picture: Uint8) -> Uint8:
    """A picture in the page."""
    half = sheet.side // 2
    top, left = sheet.whole(0, half), sheet.whole(0, half)
    both = picture.copy()
    both[top : top + half, left:] = sheet.photo(sheet.side)[:half, left:]
    return both


def _between(colour: Colour, paper: Colour) -> Colour:
    """The colour, pale: three quarters are paper."""
    red, green, blue = ((a + 3 * b) // 4 for a, b in zip(colour, paper))
    return red, green, blue
