"""What of a picture a page holds: all of it, or an overview and the crops that tell the most, within so many bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.comparison.layers import BLOCK, Compared, Layer, Weights, change
from enhance.metadata.carry_over import orient

_BYTES_PER_PIXEL = 1.5  # of a lossless WebP of an enhanced photo, measured: 0.9 to 1.6
_CROPS = 6
_OVERVIEW = 1 << 20  # pixels
_SMALLEST, _LARGEST = 96, 640  # side of a crop
_OVERVIEW_QUALITY = 88

_RED, _VIOLET = (230, 60, 20), (140, 0, 220)


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture: rows and columns in pixels, and why it is shown."""

    rows: slice
    columns: slice
    reason: str


def make_views(compared: Compared, budget: int) -> list[dict[str, Any]]:
    """What a page shows of a file, as plain JSON values.

    Args:
        compared: the file.
        budget: bytes that all of its pictures may take, before base64.

    Returns:
        views, each with `title`, `width`, `height` in pixels, `scale` (pixels of the file for one of the view), and
        `layers` and `maps` as {name: data URL}. Where the whole picture fits, that is the only one.
    """
    height, width = compared.before.pixels.shape[:2]
    expected = height * width * len(compared.layers) * _BYTES_PER_PIXEL
    if expected <= budget:
        whole = Window(slice(0, height), slice(0, width), "whole picture")
        return [_view(compared, whole)]
    # An overview is lossy, and takes a tenth of what crops do.
    side = sqrt(0.85 * budget / (_CROPS * len(compared.layers) * _BYTES_PER_PIXEL))
    side = int(min(max(side, _SMALLEST), _LARGEST)) // BLOCK * BLOCK
    return [_overview(compared, budget), *(_view(compared, window) for window in choose_windows(compared, side))]


def choose_windows(compared: Compared, side: int) -> list[Window]:
    """The windows that tell the most: where the guard acted, where the result got worse, where it changed most.

    Args:
        compared: a file whose picture is larger than a window.
        side: of the windows in pixels, a multiple of 8.
    """
    changed = change(compared.before.pixels, compared.after.pixels)
    chosen: list[Window] = []
    for reason, worth in _worths(compared, changed):
        window = _best(worth, side, compared.before.pixels.shape[:2], chosen, reason)
        if window is not None and len(chosen) < _CROPS:
            chosen.append(window)
    return chosen


def _worths(compared: Compared, changed: Weights) -> Iterator[tuple[str, Weights]]:
    weights = compared.after.weights
    yield "changed most", changed
    if weights is not None and weights.min() < 0.99:
        yield "held back by the guard", (1 - weights) * (1 + changed)
    got_worse = compared.harms.get(compared.after.name)
    if got_worse is not None and got_worse.any():
        yield "got worse", got_worse
    yield "changed much", changed
    yield "changed least", changed.max() - changed + np.float32(1e-6)
    for _ in range(_CROPS):
        yield "changed much", changed


def _best(worth: Weights, side: int, shape: tuple[int, ...], taken: list[Window], reason: str) -> Window | None:
    """The window with the largest sum of worth among those that meet none that is taken; None if there is none."""
    rows, columns = (min(side, length) for length in shape[:2])
    high, wide = (ceil(length / BLOCK) for length in (rows, columns))
    sums = np.zeros((worth.shape[0] + 1, worth.shape[1] + 1))
    sums[1:, 1:] = worth.cumsum(0, dtype=np.float64).cumsum(1)
    totals = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    for window in taken:
        top, left = window.rows.start // BLOCK, window.columns.start // BLOCK
        totals[max(top - high + 1, 0) : top + high, max(left - wide + 1, 0) : left + wide] = -np.inf
    if not totals.size or totals.max() <= 0:
        return None
    row, column = np.unravel_index(int(totals.argmax()), totals.shape)
    top, left = min(int(row) * BLOCK, shape[0] - rows), min(int(column) * BLOCK, shape[1] - columns)
    return Window(slice(top, top + rows), slice(left, left + columns), reason)


def _view(compared: Compared, window: Window) -> dict[str, Any]:
    at = f"{window.reason}, at {window.columns.start}, {window.rows.start}"
    whole = (window.rows.stop, window.columns.stop) == compared.before.pixels.shape[:2] and not (
        window.rows.start or window.columns.start
    )
    turn = compared.metadata.orientation
    return _described(
        window.reason if whole else at,
        {layer.name: orient(layer.pixels[window.rows, window.columns], turn) for layer in compared.layers},
        _maps(compared, window),
        profile=compared.metadata.icc_profile,
        quality=None,
    )


def _overview(compared: Compared, budget: int) -> dict[str, Any]:
    height, width = compared.before.pixels.shape[:2]
    most = min(_OVERVIEW, budget / len(compared.layers))
    factor = ceil(sqrt(height * width / most))
    turn = compared.metadata.orientation
    pictures = {
        layer.name: orient(np.asarray(Image.fromarray(layer.pixels).reduce(factor)), turn) for layer in compared.layers
    }
    whole = Window(slice(0, height), slice(0, width), "")
    return _described(
        f"overview, 1:{factor}", pictures, _maps(compared, whole), scale=factor,
        profile=compared.metadata.icc_profile, quality=_OVERVIEW_QUALITY,
    )  # fmt: skip


def _described(
    title: str,
    pictures: dict[str, npt.NDArray[np.uint8]],
    maps: dict[str, str],
    *,
    scale: int = 1,
    profile: bytes | None,
    quality: int | None,
) -> dict[str, Any]:
    height, width = next(iter(pictures.values())).shape[:2]
    layers = {name: _webp(pixels, profile, quality) for name, pixels in pictures.items()}
    return {"title": title, "width": width, "height": height, "scale": scale, "layers": layers, "maps": maps}


def _maps(compared: Compared, window: Window) -> dict[str, str]:
    """Where the guard acted, by enhanced layer, and where it got worse: transparent pictures of 8x8 blocks."""
    found: dict[str, str] = {}
    for layer in compared.layers:
        if layer.weights is not None and layer.weights.min() < 0.99:
            found[f"guard {layer.name}"] = _tinted(1 - layer.weights, _RED, compared, window)
        got_worse = compared.harms.get(layer.name)
        if got_worse is not None and got_worse.any():
            found[f"worse {layer.name}"] = _tinted(_strength(got_worse), _VIOLET, compared, window)
    return found


def _strength(got_worse: Weights) -> Weights:
    """0 to 1: squared errors that are 50 larger, 7 code values, are seen."""
    return np.sqrt(np.minimum(got_worse / 50, 1)).astype(np.float32)


def _tinted(shares: Weights, colour: tuple[int, int, int], compared: Compared, window: Window) -> str:
    rows = slice(window.rows.start // BLOCK, ceil(window.rows.stop / BLOCK))
    columns = slice(window.columns.start // BLOCK, ceil(window.columns.stop / BLOCK))
    inside = shares[rows, columns]
    pixels = np.empty((*inside.shape, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.rint(np.clip(inside, 0, 1) * 200)
    buffer = io.BytesIO()
    Image.fromarray(orient(pixels, compared.metadata.orientation)).save(buffer, "PNG")
    return _data_url("png", buffer.getvalue())


def _webp(pixels: npt.NDArray[np.uint8], profile: bytes | None, quality: int | None) -> str:
    """A data URL; without loss if no quality is given."""
    options: dict[str, Any] = (
        {"lossless": True, "quality": 10, "method": 0} if quality is None else {"quality": quality}
    )
    if profile and pixels.ndim == 3:  # WebP has no gray pictures, and so no use for a gray profile
        options["icc_profile"] = profile
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "WEBP", **options)
    return _data_url("webp", buffer.getvalue())


def _data_url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


_TOLD = (
    "rate", "rate_overridden", "steps", "perception", "strength", "factor", "withheld", "consistent", "ensemble",
    "seed", "model", "dtype", "seconds", "notes",
)  # fmt: skip


def layer_facts(layer: Layer) -> dict[str, Any]:
    """What was done for a layer, as far as a page tells it."""
    return {} if layer.record is None else {name: getattr(layer.record, name) for name in _TOLD}
