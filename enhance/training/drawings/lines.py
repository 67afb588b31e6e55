"""Line art: strokes, curves, music, circuits, maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.training.drawings.fonts import draw_font_file, draw_words, load_font
from enhance.training.drawings.patterns import field
from enhance.training.drawings.sheet import BLACK, WHITE, Canvas, Colour, Sheet, Uint8

Points = npt.NDArray[np.float64]
"""[N, 2]: x, y in pixels of the sheet."""


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


def map_of_roads(sheet: Sheet) -> Uint8:
    """Pale areas, roads with casings, labels with halos."""
    pale = sheet.chance(0.8)
    ground, casing, road = _earth(sheet, pale), _earth(sheet, False), WHITE if pale else _earth(sheet, pale)
    canvas = sheet.canvas(ground)
    for _ in range(sheet.whole(2, 10)):
        corners = [tuple(np.array(sheet.point(0.2)) * canvas.zoom) for _ in range(sheet.whole(3, 6))]
        canvas.draw.polygon(corners, fill=_earth(sheet, pale), outline=casing if sheet.chance(0.3) else None)
    ways = [
        (bezier(smooth_curve(sheet, straight=sheet.chance(0.6))), sheet.whole(1, 9)) for _ in range(sheet.whole(3, 9))
    ]
    for points, width in ways:
        line(canvas, points, casing, width + 2)
    for points, width in ways:
        line(canvas, points, road if sheet.chance(0.8) else sheet.colour(), width)
    for _ in range(sheet.whole(0, 5)):
        words(sheet, canvas, sheet.point(0), (60, 60, 60), sheet.whole(8, 14), count=2, halo=ground)
    return canvas.finish()


def contour_map(sheet: Sheet) -> Uint8:
    """Level lines of hills over flat tints."""
    height = field(sheet) * np.float32(sheet.between(3, 9))
    colours = np.array(sheet.palette(24), np.uint8)
    if sheet.chance(0.7):  # tints from one colour to another
        mix = np.linspace(0, 1, 24)[:, None]
        colours = (colours[0] * (1 - mix) + colours[1] * mix).astype(np.uint8)
    steps = np.floor(height)
    tinted = colours[(steps.astype(int) + 12) % 24] if sheet.chance(0.7) else np.full((*steps.shape, 3), 255, np.uint8)
    rows, columns = np.gradient(height)
    slope = np.maximum(np.hypot(rows, columns), np.float32(1e-3))
    away = np.abs(height - np.rint(height)) / slope  # the distance to the next level, in pixels
    width = np.float32(sheet.between(0.4, 1.5))
    sharpness = np.float32(1.0 if sheet.chance(0.6) else 1e3)
    return sheet.blend((width - away) * sharpness + np.float32(0.5), sheet.ink_and_paper()[0], tinted)


def line(canvas: Canvas, points: Points, ink: Colour, width: float) -> None:
    """A polyline, `width` pixels of the sheet wide."""
    wide = max(1, round(width * canvas.zoom))
    canvas.draw.line(
        (points * canvas.zoom).reshape(-1).tolist(), fill=ink, width=wide, joint="curve" if wide > 3 else None
    )


def ring(canvas: Canvas, centre: tuple[float, float] | Points, radius: float, ink: Colour, width: float) -> None:
    """A circle's outline."""
    box = _around(canvas, centre, radius, radius)
    canvas.draw.ellipse(box, outline=ink, width=max(1, round(width * canvas.zoom)))


def disc(canvas: Canvas, centre: tuple[float, float] | Points, radius: float, ink: Colour) -> None:
    """A filled circle."""
    canvas.draw.ellipse(_around(canvas, centre, radius, radius), fill=ink)


def rectangle(
    canvas: Canvas, box: tuple[float, float, float, float], fill: Colour | None, outline: Colour | None, width: float
) -> None:
    """x and y of two corners, upper left first."""
    corners = [round(value * canvas.zoom) for value in box]
    canvas.draw.rectangle(corners, fill=fill, outline=outline, width=max(1, round(width * canvas.zoom)))


def words(
    sheet: Sheet,
    canvas: Canvas,
    at: tuple[float, float],
    ink: Colour,
    size: int,
    *,
    count: int = 8,
    halo: Colour | None = None,
    font: str | None = None,
) -> None:
    """Some words on one line, `size` pixels high."""
    path = draw_font_file(sheet.rng) if font is None else font
    text = " ".join(draw_words(sheet.rng, count, path))
    canvas.draw.fontmode = "1" if canvas.zoom == 1 and size % 2 else "L"  # either way with hard-edged lines
    place = at[0] * canvas.zoom, at[1] * canvas.zoom
    around = 2 * canvas.zoom if halo is not None else 0
    letters = load_font(path, size * canvas.zoom)
    canvas.draw.text(place, text, fill=ink, font=letters, stroke_width=around, stroke_fill=halo)


def smooth_curve(sheet: Sheet, *, straight: bool = False) -> Points:
    """The four control points of a curve, [4, 2]."""
    points = np.array([sheet.point(0.3) for _ in range(4)])
    if straight:
        points[1:3] = points[0] + (points[3] - points[0]) * np.array([[1 / 3], [2 / 3]])
    return points


def bezier(control: Points) -> Points:
    """Points on the cubic curve, [24, 2]."""
    t = np.linspace(0, 1, 24)[:, None]
    return (
        (1 - t) ** 3 * control[0]
        + 3 * t * (1 - t) ** 2 * control[1]
        + 3 * t**2 * (1 - t) * control[2]
        + t**3 * control[3]
    )


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
            _around(canvas, head, 0.62 * gap, 0.45 * gap),
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


def _earth(sheet: Sheet, pale: bool) -> Colour:
    """The colours of maps."""
    low, high = (205, 250) if pale else (90, 220)
    return sheet.whole(low, high), sheet.whole(low, high), sheet.whole(low, high)


def _around(
    canvas: Canvas, centre: tuple[float, float] | npt.NDArray[np.float64], wide: float, high: float
) -> tuple[float, float, float, float]:
    x, y, zoom = float(centre[0]), float(centre[1]), canvas.zoom
    return (x - wide) * zoom, (y - high) * zoom, (x + wide) * zoom, (y + high) * zoom
