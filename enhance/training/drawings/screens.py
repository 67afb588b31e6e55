"""Photos and gradients as printers and old screens show them: halftones, dither, engraving, few colours."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.training.chance import pick
from enhance.training.drawings.patterns import TWO_PI
from enhance.training.drawings.sheet import Plane, Sheet, Uint8

Number = TypeVar("Number", bound=np.generic)

_CLUSTERED: Plane = np.array([[12, 5, 6, 13], [4, 0, 1, 7], [11, 3, 2, 8], [15, 10, 9, 14]], np.float32)


def halftone(sheet: Sheet) -> Uint8:
    """Dots of one ink, larger where the picture is darker."""
    dots = screen(sheet, 1 - sheet.tones(), sheet.between(0, np.pi / 2), sheet.logarithmic(3, 12))
    return sheet.paint(dots, *sheet.ink_and_paper())


def colour_halftone(sheet: Sheet) -> Uint8:
    """Cyan, magenta, yellow and often black dots, each at an angle of its own, as in print."""
    light = sheet.photo(sheet.side).astype(np.float32) / 255
    period = sheet.logarithmic(3, 9)
    ink = 1 - light
    black = ink.min(axis=2) * np.float32(sheet.chance(0.7))
    angles = np.radians([15, 75, 0, 45]) if sheet.chance(0.7) else sheet.rng.uniform(0, np.pi, 4)
    paper = np.ones_like(light)
    for channel in range(3):
        paper[..., channel] -= screen(sheet, ink[..., channel] - black, float(angles[channel]), period)
    paper *= 1 - screen(sheet, black, float(angles[3]), period)[..., None]
    return np.rint(np.clip(paper, 0, 1) * 255).astype(np.uint8)


def engraving(sheet: Sheet) -> Uint8:
    """Lines that are wider where the picture is darker."""
    period, angle = sheet.logarithmic(3, 10), sheet.angle()
    place = sheet.across(angle)
    if sheet.chance(0.4):
        place = place + np.sin(sheet.across(angle + np.pi / 2) * np.float32(TWO_PI / sheet.between(20, 80))) * 4
    dark = np.clip(1 - sheet.tones(), 0.05, 0.95)
    return sheet.paint(_lines(place, period, dark), *sheet.ink_and_paper())


def ordered_dither(sheet: Sheet) -> Uint8:
    """Thresholds of a repeated small matrix, in black and white or in a few levels of each colour."""
    matrix = pick(sheet.rng, {2: 1, 4: 3, 8: 3, 0: 1})
    threshold: Plane = _CLUSTERED / 16 + np.float32(1 / 32) if matrix == 0 else _bayer(matrix)
    size = pick(sheet.rng, {1: 5, 2: 2, 3: 1})
    side = -(-sheet.side // size)
    pattern = np.tile(threshold, (side // len(threshold) + 1,) * 2)[:side, :side]
    if sheet.chance(0.5):
        coverage = (1 - sheet.tones()[::size, ::size] > pattern).astype(np.float32)
        return sheet.paint(grown(coverage, size, sheet.side), *sheet.ink_and_paper())
    levels = sheet.whole(1, 5)
    light = sheet.photo(sheet.side).astype(np.float32)[::size, ::size] / 255
    steps = np.clip(np.floor(light * levels + pattern[..., None]), 0, levels)
    return grown(np.rint(steps * (255 / levels)).astype(np.uint8), size, sheet.side)


def error_diffusion(sheet: Sheet) -> Uint8:
    """Floyd-Steinberg: in two inks, or in a palette as GIF files have."""
    size = pick(sheet.rng, {1: 5, 2: 2})
    if sheet.chance(0.6):
        tones = np.clip(sheet.tones()[::size, ::size] * 255, 0, 255).astype(np.uint8)
        coverage = 1 - np.asarray(Image.fromarray(tones).convert("1"), np.float32)
        return sheet.paint(grown(coverage, size, sheet.side), *sheet.ink_and_paper())
    image = Image.fromarray(np.ascontiguousarray(sheet.photo(sheet.side)[::size, ::size]))
    if sheet.chance(0.3):
        few = image.convert("P")  # the colours of the web
    else:
        few = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=int(sheet.logarithmic(4, 128)))
    return grown(np.asarray(few.convert("RGB")), size, sheet.side)


def few_colours(sheet: Sheet) -> Uint8:
    """A photo in few flat colours, or in two."""
    photo = sheet.photo(sheet.side)
    if sheet.chance(0.3):
        edge = sheet.between(0.3, 0.7)
        return sheet.paint(
            (edge - sheet.tones()) * pick(sheet.rng, {1e4: 1.0, 12.0: 1.0}) + 0.5, *sheet.ink_and_paper()
        )
    if sheet.chance(0.5):
        levels = sheet.whole(1, 6)
        return np.rint(np.rint(photo * np.float32(levels / 255)) * (255 / levels)).astype(np.uint8)
    image = Image.fromarray(photo).quantize(int(sheet.logarithmic(3, 48)), dither=Image.Dither.NONE)
    return np.asarray(image.convert("RGB"))


def screen(sheet: Sheet, dark: Plane, angle: float, period: float) -> Plane:
    """Coverage 0 to 1 by dots `period` apart, for darkness 0 to 1; round dots, lines or ellipses."""
    frequency = np.float32(TWO_PI / period)
    along, across = sheet.across(angle) * frequency, sheet.across(angle + np.pi / 2) * frequency
    height = (np.cos(along) + np.cos(across)) / 4 + np.float32(0.5)
    # The share of the plane that lies above a height of this surface is about linear between .1 and .9.
    sharpness = np.float32(period * sheet.between(0.5, 1)) if sheet.chance(0.6) else np.float32(1e4)
    return np.clip((height - (1 - dark)) * sharpness + np.float32(0.5), 0, 1)


def _lines(place: Plane, period: float, dark: Plane) -> Plane:
    from_middle = np.abs((place % np.float32(period)) - np.float32(period / 2))
    return np.clip(dark * np.float32(period / 2) - from_middle + np.float32(0.5), 0, 1)


@lru_cache(maxsize=8)
def _bayer(side: int) -> Plane:
    """Bayer's matrix of 2, 4 or 8, thresholds between 0 and 1."""
    ranks = np.zeros((1, 1), np.float32)
    while len(ranks) < side:
        ranks = np.block([[4 * ranks, 4 * ranks + 2], [4 * ranks + 3, 4 * ranks + 1]])
    return ((ranks + 0.5) / ranks.size).astype(np.float32)


def grown(pixels: npt.NDArray[Number], size: int, side: int) -> npt.NDArray[Number]:
    """Each pixel as a square of `size`; cut to `side`."""
    return pixels.repeat(size, axis=0).repeat(size, axis=1)[:side, :side] if size > 1 else pixels
