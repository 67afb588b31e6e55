"""Things with a layout: charts, heat maps, windows, tables."""

from __future__ import annotations

import numpy as np

from enhance.training.chance import pick
from enhance.training.drawings.fonts import draw_font_file
from enhance.training.drawings.lines import disc, line, rectangle, ring, words
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8


def chart(sheet: Sheet) -> Uint8:
    """A corner of a chart: axes, ticks, grid, and bars, lines, areas, points or slices."""
    dark = sheet.chance(0.15)
    paper: Colour = BLACK if dark else WHITE if sheet.chance(0.6) else (sheet.whole(225, 245),) * 3
    ink: Colour = WHITE if dark else (sheet.whole(0, 60),) * 3
    canvas = sheet.canvas(paper)
    left, bottom = sheet.between(-10, 40), sheet.side - sheet.between(-10, 30)
    step = sheet.between(12, 45)
    if sheet.chance(0.6):
        shade: Colour = (
            (90,) * 3 if dark else WHITE if sum(paper) < 765 and sheet.chance(0.5) else (sheet.whole(170, 220),) * 3
        )
        for at in np.arange(bottom, -1, -step):
            line(canvas, np.array([[left, at], [sheet.side, at]]), shade, 1)
        for at in np.arange(left, sheet.side, step):
            line(canvas, np.array([[at, 0], [at, bottom]]), shade, 1)
    colours = sheet.palette(sheet.whole(1, 5))
    plots = {_bars: 3, _lines: 3, _areas: 1, _points: 2, _slices: 1, _boxes: 1}
    pick(sheet.rng, plots)(sheet, canvas, colours, ink, (left, bottom))
    line(canvas, np.array([[left, 0], [left, bottom], [sheet.side, bottom]]), ink, 1 if sheet.chance(0.8) else 2)
    font, size = draw_font_file(sheet.rng), sheet.whole(7, 14)
    for at in np.arange(bottom, 0, -step):
        line(canvas, np.array([[left - 4, at], [left, at]]), ink, 1)
        words(sheet, canvas, (left - 5 - 2 * size, at - size / 2), ink, size, count=1, font=font)
    for at in np.arange(left, sheet.side, step):
        line(canvas, np.array([[at, bottom], [at, bottom + 4]]), ink, 1)
        words(sheet, canvas, (at - size, bottom + 5), ink, size, count=1, font=font)
    if sheet.chance(0.5):
        x, y = sheet.point(0)
        rectangle(
            canvas, (x, y, x + 70, y + 1.5 * size * len(colours) + 4), paper, ink if sheet.chance(0.5) else None, 1
        )
        for index, colour in enumerate(colours):
            rectangle(
                canvas, (x + 3, y + 4 + index * 1.5 * size, x + 13, y + 2 + (index + 0.8) * 1.5 * size), colour, None, 1
            )
            words(sheet, canvas, (x + 17, y + 2 + index * 1.5 * size), ink, size, count=2, font=font)
    return canvas.finish()


def heat_map(sheet: Sheet) -> Uint8:
    """Cells coloured by a value, with lines or numbers in them: heat maps, calendars, mosaics."""
    canvas = sheet.canvas(WHITE)
    wide, high = sheet.between(6, 40), sheet.between(6, 40)
    start, end = (np.array(sheet.colour(), np.float64) for _ in range(2))
    gap = sheet.whole(0, 2) if sheet.chance(0.5) else 0
    font, size, numbers = draw_font_file(sheet.rng), sheet.whole(7, 12), sheet.chance(0.4) and wide > 18
    for y in np.arange(sheet.between(-high, 0), sheet.side, high):
        for x in np.arange(sheet.between(-1, 0) * wide, sheet.side, wide):
            red, green, blue = np.rint(start + (end - start) * sheet.rng.random()).astype(int).tolist()
            rectangle(canvas, (x, y, x + wide - gap, y + high - gap), (red, green, blue), None, 1)
            if numbers:
                ink = BLACK if red + green + blue > 380 else WHITE
                words(sheet, canvas, (x + 2, y + 1), ink, size, count=1, font=font)
    return canvas.finish()


def window(sheet: Sheet) -> Uint8:
    """Parts of a program's window or a web page: bars, buttons, fields, lists, pictures, labels."""
    dark = sheet.chance(0.35)
    paper: Colour = (sheet.whole(15, 50),) * 3 if dark else (sheet.whole(235, 255),) * 3
    ink: Colour = (sheet.whole(190, 255),) * 3 if dark else (sheet.whole(0, 70),) * 3
    line_colour = _between(ink, paper)
    accent = sheet.colour()
    canvas = sheet.canvas(paper)
    font, size = draw_font_file(sheet.rng), sheet.whole(9, 20)
    y = sheet.between(-20, 6)
    while y < sheet.side:
        x = sheet.between(-60, 12)
        high = size * sheet.between(1.5, 2.4)
        kind = pick(sheet.rng, {"text": 3, "buttons": 2, "field": 2, "bar": 1, "choice": 1, "list": 1, "icons": 1})
        if kind == "text":
            words(sheet, canvas, (x, y), ink if sheet.chance(0.8) else accent, size, font=font)
        elif kind == "bar":
            rectangle(canvas, (-5, y, sheet.side + 5, y + high), accent, None, 1)
            words(sheet, canvas, (x, y + high / 2 - size * 0.6), WHITE if sum(accent) < 400 else BLACK, size, font=font)
        elif kind == "choice":
            for at in np.arange(x, sheet.side, 6 * size):
                _choice(sheet, canvas, (at, y), size, ink, accent)
                words(sheet, canvas, (at + 1.3 * size, y), ink, size, count=1, font=font)
        else:
            _row(sheet, canvas, kind, (x, y, high), (ink, paper, line_colour, accent), font, size)
        y += high + sheet.between(0, size)
        if sheet.chance(0.3):
            line(canvas, np.array([[-5, y - 2], [sheet.side + 5, y - 2]]), line_colour, 1)
    picture = canvas.finish()
    if sheet.chance(0.15):  # a picture in the page
        top, left = sheet.whole(0, sheet.side // 2), sheet.whole(0, sheet.side // 2)
        picture = picture.copy()
        picture[top : top + sheet.side // 2, left:] = sheet.photo(sheet.side)[: sheet.side // 2, left:]
    return picture


def table(sheet: Sheet) -> Uint8:
    """Rows and columns of short texts with lines between, some cells coloured."""
    ink, paper = sheet.ink_and_paper() if sheet.chance(0.4) else (BLACK, WHITE)
    canvas = sheet.canvas(paper)
    font, size = draw_font_file(sheet.rng), sheet.whole(8, 18)
    high, wide = size * sheet.between(1.3, 2.5), size * sheet.between(3, 9)
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


def _bars(sheet: Sheet, canvas: Canvas, colours: list[Colour], ink: Colour, origin: tuple[float, float]) -> None:
    left, bottom = origin
    wide, gap = sheet.between(4, 30), sheet.between(1, 15)
    edge = ink if sheet.chance(0.4) else None
    x, index = left + gap, 0
    while x < sheet.side:
        top = bottom - sheet.between(0, 1) * sheet.side
        rectangle(canvas, (x, min(top, bottom - 1), x + wide, bottom), colours[index % len(colours)], edge, 1)
        index += 1
        x += wide + (0 if index % len(colours) else gap)


def _lines(sheet: Sheet, canvas: Canvas, colours: list[Colour], ink: Colour, origin: tuple[float, float]) -> None:
    x = np.arange(origin[0], sheet.side + 20, sheet.between(3, 25))
    marked = sheet.chance(0.5)
    for colour in colours:
        y = sheet.between(0, sheet.side) + sheet.rng.normal(0, sheet.between(1, 25), len(x)).cumsum() / 2
        line(canvas, np.stack([x, y], axis=1), colour, sheet.whole(1, 3))
        for at in np.stack([x, y], axis=1) if marked else ():
            disc(canvas, at, 2.5, colour)


def _areas(sheet: Sheet, canvas: Canvas, colours: list[Colour], ink: Colour, origin: tuple[float, float]) -> None:
    x = np.arange(origin[0], sheet.side + 20, sheet.between(5, 25))
    top = np.full(len(x), sheet.between(0, 0.5) * sheet.side)
    for colour in colours:
        corners = np.concatenate([np.stack([x, top], axis=1), [[x[-1], origin[1]], [x[0], origin[1]]]])
        canvas.draw.polygon((corners * canvas.zoom).reshape(-1).tolist(), fill=colour)
        top = top + sheet.rng.uniform(0, 0.4, len(x)) * sheet.side


def _points(sheet: Sheet, canvas: Canvas, colours: list[Colour], ink: Colour, origin: tuple[float, float]) -> None:
    for colour in colours:
        radius, hollow = sheet.between(1, 5), sheet.chance(0.3)
        for _ in range(sheet.whole(5, 40)):
            at = sheet.point(0)
            (ring(canvas, at, radius, colour, 1) if hollow else disc(canvas, at, radius, colour))


def _slices(sheet: Sheet, canvas: Canvas, colours: list[Colour], ink: Colour, origin: tuple[float, float]) -> None:
    (x, y), radius, zoom = sheet.point(0), sheet.between(0.3, 0.7) * sheet.side, canvas.zoom
    box = [(x - radius) * zoom, (y - radius) * zoom, (x + radius) * zoom, (y + radius) * zoom]
    start = 0.0
    for colour in (*colours, ink):
        end = start + sheet.between(20, 120)
        canvas.draw.pieslice(box, start, end, fill=colour, outline=WHITE if sheet.chance(0.5) else None, width=zoom)
        start = end


def _boxes(sheet: Sheet, canvas: Canvas, colours: list[Colour], ink: Colour, origin: tuple[float, float]) -> None:
    wide = sheet.between(6, 24)
    for index, x in enumerate(np.arange(origin[0] + 5, sheet.side, 1.6 * wide)):
        low, first, middle, third, high = np.sort(sheet.rng.uniform(0, 1, 5)) * sheet.side
        line(canvas, np.array([[x + wide / 2, low], [x + wide / 2, high]]), ink, 1)
        rectangle(canvas, (x, first, x + wide, third), colours[index % len(colours)], ink, 1)
        for at in (low, middle, high):
            line(canvas, np.array([[x, at], [x + wide, at]]), ink, 1)


def _row(
    sheet: Sheet,
    canvas: Canvas,
    kind: str,
    place: tuple[float, float, float],
    colours: tuple[Colour, Colour, Colour, Colour],
    font: str,
    size: int,
) -> None:
    """Buttons, text fields, list entries or icons, one beside the other."""
    x, y, high = place
    ink, paper, edge, accent = colours
    zoom, rounding = canvas.zoom, sheet.between(0, 0.45) * high
    while x < sheet.side:
        wide = high if kind == "icons" else size * sheet.between(3, 8) if kind == "buttons" else 2.0 * sheet.side
        box = [round(value * zoom) for value in (x, y, x + wide, y + high)]
        filled = kind in ("buttons", "icons") and sheet.chance(0.5)
        fill = accent if filled else paper
        canvas.draw.rounded_rectangle(box, int(rounding * zoom), fill=fill, outline=edge, width=max(1, zoom))
        label = (WHITE if sum(accent) < 400 else BLACK) if filled else ink
        if kind == "icons":
            disc(canvas, (x + high / 2, y + high / 2), high * sheet.between(0.1, 0.35), label)
        else:
            words(sheet, canvas, (x + size / 2, y + (high - 1.2 * size) / 2), label, size, count=1, font=font)
        x += wide + sheet.between(3, size)


def _choice(sheet: Sheet, canvas: Canvas, at: tuple[float, float], size: float, ink: Colour, accent: Colour) -> None:
    """A check box or radio button."""
    (x, y), chosen = at, sheet.chance(0.5)
    if sheet.chance(0.5):
        ring(canvas, (x + size / 2, y + size / 2), size / 2, ink, 1)
        if chosen:
            disc(canvas, (x + size / 2, y + size / 2), size / 4, accent)
        return
    rectangle(canvas, (x, y, x + size, y + size), accent if chosen else None, ink, 1)
    if chosen:
        tick = np.array([[0.2, 0.5], [0.45, 0.75], [0.8, 0.25]]) * size + np.array([x, y])
        line(canvas, tick, WHITE, max(1.0, size / 8))


def _between(colour: Colour, paper: Colour) -> Colour:
    """The colour, pale: three quarters are paper."""
    red, green, blue = ((a + 3 * b) // 4 for a, b in zip(colour, paper))
    return red, green, blue
