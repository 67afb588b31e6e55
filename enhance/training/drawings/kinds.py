"""All kinds of drawings and how often each comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from enhance.training.chance import pick
from enhance.training.drawings import (
    charts,
    comics,
    lines,
    maps,
    motifs,
    patterns,
    screens,
    shapes,
    sprites,
    text,
    titles,
    windows,
)  # fmt: skip
from enhance.training.drawings.sheet import Sheet, Uint8

Kind = Callable[[Sheet], Uint8]

KINDS: Mapping[Kind, float] = {
    patterns.stripes: 7,
    patterns.crossed: 4,
    patterns.bent: 4,
    patterns.hatching: 3,
    patterns.checks: 3,
    patterns.ripples: 18,
    patterns.static: 14,
    motifs.cells: 4,
    motifs.tiles: 3,
    motifs.stars: 1,
    screens.halftone: 4,
    screens.colour_halftone: 3,
    screens.engraving: 3,
    screens.ordered_dither: 5,
    screens.error_diffusion: 5,
    screens.few_colours: 3,
    sprites.pixel_photo: 2,
    sprites.sprites: 3,
    text.page: 11,
    text.program: 4,
    text.ideographs: 3,
    titles.headline: 3,
    titles.caption: 5,
    lines.strokes: 4,
    lines.curves: 4,
    lines.music: 4,
    lines.circuit: 3,
    maps.map_of_roads: 3,
    maps.contour_map: 2,
    shapes.flat_shapes: 4,
    shapes.gradient: 2,
    shapes.icons: 3,
    comics.comic: 5,
    comics.screentone_comic: 4,
    charts.chart: 5,
    charts.heat_map: 2,
    windows.window: 6,
    windows.table: 3,
}
"""Relative shares."""

_COLLAGE, _WORN = 0.08, 0.08


def draw(rng: np.random.Generator, side: int, photo: Callable[[int], Uint8]) -> Uint8:
    """Draws a picture that is not a photo.

    Args:
        rng: source of all randomness; the same state gives the same picture.
        side: of the picture in pixels.
        photo: gives squares of photos, uint8 [side, side, 3] RGB, for the kinds that are made from one.

    Returns:
        uint8 [side, side, 3] RGB.

    Raises:
        UsageError: text is to be drawn and matplotlib, which brings the fonts, is not installed.
    """
    sheet = Sheet(rng, side, photo)
    picture = pick(rng, KINDS)(sheet)
    if sheet.chance(_COLLAGE):
        picture = _beside(sheet, picture, pick(rng, KINDS)(sheet) if sheet.chance(0.7) else photo(side))
    if sheet.chance(_WORN):
        picture = _worn(sheet, picture)
    return np.ascontiguousarray(picture)


def _beside(sheet: Sheet, first: Uint8, second: Uint8) -> Uint8:
    """Two pictures side by side, with or without a frame between."""
    both = first.copy()
    at, frame = sheet.whole(sheet.side // 5, 4 * sheet.side // 5), sheet.whole(0, 3) if sheet.chance(0.5) else 0
    both[:, at:] = second[:, at:]
    both[:, at : at + frame] = sheet.colour()
    return both.transpose(1, 0, 2) if sheet.chance(0.5) else both


def _worn(sheet: Sheet, picture: Uint8) -> Uint8:
    """What happens to drawings: resized (soft), scanned (soft, grainy paper), or with little contrast."""
    way = pick(sheet.rng, {"resized": 2, "scanned": 2, "faded": 1})
    if way == "faded":
        low, high = sheet.whole(0, 90), sheet.whole(140, 255)
        return (low + picture * np.float32((high - low) / 255) + np.float32(0.5)).astype(np.uint8)
    smaller = round(sheet.side * sheet.between(0.55, 0.95))
    image = Image.fromarray(picture).resize((smaller, smaller), Image.Resampling.BILINEAR)
    soft = np.asarray(image.resize((sheet.side, sheet.side), Image.Resampling.BICUBIC))
    if way == "resized":
        return soft
    grain = sheet.rng.standard_normal((sheet.side, sheet.side, 1), np.float32) * np.float32(sheet.between(0.5, 5))
    return np.clip(soft * np.float32(sheet.between(0.85, 1)) + grain + np.float32(0.5), 0, 255).astype(np.uint8)
