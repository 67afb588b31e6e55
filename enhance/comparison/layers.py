"""The pictures of one file that a page lays over each other, and what is known of where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from enhance.evaluation.metrics.distortion import psnr
from enhance.images import EnhancementRecord, Metadata

Uint8 = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.float32]

BLOCK = 8
DECODED, ORIGINAL = "decoded", "original"


@dataclass(frozen=True)
class Layer:
    """One picture of a file: as decoded, as enhanced in one way, or the original.

    Attributes:
        name: as it is chosen on the page; unique in a file.
        pixels: uint8 [H, W, 3] or [H, W], stored as the file stores them.
        record: what was done; None for the decoded picture and the original.
        weights: float32 [ceil(H / 8), ceil(W / 8)], how far the correction was believed; None where that is not known.
    """

    name: str
    pixels: Uint8
    record: EnhancementRecord | None = None
    weights: Weights | None = None


@dataclass(frozen=True)
class Compared:
    """A file as a page shows it.

    Attributes:
        name: of the file.
        layers: the decoded picture first, the enhanced ones, the original last if there is one; of one shape.
        facts: what the file is, by name.
        metadata: of the file: its orientation and its colour profile.
    """

    name: str
    layers: tuple[Layer, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def before(self) -> Layer:
        return self.layers[0]

    @property
    def after(self) -> Layer:
        """The picture that the user asked for."""
        return self.layers[1]

    @property
    def original(self) -> Layer | None:
        return self.layers[-1] if self.layers[-1].name == ORIGINAL else None

    @cached_property
    def harms(self) -> dict[str, Weights]:
        """Where each enhanced picture is farther from the original than the decoded one, see `harm`."""
        if self.original is None:
            return {}
        enhanced = [layer for layer in self.layers if layer.record is not None]
        return {layer.name: harm(self.original.pixels, self.before.pixels, layer.pixels) for layer in enhanced}

    @cached_property
    def decibels(self) -> dict[str, float]:
        """PSNR over RGB of every layer but the original, which is needed for it."""
        if self.original is None:
            return {}
        return {layer.name: psnr(self.original.pixels, layer.pixels) for layer in self.layers[:-1]}


def change(one: Uint8, other: Uint8) -> Weights:
    """How far two pictures are apart in each block of 8x8 pixels: mean absolute difference, to whole code values.

    Returns:
        float32 [ceil(H / 8), ceil(W / 8)], the largest of the channels.
    """
    apart = np.asarray(ImageChops.difference(Image.fromarray(one), Image.fromarray(other)).reduce(BLOCK), np.float32)
    return apart if apart.ndim == 2 else apart.max(axis=2)


def harm(original: Uint8, before: Uint8, after: Uint8) -> Weights:
    """How much farther from the original a block became: mean squared error after minus before, 0 where it is not.

    Returns:
        float32 [ceil(H / 8), ceil(W / 8)].
    """
    return np.maximum(_squared_errors(original, after) - _squared_errors(original, before), 0)


def _squared_errors(one: Uint8, other: Uint8) -> Weights:
    height, width = one.shape[:2]
    rows, columns = np.arange(0, height, BLOCK), np.arange(0, width, BLOCK)
    difference = one.astype(np.int32) - other
    squares = np.square(difference, out=difference).reshape(height, width, -1).sum(axis=2, dtype=np.float32)
    sums = np.add.reduceat(np.add.reduceat(squares, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width])) * (one.size // (height * width))
    return (sums / sizes).astype(np.float32)
