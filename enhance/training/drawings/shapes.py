"""Flat shapes, gradients, icons."""

from __future__ import annotations

import numpy as np

from enhance.training.chance import pick
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8


def flat_shapes(sheet: Sheet) -> Uint8:
    """Discs, boxes and polygons of flat colours, with or without outlines."""
    canvas = sheet.canvas(sheet.colour())
    outline = sheet.colour() if sheet.chance(0.4) else None
    for _ in range(sheet.whole(4, 30)):
        shape(sheet, canvas, sheet.colour(), outline, sheet.whole(1, 4))
    return canvas.finish()


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
