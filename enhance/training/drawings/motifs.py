"""Small things again and again: cells, tiles, stars."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.training.chance import pick
from enhance.training.drawings.patterns import edge_width
from enhance.training.drawings.sheet import Sheet, Uint8


def cells(sheet: Sheet) -> Uint8:
    """Squares that are filled at random: matrix codes, mazes, bar codes, noise at a coarser scale."""
    size = sheet.whole(1, 9)
    count = -(-sheet.side // size) + 1
    way = pick(sheet.rng, {"code": 3, "bars": 2, "colours": 1, "maze": 2, "sparse": 1})
    if way == "colours":
        palette = np.array(sheet.palette(sheet.whole(2, 8)), np.uint8)
        return _enlarged(sheet, palette[sheet.rng.integers(len(palette), size=(count, count))], size)
    if way == "bars":
        filled = np.repeat(sheet.rng.random((1, count)) < 0.5, count, axis=0)
    elif way == "maze":
        filled = _maze(sheet, count)
    else:
        filled = sheet.rng.random((count, count)) < (0.5 if way == "code" else sheet.between(0.02, 0.2))
    ink, paper = sheet.ink_and_paper()
    pixels = np.where((filled.T if sheet.chance(0.5) else filled)[..., None], ink, paper).astype(np.uint8)
    return _enlarged(sheet, pixels, size)


def tiles(sheet: Sheet) -> Uint8:
    """One small motif again and again: dots, circles, arcs (Truchet), tiles, wallpaper."""
    size = sheet.whole(6, 40)
    x, y = sheet.axes()
    left, top = x % size - np.float32((size - 1) / 2), y % size - np.float32((size - 1) / 2)
    radius = np.hypot(left, top)
    way = pick(sheet.rng, {"dots": 2, "circles": 2, "arcs": 2, "diamonds": 1, "tile": 2})
    if way == "tile":
        motif = (
            sheet.rng.integers(0, 256, (size, size, 3)).astype(np.uint8) if sheet.chance(0.3) else _blocky(sheet, size)
        )
        repeats = -(-sheet.side // size)
        return np.tile(motif, (repeats, repeats, 1))[: sheet.side, : sheet.side]
    softness = np.float32(edge_width(sheet))
    if way == "arcs":
        turned = sheet.rng.random((sheet.side // size + 1,) * 2) < 0.5
        flipped = np.where(turned[(y // size).astype(int), (x // size).astype(int)], -left, left)
        half = size / 2
        edge = np.minimum(*(np.abs(np.hypot(flipped + s, top + s) - half) for s in (half, -half)))
        return sheet.paint(
            (np.float32(size * sheet.between(0.06, 0.2)) - edge) / softness + 0.5, *sheet.ink_and_paper()
        )
    limit = np.float32(size * sheet.between(0.15, 0.48))
    if way == "diamonds":
        radius = np.abs(left) + np.abs(top)
    inside = (limit - radius) / softness + 0.5
    if way == "circles":
        inside = np.clip(inside, 0, 1) - np.clip(inside - sheet.between(1, 3) / softness, 0, 1)
    return sheet.paint(inside, *sheet.ink_and_paper())


def stars(sheet: Sheet) -> Uint8:
    """Small bright spots, sharp or soft, on a dark ground."""
    x, y = sheet.axes()
    light = np.zeros_like(x)
    for _ in range(sheet.whole(5, 40)):
        px, py = (int(value) for value in sheet.point(0))
        size, reach = sheet.logarithmic(0.3, 2.5), 8
        window = np.s_[max(py - reach, 0) : py + reach, max(px - reach, 0) : px + reach]
        square_radius = (x[window] - px) ** 2 + (y[window] - py) ** 2
        light[window] += np.exp(-square_radius / np.float32(2 * size * size)) * np.float32(sheet.between(0.3, 1.3))
    return sheet.paint(light, sheet.colour() if sheet.chance(0.3) else (255, 255, 255), (sheet.whole(0, 25),) * 3)


def _maze(sheet: Sheet, count: int) -> npt.NDArray[np.bool_]:
    """Walls one cell thick: every second cell of every second row, and one of its neighbours."""
    walls = np.zeros((count + 2, count + 2), bool)
    walls[::2, ::2] = True
    rows, columns = np.nonzero(walls[:-1, :-1])
    right = sheet.rng.random(len(rows)) < 0.5
    walls[rows + ~right, columns + right] = True
    return walls[:count, :count]


def _blocky(sheet: Sheet, size: int) -> Uint8:
    """A motif of few colours, symmetric as sprites and wallpapers are."""
    palette = np.array(sheet.palette(sheet.whole(2, 5)), np.uint8)
    half = sheet.rng.integers(len(palette), size=(size, -(-size // 2)))
    return palette[np.concatenate([half, half[:, ::-1]], axis=1)[:, :size]]


def _enlarged(sheet: Sheet, pixels: Uint8, size: int) -> Uint8:
    """Each pixel as a square of `size`, from a random place on."""
    height, width = pixels.shape[:2]
    large = np.asarray(Image.fromarray(pixels).resize((width * size, height * size), Image.Resampling.NEAREST))
    top, left = (sheet.whole(0, min(size - 1, length - sheet.side)) for length in large.shape[:2])
    return large[top : top + sheet.side, left : left + sheet.side]
