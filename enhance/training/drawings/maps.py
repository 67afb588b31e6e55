"""Maps: roads, areas and labels; hills with level lines."""

from __future__ import annotations

import numpy as np

from enhance.training.drawings.patterns import field
from enhance.training.drawings.pen import bezier, line, smooth_curve, words
from enhance.training.drawings.sheet import WHITE, Colour, Sheet, Uint8


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


def _earth(sheet: Sheet, pale: bool) -> Colour:
    """The colours of maps."""
    low, high = (205, 250) if pale else (90, 220)
    return sheet.whole(low, high), sheet.whole(low, high), sheet.whole(low, high)
