"""Regular patterns: stripes, grids, rings, hatching, checks."""

from __future__ import annotations

import numpy as np

from enhance.training.chance import pick
from enhance.training.drawings.sheet import Plane, Sheet, Uint8

TWO_PI = 2 * np.pi


def stripes(sheet: Sheet) -> Uint8:
    """Parallel stripes of any angle."""
    return sheet.paint(wave(sheet, sheet.across(sheet.angle())), *sheet.ink_and_paper())


def crossed(sheet: Sheet) -> Uint8:
    """Two sets of stripes on top of each other: grids, plaids, weaves, moiré."""
    first = sheet.angle()
    second = first + np.pi / 2 if sheet.chance(0.6) else first + sheet.between(0.03, 0.5)
    one, two = (wave(sheet, sheet.across(angle)) for angle in (first, second))
    ink, paper = sheet.ink_and_paper()
    way = pick(sheet.rng, {"xor": 2, "over": 2, "lines": 2, "three": 1})
    if way == "three":
        return sheet.blend(two * np.float32(sheet.between(0.4, 1)), paint_flat(sheet), sheet.paint(one, ink, paper))
    both = {"xor": one + two - 2 * one * two, "over": one * two, "lines": np.maximum(one, two)}[way]
    return sheet.paint(both, ink, paper)


def bent(sheet: Sheet) -> Uint8:
    """Waves, rings, zone plates and rays."""
    x, y = sheet.axes()
    centre_x, centre_y = sheet.point(0.5)
    radius = np.hypot(x - centre_x, y - centre_y)
    way = pick(sheet.rng, {"rings": 2, "zone plate": 1, "rays": 1, "waves": 2, "contours": 2})
    if way == "rings":
        place = radius
    elif way == "zone plate":
        place = radius * radius / np.float32(sheet.between(0.5, 3) * sheet.side)
    elif way == "rays":
        arms = sheet.whole(8, 60)
        place = np.arctan2(y - centre_y, x - centre_x) * np.float32(arms * 10 / TWO_PI)
        return sheet.paint(square(place, 10, sheet.between(0.3, 0.7), 0.7), *sheet.ink_and_paper())
    elif way == "waves":
        along = sheet.across(angle := sheet.angle())
        sideways = sheet.across(angle + np.pi / 2)
        place = along + np.sin(sideways * np.float32(TWO_PI / sheet.between(12, 90))) * np.float32(sheet.between(1, 10))
    else:
        place = field(sheet) * np.float32(sheet.between(15, 60))
    return sheet.paint(wave(sheet, place), *sheet.ink_and_paper())


def hatching(sheet: Sheet) -> Uint8:
    """Cells, each hatched in its own way."""
    count = sheet.whole(2, 7)
    x, y = sheet.axes()
    distances = np.stack([np.hypot(x - px, y - py) for px, py in (sheet.point() for _ in range(count))])
    cell = distances.argmin(axis=0)
    period, angle, softness = sheet.logarithmic(3, 16), sheet.angle(), edge_width(sheet)
    coverage = np.zeros_like(x)
    for index in range(count):
        lines = square(
            sheet.across(angle + index * sheet.between(0.3, 1.6)), period, sheet.between(0.08, 0.45), softness
        )
        if sheet.chance(0.3):
            lines = np.maximum(lines, square(sheet.across(angle + np.pi / 2), period, 0.2, softness))
        coverage = np.where(cell == index, lines, coverage)
    if sheet.chance(0.6):
        nearest = np.partition(distances, 1, axis=0)
        coverage = np.maximum(coverage, nearest[1] - nearest[0] < sheet.between(1, 4))
    return sheet.paint(coverage, *sheet.ink_and_paper())


def checks(sheet: Sheet) -> Uint8:
    """Checkerboards with squares of 1 to 32 pixels, upright or turned."""
    ink, paper = sheet.ink_and_paper()
    if sheet.chance(0.25):
        angle, period, softness = sheet.between(0, np.pi), sheet.logarithmic(4, 48), edge_width(sheet)
        one, two = (square(sheet.across(angle + turn), period, 0.5, softness) for turn in (0, np.pi / 2))
        return sheet.paint(one + two - 2 * one * two, ink, paper)
    x, y = sheet.axes()
    size = int(sheet.logarithmic(1, 33))
    return sheet.paint(((x + sheet.whole(0, 31)) // size + (y + sheet.whole(0, 31)) // size) % 2, ink, paper)


def ripples(sheet: Sheet) -> Uint8:
    """Sines of 2 to 10 pixels, one or a few on top of each other, at any contrast: test charts, moiré, scans."""
    total = np.zeros((sheet.side, sheet.side), np.float32)
    count = sheet.whole(1, 3)
    for _ in range(count):
        place = sheet.across(sheet.angle()) if sheet.chance(0.8) else np.hypot(*sheet.axes())
        total += np.sin((place + np.float32(sheet.between(0, 10))) * np.float32(TWO_PI / sheet.logarithmic(2, 10)))
    contrast = 1.0 if sheet.chance(0.4) else sheet.between(0.1, 1)
    return sheet.paint(0.5 + total * np.float32(0.5 * contrast / count), *sheet.ink_and_paper())


def static(sheet: Sheet) -> Uint8:
    """Noise in gray or colour, of any strength, in single pixels or softer, alone or over a photo."""
    channels = 1 if sheet.chance(0.5) else 3
    noise = sheet.rng.normal(size=(sheet.side, sheet.side, channels)).astype(np.float32)
    if sheet.chance(0.3):
        noise = (noise + np.roll(noise, 1, axis=0) + np.roll(noise, 1, axis=1)) / np.float32(np.sqrt(3))
    ground = sheet.photo(sheet.side) if sheet.chance(0.4) else paint_flat(sheet)
    noisy = ground + noise * np.float32(sheet.logarithmic(2, 90))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def wave(sheet: Sheet, place: Plane) -> Plane:
    """Stripes 2 to 48 units of `place` apart, coverage 0 to 1: square with hard or soft edges, or a sine."""
    period = sheet.logarithmic(2, 48)
    if sheet.chance(0.4):
        period = float(round(period)) if sheet.chance(0.8) else round(period * 2) / 2
    place = place + np.float32(sheet.between(0, period))
    if sheet.chance(0.2):
        return 0.5 + np.sin(place * np.float32(TWO_PI / period)) * np.float32(0.5 if sheet.chance(0.7) else 0.2)
    return square(place, period, 0.5 if sheet.chance(0.4) else sheet.between(0.15, 0.85), edge_width(sheet))


def square(place: Plane, period: float, share: float, softness: float) -> Plane:
    """A square wave: stripes of `share` · `period`, whose edges are `softness` wide; coverage 0 to 1."""
    from_middle = np.abs((place % np.float32(period)) - np.float32(period / 2))
    return np.clip((np.float32(share * period / 2) - from_middle) / np.float32(softness) + np.float32(0.5), 0, 1)


def field(sheet: Sheet) -> Plane:
    """Smooth hills, float32 [side, side], about -1 to 1."""
    total = np.zeros((sheet.side, sheet.side), np.float32)
    for _ in range(4):
        length = sheet.between(0.4, 1.6) * sheet.side
        total += np.sin(sheet.across(sheet.between(0, np.pi)) * np.float32(TWO_PI / length) + sheet.between(0, 6))
    return total / 3


def paint_flat(sheet: Sheet) -> Uint8:
    """A sheet of one colour."""
    return np.full((sheet.side, sheet.side, 3), sheet.colour(), np.uint8)


def edge_width(sheet: Sheet) -> float:
    """Width of edges in pixels: none (aliased), one (anti-aliased), or more (blurred)."""
    return pick(sheet.rng, {0.01: 5.0, 1.0: 4.0, sheet.between(1.5, 4): 1.0})
