"""Coverage by text: smooth, hard-edged, or smoothed for the stripes of a screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from enhance.training.chance import pick
from enhance.training.drawings.sheet import Plane, Sheet

Place = Callable[[ImageDraw.ImageDraw, int], None]
"""Draws white text on black, everything `zoom` times as large."""

_STRIPES_OF_A_PIXEL = 3
# FreeType's default filter against colour fringes.
_FRINGE_FILTER = np.array([8, 77, 86, 77, 8], np.float32) / 256


def lettering(sheet: Sheet, place: Place, smoothing: str | None = None) -> Plane:
    """Coverage by text, [side, side], or [side, side, 3] where it is smoothed for the stripes of a screen.

    Args:
        place: draws the text.
        smoothing: "smooth", "aliased", "stripes", or "scaled" (printed large and reduced); default: one of these.
    """
    smoothing = smoothing or draw_smoothing(sheet)
    zoom = _STRIPES_OF_A_PIXEL if smoothing == "stripes" else 2 if smoothing == "scaled" else 1
    mask = Image.new("L", (sheet.side * zoom, sheet.side * zoom))
    draw = ImageDraw.Draw(mask)
    draw.fontmode = "1" if smoothing == "aliased" else "L"
    place(draw, zoom)
    if smoothing == "stripes":
        return _on_stripes(mask.reduce((1, zoom)))
    return np.asarray(mask.reduce(zoom) if zoom > 1 else mask, np.float32) / 255


def draw_smoothing(sheet: Sheet) -> str:
    return pick(sheet.rng, {"smooth": 5, "aliased": 2.5, "stripes": 1.5, "scaled": 1})


def _on_stripes(mask: Image.Image) -> Plane:
    """Coverage [side, 3 side] of thirds of pixels, to [side, side, 3]: each third belongs to one colour."""
    thirds = np.asarray(mask, np.float32) / 255
    wide = np.pad(thirds, ((0, 0), (2, 2)))
    filtered = sum(weight * wide[:, at : at + thirds.shape[1]] for at, weight in enumerate(_FRINGE_FILTER))
    return np.asarray(filtered).reshape(len(thirds), -1, 3)
