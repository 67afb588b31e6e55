"""Line art: strokes, curves, music, circuits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.training.drawings.pen import Points, around, bezier, disc, line, rectangle, ring, smooth_curve, words
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8


def strokes(sheet: Sheet) -> Uint8:
    """Straight lines and circles, thin to thick: technical drawings, wires, scribbles."""
    ink, paper = sheet.ink_and_paper()
    canvas = sheet.canvas(paper)
    width = sheet.whole(1, 3)
    for _ in range(sheet.whole(4, 40)):
        start, end = np.array(sheet.point(0.2)), np.array(sheet.point(0.2))
        if sheet.chance(0.3):
            end[sheet.whole(0, 1)] = start[sheet.whole(0, 1)]
        line(canvas, np.stack([start, end]), ink, width if sheet.chance(0.8) else sheet.whole(1, 7))
    for _ in range(sheet.whole(0, 6)):
        ring(canvas, sheet.point(), sheet.logarithmic(3, sheet.side), ink, width)
    return canvas.finish()


def curves(sheet: Sheet) -> Uint8:
    """Smooth curves, alone or in bundles, as pens, spirographs and plotters draw them."""
    ink, paper = sheet.ink_and_paper()
    canvas = sheet.canvas(paper)
    if sheet.chance(0.3):
        line(canvas, _spirograph(sheet), ink, 1)
        return canvas.finish()
    bundle = sheet.whole(1, 12)
    for _ in range(sheet.whole(1, 8)):
        start, step = smooth_curve(sheet), sheet.rng.normal(0, sheet.between(1, 6), (4, 2))
        width, colour = sheet.whole(1, 4), sheet.colour() if sheet.chance(0.2) else ink
        for index in range(bundle):
            line(canvas, bezier(start + index * step), colour, width)
    return canvas.finish()


def music(sheet: Sheet) -> Uint8:
    """Staves with notes, beams, bars and some words."""
    ink, paper = (BLACK, WHITE) if sheet.chance(0.7) else sheet.ink_and_paper()
    canvas = sheet.canvas(paper)
    gap, slant = sheet.between(4, 12), sheet.between(-0.03, 0.03) if sheet.chance(0.2) else 0.0
    top = sheet.between(-3 * gap, 4 * gap)
    while top < sheet.side:
        for index in range(5):
            y = top + index * gap
            line(canvas, np.array([[-9, y], [sheet.side + 9, y + slant * sheet.side]]), ink, max(1, int(gap / 8)))
        _notes(sheet, canvas, top, gap, ink)
        words(sheet, canvas, (sheet.between(-20, 10), top + 6.5 * gap), ink, max(8, int(1.6 * gap)))
        top += gap * sheet.between(9, 13)
    return canvas.finish()


def circuit(sheet: Sheet) -> Uint8:
    """Lines along the axes, boxes, dots and labels: circuits, floor plans, flow charts."""
    ink, paper = sheet.ink_and_paper()
    canvas = sheet.canvas(paper)
    width, grid = sheet.whole(1, 3), sheet.whole(6, 20)

    def knot() -> npt.NDArray[np.float64]:
        return np.round(np.array(sheet.point(0.1)) / grid) * grid

    for _ in range(sheet.whole(3, 14)):
        start, end = knot(), knot()
        corner = np.array([end[0], start[1]])
        line(canvas, np.stack([start, corner, end]), ink, width)
        if sheet.chance(0.4):
            disc(canvas, corner, 1.5 * width, ink)
    for _ in range(sheet.whole(1, 6)):
        x, y = knot()
        box = (x, y, x + grid * sheet.whole(1, 5), y + grid * sheet.whole(1, 4))
        rectangle(canvas, box, paper if sheet.chance(0.6) else None, ink, width)
        words(sheet, canvas, (x + 2, y + 1), ink, sheet.whole(7, 14), count=1)
    if sheet.chance(0.4):
        for _ in range(sheet.whole(1, 3)):
            ring(canvas, knot(), grid * sheet.between(0.5, 3), ink, width)
    return canvas.finish()


def _notes(sheet: Sheet, canvas: Canvas, top: float, gap: float, ink: Colour) -> None:
    x = sheet.between(-gap, 2 * gap)
    thick = max(1.0, gap / 7)
    last: npt.NDArray[np.float64] | None = None
    while x < sheet.side:
        x += gap * sheet.between(1.8, 4)
        if sheet.chance(0.12):
            line(canvas, np.array([[x, top], [x, top + 4 * gap]]), ink, thick)
            last = None
            continue
        head = np.array([x, top + sheet.whole(-1, 9) * gap / 2])
        canvas.draw.ellipse(
            around(canvas, head, 0.62 * gap, 0.45 * gap),
            fill=ink if sheet.chance(0.75) else None,
            outline=ink,
            width=max(1, round(thick * canvas.zoom)),
        )
        tip = head + np.array([0.55 * gap, -3.3 * gap])
        line(canvas, np.stack([head + np.array([0.55 * gap, 0]), tip]), ink, thick)
        if last is not None and sheet.chance(0.6):
            line(canvas, np.stack([last, tip]), ink, gap / 2.2)
        last = tip


def _spirograph(sheet: Sheet) -> Points:
    turns, ratio = sheet.whole(5, 40), sheet.between(0.2, 0.9)
    t = np.linspace(0, 2 * np.pi * turns, 40 * turns)
    radius, centre = sheet.between(0.2, 0.8) * sheet.side, np.array(sheet.point(0))
    inner = sheet.between(0.1, 1) * radius
    return centre + np.stack(
        [radius * np.cos(t) + inner * np.cos(t * ratio), radius * np.sin(t) - inner * np.sin(t * ratio)], axis=1
    )
