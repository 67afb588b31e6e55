"""Shows a network a picture's blocks where it expects them, and brings its answer back to the picture.

A network learned from pictures that begin with a block. One that was cropped after coding is padded on top and on the
left; one that was scaled is brought back to the scale at which its blocks have 8x8 samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from PIL import Image

from enhance.codecs.coding import Axis, Coding
from enhance.frames.depth import Values, code_values
from enhance.images import DecodedImage, Pixels
from enhance.inference.reconstruction import Change

Rows = Callable[[slice, int], Values]
"""Rows of the network's answer and their width -> [h, width, 3], or [h, width] of gray pictures."""

_NEARLY_ZERO = 1e-3
MOST_SCALED_PIXELS = 1 << 25
"""Pictures that are larger than this at the first scale are left at their own: the answer would not fit into memory."""


@dataclass(frozen=True)
class Aligned:
    """A picture as a network is to see it.

    Attributes:
        pixels: what the network sees, [H', W', 3] or [H', W'].
        back: makes of its answer to that what is to be added to the picture.
    """

    pixels: Pixels
    back: Callable[[Rows], Change]


def align(decoded: DecodedImage, coding: Coding | None) -> Aligned:
    """The picture with the blocks of a coding where the network expects them; as it is without one."""
    if coding is not None and coding.axes is not None:
        return _scaled(decoded.pixels, *coding.axes)
    top, left = coding.grid if coding is not None else (0, 0)
    return _padded(decoded.pixels, top, left)


def can_align(decoded: DecodedImage, coding: Coding) -> bool:
    """Whether the picture at the scale of its coding is not too large."""
    return decoded.height * decoded.width / coding.scale**2 <= MOST_SCALED_PIXELS


def _padded(pixels: Pixels, top: int, left: int) -> Aligned:
    width = pixels.shape[1]

    def back(answer: Rows) -> Change:
        return lambda rows: answer(slice(rows.start + top, rows.stop + top), left + width)[:, left:]

    if not top and not left:
        return Aligned(pixels, back)
    edges = [(top, 0), (left, 0), (0, 0)][: pixels.ndim]
    return Aligned(np.pad(pixels, edges, mode="edge"), back)


@dataclass(frozen=True)
class _Span:
    """The whole blocks that cover one axis of a picture.

    Attributes:
        length: of the picture.
        first: where the first block begins, 0 or less.
        period: of the blocks.
    """

    length: int
    first: float
    period: float

    @classmethod
    def of(cls, axis: Axis, length: int) -> _Span:
        start = axis.start % axis.period
        inside = _NEARLY_ZERO < start < axis.period - _NEARLY_ZERO
        return cls(length, start - axis.period if inside else 0.0, axis.period)

    @property
    def blocks(self) -> int:
        return ceil((self.length - self.first) / self.period - _NEARLY_ZERO)

    @property
    def before(self) -> int:
        """Samples to add at the beginning."""
        return -floor(self.first)

    @property
    def after(self) -> int:
        """Samples to add at the end."""
        return max(0, ceil(self.first + self.blocks * self.period - self.length - _NEARLY_ZERO))

    @property
    def source(self) -> tuple[float, float]:
        """Where the blocks begin and end in the picture with what was added."""
        begin = self.first + self.before
        return begin, min(begin + self.blocks * self.period, float(self.before + self.length + self.after))

    @property
    def target(self) -> tuple[float, float]:
        """Where the picture begins and ends among the samples of the blocks."""
        begin = -self.first * 8 / self.period
        return begin, min(begin + self.length * 8 / self.period, float(8 * self.blocks))


def _scaled(pixels: Pixels, rows: Axis, columns: Axis) -> Aligned:
    down, right = _Span.of(rows, pixels.shape[0]), _Span.of(columns, pixels.shape[1])
    edges = [(down.before, down.after), (right.before, right.after), (0, 0)][: pixels.ndim]
    padded = np.pad(code_values(pixels), edges, mode="edge") / np.float32(255)
    seen = _resize(padded, down.source, right.source, (8 * down.blocks, 8 * right.blocks))

    def back(answer: Rows) -> Change:
        whole = answer(slice(0, seen.shape[0]), seen.shape[1])
        change = _resize(whole, down.target, right.target, (pixels.shape[0], pixels.shape[1]))
        return lambda rows: change[rows]

    return Aligned(np.clip(seen, 0, 1), back)


def _resize(values: Values, rows: tuple[float, float], columns: tuple[float, float], size: tuple[int, int]) -> Values:
    """A part of [H, W] or [H, W, C], given in samples from its corner, in another size."""
    planes = values[..., None] if values.ndim == 2 else values
    box, out = (columns[0], rows[0], columns[1], rows[1]), (size[1], size[0])
    resized = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(out, Image.Resampling.LANCZOS, box=box))
        for plane in np.moveaxis(planes, -1, 0)
    ]
    return resized[0] if values.ndim == 2 else np.stack(resized, axis=-1)
