"""Flat shapes, comics, gradients, sprites, icons."""

from __future__ import annotations

import numpy as np

from enhance.training.chance import pick
from enhance.training.drawings.lines import bezier, disc, line, smooth_curve, words
from enhance.training.drawings.screens import screen
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8


def flat_shapes(sheet: Sheet) -> Uint8:
    """Discs, boxes and polygons of flat colours, with or without outlines."""
    canvas = sheet.canvas(sheet.colour())
    outline = sheet.colour() if sheet.chance(0.4) else None
    for _ in range(sheet.whole(2, 25)):
        shape(sheet, canvas, sheet.colour(), outline, sheet.whole(1, 4))
    return canvas.finish()


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
    """Black and white comics: outlines, black areas, and dots for the grays."""
    canvas = sheet.canvas(WHITE, zoom=pick(sheet.rng, {1: 1.0, 3: 2.0}))
    width = sheet.between(1, 3)
    grays = [BLACK, WHITE, WHITE, *((value,) * 3 for value in (90, 150, 200))]
    for _ in range(sheet.whole(2, 6)):
        _blob(sheet, canvas, sheet.one_of(grays), BLACK, width)
    for _ in range(sheet.whole(0, 10)):
        line(canvas, bezier(smooth_curve(sheet)), BLACK, sheet.between(0.7, 2))
    _faces_and_balloons(sheet, canvas, width)
    drawn = canvas.finish()
    tone = drawn[..., 0].astype(np.float32) / 255
    dots = screen(sheet, 1 - tone, np.pi / 4 if sheet.chance(0.7) else sheet.angle(), sheet.logarithmic(3, 9))
    is_gray = np.abs(tone - np.float32(0.55)) < 0.3
    return np.where(is_gray[..., None], sheet.paint(dots, BLACK, WHITE), drawn)


def gradient(sheet: Sheet) -> Uint8:
    """Two or three colours that run into each other: linear or radial, smooth or in bands."""
    if sheet.chance(0.6):
        place = sheet.across(sheet.between(0, np.pi)) / np.float32(sheet.side * sheet.between(0.5, 3)) + 0.5
    else:
        (x, y), (centre_x, centre_y) = sheet.axes(), sheet.point(0.3)
        place = np.hypot(x - centre_x, y - centre_y) / np.float32(sheet.side * sheet.between(0.4, 2))
    if sheet.chance(0.3):
        steps = np.float32(sheet.whole(3, 16))
        place = np.floor(place * steps) / steps
    colours = np.array(sheet.palette(sheet.whole(2, 3)), np.float32)
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(place, stops, colours[:, channel]) for channel in range(3)]
    picture = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    if sheet.chance(0.5):
        return picture
    canvas = sheet.canvas(picture)
    for _ in range(sheet.whole(1, 5)):
        shape(sheet, canvas, sheet.colour(), sheet.colour() if sheet.chance(0.3) else None, 2)
    return canvas.finish()


def sprites(sheet: Sheet) -> Uint8:
    """Pixel art: small symmetric figures and tiles in few colours, every pixel a square."""
    size = sheet.whole(1, 8)
    side = -(-sheet.side // size)
    world = np.full((side, side, 3), sheet.colour(), np.uint8)
    if sheet.chance(0.5):
        ground = np.array(sheet.palette(3), np.uint8)[sheet.rng.integers(3, size=(8, 8))]
        world = np.tile(ground, (side // 8 + 1, side // 8 + 1, 1))[:side, :side]
    for _ in range(sheet.whole(1, 1 + side // 5)):
        _put_figure(sheet, world)
    return world.repeat(size, axis=0).repeat(size, axis=1)[: sheet.side, : sheet.side]


def icons(sheet: Sheet) -> Uint8:
    """A grid of small pictures of a few shapes each: emoji, flags, buttons, logos."""
    canvas = sheet.canvas(
        WHITE if sheet.chance(0.5) else sheet.colour(), zoom=pick(sheet.rng, {1: 1.0, 3: 2.0, 4: 2.0})
    )
    step = sheet.whole(16, 72)
    size = step * sheet.between(0.5, 0.9)
    ink, plain = sheet.colour(), sheet.chance(0.35)
    for y in np.arange(sheet.between(-step, 0), sheet.side, step):
        for x in np.arange(sheet.between(-step, 0), sheet.side, step):
            _icon(sheet, canvas, (x, y), size, ink if plain else None)
    return canvas.finish()


def shape(sheet: Sheet, canvas: Canvas, fill: Colour | None, outline: Colour | None, width: float) -> None:
    """A disc, box, rounded box or polygon anywhere on the sheet."""
    x, y = (value * canvas.zoom for value in sheet.point(0.2))
    wide, high = (sheet.logarithmic(3, 0.8 * sheet.side) * canvas.zoom for _ in range(2))
    box, edge = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2), max(1, round(width * canvas.zoom))
    kind = pick(sheet.rng, {"disc": 2, "box": 2, "rounded": 1, "polygon": 2})
    if kind == "disc":
        canvas.draw.ellipse(box, fill=fill, outline=outline, width=edge)
    elif kind == "box":
        canvas.draw.rectangle(box, fill=fill, outline=outline, width=edge)
    elif kind == "rounded":
        canvas.draw.rounded_rectangle(box, min(wide, high) / 4, fill=fill, outline=outline, width=edge)
    else:
        turns = np.sort(sheet.rng.uniform(0, 2 * np.pi, sheet.whole(3, 7)))
        corners = np.stack([x + np.cos(turns) * wide / 2, y + np.sin(turns) * high / 2], axis=1)
        canvas.draw.polygon(corners.reshape(-1).tolist(), fill=fill, outline=outline, width=edge)


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


def _put_figure(sheet: Sheet, world: Uint8) -> None:
    size = sheet.whole(5, 12)
    half = sheet.rng.integers(-1, 4, size=(size, -(-size // 2)))
    figure = np.concatenate([half, half[:, ::-1]], axis=1)[:, :size]
    top, left = (sheet.whole(0, max(0, len(world) - size)) for _ in range(2))
    window = world[top : top + size, left : left + size]
    figure = figure[: window.shape[0], : window.shape[1]]
    colours = np.array(sheet.palette(4), np.uint8)
    window[figure >= 0] = colours[figure[figure >= 0]]


def _icon(sheet: Sheet, canvas: Canvas, at: tuple[float, float], size: float, ink: Colour | None) -> None:
    """Three to six shapes in a square; of one ink, or of many colours."""
    zoom, (x, y) = canvas.zoom, at
    if ink is None and sheet.chance(0.3):  # a flag
        for index, colour in enumerate(sheet.palette(3)):
            box = (x, y + size * index / 4.5, x + size, y + size * (index + 1) / 4.5)
            canvas.draw.rectangle([round(value * zoom) for value in box], fill=colour)
        return
    for index in range(sheet.whole(2, 5)):
        left, top, right, bottom = (
            (start + sheet.between(low, high) * size) * zoom
            for start, (low, high) in zip((x, y, x, y), ((0, 0.4), (0, 0.4), (0.6, 1), (0.6, 1)))
        )
        box = (
            (left, top, right, bottom) if index == 0 or sheet.chance(0.3) else _half(sheet, (left, top, right, bottom))
        )
        fill = sheet.colour() if ink is None else ink if sheet.chance(0.3) else None
        outline = ink if ink is not None else (BLACK if sheet.chance(0.2) else None)
        draw = canvas.draw.ellipse if sheet.chance(0.5) else canvas.draw.rectangle
        draw(box, fill=fill, outline=outline, width=max(1, round(size / 14 * zoom)))


def _half(sheet: Sheet, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A smaller box inside."""
    left, top, right, bottom = box
    middle_x, middle_y = left + (right - left) * sheet.between(0.3, 0.7), top + (bottom - top) * sheet.between(0.3, 0.7)
    return (left, top, middle_x, middle_y) if sheet.chance(0.5) else (middle_x, middle_y, right, bottom)
