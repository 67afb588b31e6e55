"""Charts and heat maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from enhance.training.chance import pick
from enhance.training.drawings.fonts import draw_font_file
from enhance.training.drawings.pen import Points, disc, line, rectangle, ring, words
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8


@dataclass(frozen=True)
class _Frame:
    """A chart's axes, which cross at (left, bottom), and its looks."""

    sheet: Sheet
    canvas: Canvas
    ink: Colour
    paper: Colour
    colours: list[Colour]
    left: float
    bottom: float
    step: float
    font: str
    size: int

    def colour(self, index: int) -> Colour:
        return self.colours[index % len(self.colours)]

    def across(self, y: float, start: float, end: float, ink: Colour, width: float = 1) -> None:
        line(self.canvas, np.array([[start, y], [end, y]]), ink, width)

    def down(self, x: float, start: float, end: float, ink: Colour, width: float = 1) -> None:
        line(self.canvas, np.array([[x, start], [x, end]]), ink, width)

    def label(self, x: float, y: float, count: int = 1) -> None:
        words(self.sheet, self.canvas, (x, y), self.ink, self.size, count=count, font=self.font)


def chart(sheet: Sheet) -> Uint8:
    """A corner of a chart: axes, ticks, grid, and bars, lines, areas, points or slices."""
    frame = _draw_frame(sheet)
    if sheet.chance(0.6):
        _grid(frame)
    plots: dict[Callable[[_Frame], None], float] = {
        _bars: 3, _lines: 3, _areas: 1, _points: 2, _slices: 1, _boxes: 1,
    }  # fmt: skip
    pick(sheet.rng, plots)(frame)
    _axes(frame)
    if sheet.chance(0.5):
        _legend(frame)
    return frame.canvas.finish()


def heat_map(sheet: Sheet) -> Uint8:
    """Cells coloured by a value, with lines or numbers in them: heat maps, calendars, mosaics."""
    canvas = sheet.canvas(WHITE)
    wide, high = sheet.between(6, 40), sheet.between(6, 40)
    start, end = (np.array(sheet.colour(), np.float64) for _ in range(2))
    gap = sheet.whole(0, 2) if sheet.chance(0.5) else 0
    font, size, numbers = draw_font_file(sheet.rng), sheet.whole(7, 12), sheet.chance(0.4) and wide > 18
    left, aligned = sheet.between(-wide, 0), sheet.chance(0.7)  # otherwise bricks
    for y in np.arange(sheet.between(-high, 0), sheet.side, high):
        for x in np.arange(left if aligned else sheet.between(-wide, 0), sheet.side, wide):
            red, green, blue = np.rint(start + (end - start) * sheet.rng.random()).astype(int).tolist()
            rectangle(canvas, (x, y, x + wide - gap, y + high - gap), (red, green, blue), None, 1)
            if numbers:
                ink = BLACK if red + green + blue > 380 else WHITE
                words(sheet, canvas, (x + 2, y + 1), ink, size, count=1, font=font)
    return canvas.finish()


def _draw_frame(sheet: Sheet) -> _Frame:
    dark = sheet.chance(0.15)
    paper: Colour = BLACK if dark else WHITE if sheet.chance(0.6) else (sheet.whole(225, 245),) * 3
    ink: Colour = WHITE if dark else (sheet.whole(0, 60),) * 3
    return _Frame(
        sheet,
        sheet.canvas(paper),
        ink,
        paper,
        sheet.palette(sheet.whole(1, 5)),
        left=sheet.between(-10, 40),
        bottom=sheet.side - sheet.between(-10, 30),
        step=sheet.between(12, 45),
        font=draw_font_file(sheet.rng),
        size=sheet.whole(7, 14),
    )


def _grid(frame: _Frame) -> None:
    gray = frame.sheet.whole(60, 110) if frame.paper == BLACK else frame.sheet.whole(170, 220)
    shade = WHITE if frame.paper not in (BLACK, WHITE) and frame.sheet.chance(0.5) else (gray,) * 3
    for y in np.arange(frame.bottom, -1, -frame.step):
        frame.across(y, frame.left, frame.sheet.side, shade)
    for x in np.arange(frame.left, frame.sheet.side, frame.step):
        frame.down(x, 0, frame.bottom, shade)


def _axes(frame: _Frame) -> None:
    width = 1 if frame.sheet.chance(0.8) else 2
    frame.across(frame.bottom, frame.left, frame.sheet.side, frame.ink, width)
    frame.down(frame.left, 0, frame.bottom, frame.ink, width)
    for y in np.arange(frame.bottom, 0, -frame.step):
        frame.across(y, frame.left - 4, frame.left, frame.ink)
        frame.label(frame.left - 5 - 2 * frame.size, y - frame.size / 2)
    for x in np.arange(frame.left, frame.sheet.side, frame.step):
        frame.down(x, frame.bottom, frame.bottom + 4, frame.ink)
        frame.label(x - frame.size, frame.bottom + 5)


def _legend(frame: _Frame) -> None:
    (x, y), step = frame.sheet.point(0), 1.5 * frame.size
    edge = frame.ink if frame.sheet.chance(0.5) else None
    rectangle(frame.canvas, (x, y, x + 70, y + step * len(frame.colours) + 4), frame.paper, edge, 1)
    for index, colour in enumerate(frame.colours):
        top = y + 2 + index * step
        rectangle(frame.canvas, (x + 3, top + 2, x + 13, top + 0.8 * step), colour, None, 1)
        frame.label(x + 17, top, count=2)


def _bars(frame: _Frame) -> None:
    sheet, canvas = frame.sheet, frame.canvas
    left, bottom = frame.left, frame.bottom
    wide, gap = sheet.between(4, 30), sheet.between(1, 15)
    edge = frame.ink if sheet.chance(0.4) else None
    hatched, flat, gap_of_lines = sheet.chance(0.3), sheet.chance(0.5), sheet.between(3, 8)
    x, index = left + gap, 0
    while x < sheet.side:
        top = bottom - sheet.between(0, 1) * sheet.side
        box = (x, min(top, bottom - 1), x + wide, bottom)
        rectangle(canvas, box, frame.colour(index), edge, 1)
        if hatched and index % 2:
            for at in np.arange(box[1], bottom, gap_of_lines):
                line(canvas, np.array([[x, at], [x + wide, at + (0 if flat else wide / 2)]]), frame.ink, 1)
        index += 1
        x += wide + (0 if index % len(frame.colours) else gap)


def _lines(frame: _Frame) -> None:
    sheet, canvas = frame.sheet, frame.canvas
    x = np.arange(frame.left, sheet.side + 20, sheet.between(3, 25))
    marked = sheet.chance(0.5)
    for colour in frame.colours:
        y = sheet.between(0, sheet.side) + sheet.rng.normal(0, sheet.between(1, 25), len(x)).cumsum() / 2
        points, width, dashed = np.stack([x, y], axis=1), sheet.whole(1, 3), sheet.chance(0.2)
        for at in range(0, len(points), 2) if dashed else ():
            line(canvas, points[at : at + 2], colour, width)
        if not dashed:
            line(canvas, points, colour, width)
        for point in points if marked else ():
            _marker(canvas, point, sheet.between(2, 4), colour, kind=width)


def _areas(frame: _Frame) -> None:
    sheet, canvas = frame.sheet, frame.canvas
    x = np.arange(frame.left, sheet.side + 20, sheet.between(5, 25))
    top = np.full(len(x), sheet.between(0, 0.5) * sheet.side)
    for colour in frame.colours:
        corners = np.concatenate([np.stack([x, top], axis=1), [[x[-1], frame.bottom], [x[0], frame.bottom]]])
        canvas.draw.polygon((corners * canvas.zoom).reshape(-1).tolist(), fill=colour)
        top = top + sheet.rng.uniform(0, 0.4, len(x)) * sheet.side


def _points(frame: _Frame) -> None:
    sheet, canvas = frame.sheet, frame.canvas
    for colour in frame.colours:
        radius, hollow, kind = sheet.between(1, 5), sheet.chance(0.3), sheet.whole(1, 3)
        for _ in range(sheet.whole(5, 40)):
            at = np.array(sheet.point(0))
            ring(canvas, at, radius, colour, 1) if hollow else _marker(canvas, at, radius, colour, kind=kind)


def _marker(canvas: Canvas, at: Points, radius: float, ink: Colour, *, kind: int) -> None:
    """A disc, a square, or a cross."""
    if kind == 1:
        disc(canvas, at, radius, ink)
    elif kind == 2:
        rectangle(canvas, (*(at - radius).tolist(), *(at + radius).tolist()), ink, None, 1)
    else:
        for way in ((1, 1), (1, -1)):
            line(canvas, np.stack([at - np.multiply(way, radius), at + np.multiply(way, radius)]), ink, 1)


def _slices(frame: _Frame) -> None:
    sheet, canvas = frame.sheet, frame.canvas
    (x, y), radius, zoom = sheet.point(0), sheet.between(0.3, 0.7) * sheet.side, canvas.zoom
    box = [(x - radius) * zoom, (y - radius) * zoom, (x + radius) * zoom, (y + radius) * zoom]
    start = 0.0
    for colour in (*frame.colours, frame.ink):
        end = start + sheet.between(20, 120)
        canvas.draw.pieslice(box, start, end, fill=colour, outline=WHITE if sheet.chance(0.5) else None, width=zoom)
        start = end


def _boxes(frame: _Frame) -> None:
    sheet, canvas = frame.sheet, frame.canvas
    wide = sheet.between(6, 24)
    for index, x in enumerate(np.arange(frame.left + 5, sheet.side, 1.6 * wide)):
        low, first, middle, third, high = np.sort(sheet.rng.uniform(0, 1, 5)) * sheet.side
        line(canvas, np.array([[x + wide / 2, low], [x + wide / 2, high]]), frame.ink, 1)
        rectangle(canvas, (x, first, x + wide, third), frame.colour(index), frame.ink, 1)
        for at in (low, middle, high):
            line(canvas, np.array([[x, at], [x + wide, at]]), frame.ink, 1)
