"""Moving pictures made of photos: what a video encoder meets, drawn by chance, with every frame known without damage.

A scene is a window that moves over a photo (it pans, zooms, rotates, sways, or stands still), with other photos cut out
and moving in front of it. A clip is a scene, or two with a cut or a fade between them, with or without motion blur and
grain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from enhance.training.degradation import Uint8

Float = npt.NDArray[np.float32]

_STILL_SHARE = 0.35
"""Of the scenes whose background does not move: a camera on a stand."""
_BLURRED_SHARE = 0.3
_GRAINY_SHARE = 0.25
_CUT_SHARE, _FADE_SHARE = 0.1, 0.1
_LAYERS = (0.3, 0.45, 0.25)
"""Shares of the scenes with none, one and two objects in front."""
_FASTEST = 6.0
"""Pixels of a photo in a frame."""
_SHUTTER = np.array([-0.25, 0.0, 0.25])
"""Where in time, in frames, a blurred frame is looked at: a shutter that is open half of the time."""


@dataclass(frozen=True)
class Motion:
    """Where a window of the output's size lies on a photo, as a function of the frame's number.

    Attributes:
        centre: column and row of the window's middle at frame 0, in pixels of the photo.
        velocity: of the middle, in pixels a frame.
        sway, sway_frames: amplitude of a swing to and fro in pixels, and its period.
        zoom: factor on the window's size from frame to frame.
        angle, turn: at frame 0, and from frame to frame, in radians.
        size: pixels of the photo in a pixel of the window at frame 0.
    """

    centre: tuple[float, float]
    velocity: tuple[float, float] = (0.0, 0.0)
    sway: tuple[float, float] = (0.0, 0.0)
    sway_frames: float = 20.0
    zoom: float = 1.0
    angle: float = 0.0
    turn: float = 0.0
    size: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator, photo: tuple[int, ...], *, still: bool) -> Motion:
        """A motion that begins on the photo [H, W, ...]."""
        centre = tuple(float(rng.uniform(0.3, 0.7) * length) for length in (photo[1], photo[0]))
        size = float(rng.uniform(0.8, 1.2))
        if still:
            return cls(centre, size=size)  # type: ignore[arg-type]
        speed, way = min(float(rng.exponential(2.0)), _FASTEST), float(rng.uniform(0, 2 * math.pi))
        zooms, turns, sways = rng.random(3) < (0.4, 0.3, 0.4)
        return cls(
            centre,  # type: ignore[arg-type]
            velocity=(speed * math.cos(way), speed * math.sin(way)),
            sway=tuple(rng.normal(0, 1.5, 2)) if sways else (0.0, 0.0),
            sway_frames=float(rng.uniform(8, 40)),
            zoom=float(np.exp(rng.normal(0, 0.006))) if zooms else 1.0,
            angle=float(rng.normal(0, 0.1)) if turns else 0.0,
            turn=float(rng.normal(0, 0.008)) if turns else 0.0,
            size=size,
        )

    def affine(self, time: float, width: int, height: int) -> tuple[float, ...]:
        """The six numbers by which `Image.transform` finds the window's pixels on the photo."""
        size, angle = self.size * self.zoom**time, self.angle + self.turn * time
        swing = math.sin(2 * math.pi * time / self.sway_frames)
        x, y = (
            start + speed * time + sway * swing for start, speed, sway in zip(self.centre, self.velocity, self.sway)
        )
        cos, sin = size * math.cos(angle), size * math.sin(angle)
        left, top = x - cos * width / 2 + sin * height / 2, y - sin * width / 2 - cos * height / 2
        return cos, -sin, left, sin, cos, top


@dataclass(frozen=True)
class Layer:
    """A photo that moves, and the part of it that is seen.

    Attributes:
        photo: RGB.
        motion: of the window over it.
        mask: of the photo's size, white where the layer is seen; None for all of it.
    """

    photo: Image.Image
    motion: Motion
    mask: Image.Image | None = None

    def over(self, behind: Image.Image | None, time: float) -> Image.Image:
        """The layer in front of what is behind it, a picture of the window's size."""
        assert behind is not None
        affine = self.motion.affine(time, *behind.size)
        seen = self.photo.transform(behind.size, Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
        if self.mask is None:
            return seen
        mask = self.mask.transform(behind.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
        return Image.composite(seen, behind, mask)


@dataclass(frozen=True)
class Scene:
    """Layers from back to front, and whether moving parts are blurred."""

    layers: tuple[Layer, ...]
    is_blurred: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, photos: Sequence[Uint8], height: int, width: int) -> Scene:
        """A scene of some of the photos, uint8 [H, W, 3], in a window of that size."""
        chosen = [photos[int(rng.integers(len(photos)))] for _ in range(1 + int(rng.choice(3, p=_LAYERS)))]
        behind = _mirrored(chosen[0], 3 * height, 3 * width)
        layers = [Layer(behind, Motion.draw(rng, _shape(behind), still=rng.random() < _STILL_SHARE))]
        layers += [_cut_out(rng, photo, height, width) for photo in chosen[1:]]
        return cls(tuple(layers), bool(rng.random() < _BLURRED_SHARE))

    def frame(self, number: int, height: int, width: int) -> Float:
        """float32 [height, width, 3], 0 to 255."""
        times = number + (_SHUTTER if self.is_blurred else np.zeros(1))
        return np.mean([self._at(float(time), height, width) for time in times], axis=0, dtype=np.float32)

    def _at(self, time: float, height: int, width: int) -> npt.NDArray[np.uint8]:
        picture = Image.new("RGB", (width, height))
        for layer in self.layers:
            picture = layer.over(picture, time)
        return np.asarray(picture)


def draw_clip(
    rng: np.random.Generator, photos: Sequence[Uint8], *, frames: int, height: int, width: int
) -> npt.NDArray[np.uint8]:
    """A clip drawn by chance.

    Args:
        rng: of the choice.
        photos: to take scenes from, uint8 [H, W, 3].
        frames: how many.
        height, width: of the frames.

    Returns:
        uint8 [frames, height, width, 3] RGB. What stands still in a scene without grain is the same in every frame.
    """
    scenes = [Scene.draw(rng, photos, height, width)]
    change, length = float(rng.random()), 1
    if change < _CUT_SHARE + _FADE_SHARE:
        scenes.append(Scene.draw(rng, photos, height, width))
        length = 1 if change < _CUT_SHARE else int(rng.integers(6, 17))
    begin = int(rng.integers(2, max(3, frames - length)))
    grain = float(rng.uniform(1.0, 6.0)) if rng.random() < _GRAINY_SHARE else 0.0
    clip = np.empty((frames, height, width, 3), np.uint8)
    for number in range(frames):
        share = min(max((number - begin + 1) / length, 0.0), 1.0) if len(scenes) == 2 else 0.0
        seen = [(part, scene) for part, scene in zip((1 - share, share), scenes) if part > 0]
        values = np.sum([part * scene.frame(number, height, width) for part, scene in seen], axis=0)
        if grain:
            values = values + grain * rng.standard_normal((height, width, 1))
        clip[number] = np.clip(np.rint(values), 0, 255)
    return clip


def _cut_out(rng: np.random.Generator, photo: Uint8, height: int, width: int) -> Layer:
    """An object: a round piece of a photo with an uneven edge, before the middle of the window or near it."""
    part = _mirrored(photo, 2 * height, 2 * width)
    radius = float(rng.uniform(0.15, 0.4)) * min(height, width)
    middle = width + float(rng.normal(0, width / 8)), height + float(rng.normal(0, height / 8))
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    edge = radius * rng.uniform(0.75, 1.25, len(angles))
    outline = [(middle[0] + r * math.cos(a), middle[1] + r * math.sin(a)) for r, a in zip(edge, angles)]
    mask = Image.new("L", part.size)
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    motion = Motion.draw(rng, _shape(part), still=False)
    return Layer(part, motion, mask.filter(ImageFilter.GaussianBlur(1.0)))


def _mirrored(photo: Uint8, height: int, width: int) -> Image.Image:
    """The middle of a photo, carried on by its mirror image where it is too small for what moves over it."""
    rows, columns = (_reflected(length, wanted) for length, wanted in zip(photo.shape[:2], (height, width)))
    return Image.fromarray(np.ascontiguousarray(photo[rows][:, columns]))


def _reflected(length: int, wanted: int) -> npt.NDArray[np.intp]:
    place = np.arange(wanted) - (wanted - length) // 2
    folded = np.mod(place, 2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)


def _shape(picture: Image.Image) -> tuple[int, int]:
    return picture.height, picture.width
