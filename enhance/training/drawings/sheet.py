"""The sheet that a picture is drawn on: its size, its chances, its colours, and the photo it may be made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from enhance.training.chance import pick

Uint8 = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.floating[Any]]
Colour = tuple[int, int, int]
Thing = TypeVar("Thing")

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
_PURE = (BLACK, WHITE, (255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 0), (0, 255, 255), (255, 0, 255))
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_MIN_CONTRAST = 60


@dataclass
class Canvas:
    """A Pillow picture `zoom` times as large as the sheet, so that its edges become smooth when it is reduced."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    zoom: int

    def finish(self) -> Uint8:
        """The picture at the sheet's size, uint8 [side, side, 3]."""
        return np.asarray(self.image.reduce(self.zoom) if self.zoom > 1 else self.image)


@dataclass(frozen=True)
class Sheet:
    """What a kind of drawing is made from.

    Attributes:
        rng: source of all randomness.
        side: of the square picture, in pixels.
        photo: gives a square of a photo, uint8 [side, side, 3], for a given side.
    """

    rng: np.random.Generator
    side: int
    photo: Callable[[int], Uint8]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def logarithmic(self, low: float, high: float) -> float:
        """Small numbers as often as large ones: uniform in the logarithm."""
        return low * float((high / low) ** self.rng.random())

    def one_of(self, things: Sequence[Thing]) -> Thing:
        return things[int(self.rng.integers(len(things)))]

    def point(self, margin: float = 0.1) -> tuple[float, float]:
        """x and y on the sheet or up to `margin` of its side beyond."""
        low, high = -margin * self.side, (1 + margin) * self.side
        return self.between(low, high), self.between(low, high)

    def colour(self) -> Colour:
        """Any colour; pure ones, grays, pastels and dark ones more often than chance has it."""
        kind = pick(self.rng, {"any": 3, "pure": 2, "gray": 1.5, "pastel": 1.5, "dark": 1, "vivid": 2})
        if kind == "pure":
            return _PURE[int(self.rng.integers(len(_PURE)))]
        if kind == "gray":
            return (self.whole(0, 255),) * 3
        low, high = {"any": (0, 256), "pastel": (190, 256), "dark": (0, 70), "vivid": (0, 256)}[kind]
        red, green, blue = (int(value) for value in self.rng.integers(low, high, 3))
        if kind == "vivid":  # one channel full, one empty
            red, green, blue = (int(value) for value in self.rng.permutation([255 - red // 6, green // 6, blue]))
        return red, green, blue

    def ink_and_paper(self) -> tuple[Colour, Colour]:
        """Two colours that differ: most often black on white."""
        kind = pick(self.rng, {"black on white": 4, "white on black": 1, "ink": 1.5, "paper": 1, "both": 3})
        ink = BLACK if kind in ("black on white", "paper") else WHITE if kind == "white on black" else self.colour()
        paper = WHITE if kind in ("black on white", "ink") else BLACK if kind == "white on black" else self.colour()
        if abs(float(np.dot(_LUMA, np.subtract(ink, paper)))) < _MIN_CONTRAST:
            ink = BLACK if np.dot(_LUMA, paper) > 127 else WHITE
        return ink, paper

    def palette(self, count: int) -> list[Colour]:
        """Colours that occur together: of one tone, or all different."""
        if self.chance(0.2):
            return [(value, value, value) for value in self.rng.integers(0, 256, count).tolist()]
        return [self.colour() for _ in range(count)]

    def axes(self) -> tuple[Plane, Plane]:
        """x and y of every pixel, float32 [side, side]; do not write into them."""
        return _axes(self.side)

    def across(self, angle: float) -> Plane:
        """The distance of every pixel from a line through the middle, in pixels, for stripes at this angle."""
        x, y = self.axes()
        middle = self.side / 2
        return (x - middle) * np.float32(np.cos(angle)) + (y - middle) * np.float32(np.sin(angle))

    def angle(self) -> float:
        """Of stripes: along the axes, along the diagonals, or any."""
        if self.chance(0.45):
            return float(self.rng.integers(2)) * np.pi / 2
        return float(self.rng.integers(4)) * np.pi / 4 if self.chance(0.2) else self.between(0, np.pi)

    def tones(self) -> Plane:
        """A picture to be screened, float32 [side, side], 0 black to 1 white: a photo's luma, or a gradient."""
        if self.chance(0.7):
            luma = self.photo(self.side) @ (_LUMA / 255)
            low, high = np.quantile(luma[::4, ::4], [0.02, 0.98])
            stretched: Plane = (luma - low) / max(float(high - low), 0.1) if self.chance(0.5) else luma
            return stretched
        slope = self.across(self.between(0, np.pi)) / self.side
        return 0.5 + slope * np.float32(self.between(-1.2, 1.2))

    def paint(self, coverage: Plane, ink: Colour, paper: Colour) -> Uint8:
        """Ink on paper.

        Args:
            coverage: [side, side], or [side, side, 3] for every channel apart; 0 is paper, 1 is ink.
        """
        return self.blend(coverage, ink, paper)

    def blend(self, coverage: Plane, above: Colour | Uint8, below: Colour | Uint8) -> Uint8:
        """One picture or colour over another; coverage as for `paint`, 1 is above."""
        mask = np.clip(coverage, 0, 1)
        mask = mask if mask.ndim == 3 else mask[..., None]
        under, over = (np.asarray(colour, np.float32) for colour in (below, above))
        return (under + (over - under) * mask + np.float32(0.5)).astype(np.uint8)

    def canvas(self, paper: Colour | Uint8, zoom: int | None = None) -> Canvas:
        """Something to draw on with Pillow; hard edges as often as smooth ones where no `zoom` is given."""
        zoom = zoom or pick(self.rng, {1: 0.45, 3: 0.3, 4: 0.25})
        side = self.side * zoom
        if isinstance(paper, tuple):
            image = Image.new("RGB", (side, side), paper)
        else:
            image = Image.fromarray(paper)
            image = image.resize((side, side), Image.Resampling.NEAREST) if zoom > 1 else image
        return Canvas(image, ImageDraw.Draw(image), zoom)


@lru_cache(maxsize=64)
def _axes(side: int) -> tuple[Plane, Plane]:
    y, x = np.mgrid[:side, :side].astype(np.float32)
    return x, y
