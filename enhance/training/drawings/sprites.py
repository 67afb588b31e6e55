"""Pixel art: every pixel of a small picture is a square of the sheet."""

from __future__ import annotations

import numpy as np
from PIL import Image

from enhance.training.drawings.screens import grown
from enhance.training.drawings.sheet import BLACK, Sheet, Uint8


def sprites(sheet: Sheet) -> Uint8:
    """Pixel art: small figures and tiles in few flat colours, every pixel a square."""
    size = sheet.whole(1, 8)
    side = -(-sheet.side // size)
    world = np.full((side, side, 3), sheet.colour(), np.uint8)
    if sheet.chance(0.5):
        ground = np.array(sheet.palette(3), np.uint8)[sheet.rng.choice(3, size=(8, 8), p=[0.7, 0.2, 0.1])]
        world = np.tile(ground, (side // 8 + 1, side // 8 + 1, 1))[:side, :side]
    for _ in range(sheet.whole(1, 2 + side // 8)):
        _put_figure(sheet, world)
    return world.repeat(size, axis=0).repeat(size, axis=1)[: sheet.side, : sheet.side]


def _put_figure(sheet: Sheet, world: Uint8) -> None:
    """A symmetric figure of flat parts within a dark outline."""
    size = sheet.whole(7, 20)
    half = -(-size // 2)
    y, x = np.mgrid[:size, :half]
    coarse = sheet.rng.integers(1, 4, size=(5, 4))
    colour = coarse[y * 5 // size, x * 4 // half]
    edge = np.hypot((y - size / 2 + 0.5) / size, (half - x - 0.5) / size) + sheet.rng.uniform(0, 0.12, size)[:, None]
    colour[edge > 0.4] = 4
    colour[edge > 0.5] = -1
    colour[sheet.rng.random(colour.shape) < 0.03] = 0
    figure = np.concatenate([colour, colour[:, ::-1]], axis=1)[:, :size]
    top, left = (sheet.whole(-size // 2, len(world) - size // 2) for _ in range(2))
    top, left = max(top, 0), max(left, 0)
    window = world[top : top + size, left : left + size]
    figure = figure[: window.shape[0], : window.shape[1]]
    colours = np.array([*sheet.palette(4), BLACK], np.uint8)
    window[figure >= 0] = colours[figure[figure >= 0]]


def pixel_photo(sheet: Sheet) -> Uint8:
    """A photo at a fraction of its size, enlarged without smoothing, often in few colours."""
    size = sheet.whole(2, 8)
    side = -(-sheet.side // size)
    image = Image.fromarray(sheet.photo(sheet.side)).resize((side, side), Image.Resampling.BOX)
    if sheet.chance(0.7):
        image = image.quantize(int(sheet.logarithmic(4, 48)), dither=Image.Dither.NONE).convert("RGB")
    return grown(np.asarray(image), size, sheet.side)
