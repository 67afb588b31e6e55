"""Where the crops of a training run come from: photos, graphics from files, and drawings made by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.training.chance import pick
from enhance.training.degradation import Uint8
from enhance.training.drawings import draw
from enhance.training.photo_variants import vary

Array = npt.NDArray[Any]
Kind = Literal["photo", "graphic", "drawing"]
Rng = np.random.Generator

_TRIES, _BLANK = 4, 3.0
"""Squares of graphics with a standard deviation below this are given up for others, so many times."""
_NEUTRAL_TINTED = 0.15


@dataclass(frozen=True)
class Shares:
    """How often each kind of picture comes; photos fill up to 1.

    Attributes:
        graphics: squares of graphics from files, where there are such.
        drawings: pictures that are drawn by chance.
        neutral: squares of any kind without colour (R = G = B, still coded as they come), or nearly so.
        varied: photos with the noise, grain, darkness or sharpness of other cameras and programs.
    """

    graphics: float = 0.05
    drawings: float = 0.08
    neutral: float = 0.04
    varied: float = 0.08


@dataclass(frozen=True)
class Source:
    """An endless stock of squares.

    Attributes:
        photos: uint8 [H, W, 3] RGB each; drawn by their area, turned and mirrored.
        graphics: likewise, but each as often as any other, however large it is.
        shares: of the kinds.
    """

    photos: Sequence[Uint8]
    graphics: Sequence[Uint8] = ()
    shares: Shares = Shares()

    @cached_property
    def _areas(self) -> npt.NDArray[np.int64]:
        """Pixels of the photos up to each: a search in it is much faster than `rng.choice(p=)` among many."""
        return np.cumsum([image.shape[0] * image.shape[1] for image in self.photos])

    def pick(self, rng: Rng) -> Kind:
        """The kind of the next square."""
        graphics = self.shares.graphics if self.graphics else 0.0
        shares: dict[Kind, float] = {
            "photo": 1 - graphics - self.shares.drawings,
            "graphic": graphics,
            "drawing": self.shares.drawings,
        }
        return pick(rng, shares)

    def pick_graphic(self, rng: Rng) -> Kind:
        """A kind that is no photo."""
        shares: dict[Kind, float] = {"graphic": self.shares.graphics if self.graphics else 0.0}
        return pick(rng, {**shares, "drawing": self.shares.drawings})

    def square(self, rng: Rng, kind: Kind, side: int) -> Uint8:
        """A square of the kind, uint8 [side, side, 3]; smaller where the picture is."""
        if kind == "photo":
            picture = self.photo(rng, side)
            if rng.random() < self.shares.varied:
                picture = vary(picture, rng)
        elif kind == "graphic":
            picture = self._graphic(rng, side)
        else:
            picture = draw(rng, side, partial(self._whole_photo, rng))
        return _neutral(picture, rng) if rng.random() < self.shares.neutral else picture

    def photo(self, rng: Rng, side: int) -> Uint8:
        """A square of a photo as it is, in one of the eight orientations."""
        index = int(np.searchsorted(self._areas, rng.integers(self._areas[-1]), side="right"))
        return random_orientation(rng)(_square(self.photos[index], rng, side))

    def _whole_photo(self, rng: Rng, side: int) -> Uint8:
        """A square of a photo for a drawing, enlarged where the photo is smaller."""
        square = self.photo(rng, side)
        if square.shape[0] < side:
            square = np.asarray(Image.fromarray(square).resize((side, side), Image.Resampling.BICUBIC))
        return square

    def _graphic(self, rng: Rng, side: int) -> Uint8:
        """A square of a graphic that is not blank, half of them as they are: text is rarely upside down."""
        graphic = self.graphics[int(rng.integers(len(self.graphics)))]
        for _ in range(_TRIES):
            square = _square(graphic, rng, side)
            if square[::2, ::2].std() > _BLANK:
                break
        return random_orientation(rng)(square) if rng.random() < 0.5 else np.ascontiguousarray(square)


def random_orientation(rng: Rng) -> Callable[[Array], Array]:
    """One of the eight orientations, as a function for all pictures [H, W, 3] of a pair."""
    quarters, mirrored = int(rng.integers(4)), rng.random() < 0.5

    def turn(picture: Array) -> Array:
        turned = np.rot90(picture, quarters)
        return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)

    return turn


def _square(image: Uint8, rng: Rng, side: int) -> Uint8:
    side = min(side, *image.shape[:2])
    top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def _neutral(picture: Uint8, rng: Rng) -> Uint8:
    """The picture without its colours; sometimes in one tint (sepia, old prints)."""
    gray = np.asarray(Image.fromarray(picture).convert("L"))
    if rng.random() >= _NEUTRAL_TINTED:
        return np.repeat(gray[..., None], 3, axis=2)
    tint = np.sort(rng.uniform(0.6, 1.4, 3).astype(np.float32))  # the darks take it on, black and white do not
    values = np.linspace(0, 1, 256, dtype=np.float32)[:, None] ** tint
    return np.rint(values * 255).astype(np.uint8)[gray]
