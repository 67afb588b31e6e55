"""What is drawn with: lines, circles, boxes, curves and words on a canvas, all measured in pixels of the sheet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.training.drawings.fonts import draw_font_file, draw_words, load_font
from enhance.training.drawings.sheet import Canvas, Colour, Sheet

Points = npt.NDArray[np.float64]
"""[N, 2]: x, y in pixels of the sheet."""


def line(canvas: Canvas, points: Points, ink: Colour, width: float) -> None:
    """A polyline, `width` pixels of the sheet wide."""
    wide = max(1, round(width * canvas.zoom))
    canvas.draw.line(
        (points * canvas.zoom).reshape(-1).tolist(), fill=ink, width=wide, joint="curve" if wide > 3 else None
    )


def ring(canvas: Canvas, centre: tuple[float, float] | Points, radius: float, ink: Colour, width: float) -> None:
    """A circle's outline."""
    box = around(canvas, centre, radius, radius)
    canvas.draw.ellipse(box, outline=ink, width=max(1, round(width * canvas.zoom)))


def disc(canvas: Canvas, centre: tuple[float, float] | Points, radius: float, ink: Colour) -> None:
    """A filled circle."""
    canvas.draw.ellipse(around(canvas, centre, radius, radius), fill=ink)


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


def around(
    canvas: Canvas, centre: tuple[float, float] | npt.NDArray[np.float64], wide: float, high: float
) -> tuple[float, float, float, float]:
    """The box of an ellipse with these half axes, in pixels of the canvas."""
    x, y, zoom = float(centre[0]), float(centre[1]), canvas.zoom
    return (x - wide) * zoom, (y - high) * zoom, (x + wide) * zoom, (y + high) * zoom
