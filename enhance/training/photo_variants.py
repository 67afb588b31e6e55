"""Photos as other cameras, films and programs make them: noisy, grainy, dark, sharpened, contrasty, soft.

All of this belongs to the original: it is there before the picture is coded, and is to be restored with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from enhance.training.chance import pick

Uint8 = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Rng = np.random.Generator

_SHADOWS = 10.0
"""Code values at which sensor noise is as strong from reading as from light."""


def vary(photo: Uint8, rng: Rng) -> Uint8:
    """One of the variants.

    Args:
        photo: uint8 [H, W, 3] RGB.
        rng: source of randomness.

    Returns:
        a new picture of the same shape.
    """
    return pick(rng, VARIANTS)(photo, rng)


def sensor_noise(photo: Uint8, rng: Rng) -> Uint8:
    """Noise that grows with the light, its colours blurred by the interpolation of the sensor's mosaic."""
    strength = np.float32(0.5 * 12 ** rng.random())  # standard deviation in code values at middle gray
    noise = rng.standard_normal((*photo.shape[:2], 3), np.float32)
    if rng.random() < 0.7:
        noise = _blurred(noise)
    noise *= strength * np.sqrt(_square_root_law()[photo])
    return _rounded(photo + noise)


def dark(photo: Uint8, rng: Rng) -> Uint8:
    """Taken at night: dark, and as a rule noisy."""
    gain, gamma = rng.uniform(0.15, 0.6), rng.uniform(1.0, 1.8)
    darkened = _curve(255 * gain * (np.arange(256) / 255) ** gamma)[photo]
    return sensor_noise(darkened, rng) if rng.random() < 0.75 else darkened


def film_grain(photo: Uint8, rng: Rng) -> Uint8:
    """Grain of one or more pixels' width, strongest in the middle tones, the same in all channels or nearly so."""
    height, width = photo.shape[:2]
    size = 1.0 if rng.random() < 0.3 else rng.uniform(1.2, 2.5)
    grain = rng.standard_normal((round(height / size), round(width / size)), np.float32)
    if size > 1:
        grain = np.asarray(Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC))
    tone = np.arange(256, dtype=np.float32) / 255
    strength = (np.float32(2 * 8 ** rng.random()) * (0.3 + 2.8 * tone * (1 - tone))).astype(np.float32)
    noise = grain[..., None] * strength[photo]
    if rng.random() < 0.3:
        noise += rng.standard_normal(photo.shape, np.float32) * np.float32(2)
    return _rounded(photo + noise)


def sharpened(photo: Uint8, rng: Rng) -> Uint8:
    """Unsharp mask, moderate to far too much."""
    mask = ImageFilter.UnsharpMask(
        radius=rng.uniform(0.5, 2.5), percent=int(rng.uniform(40, 250)), threshold=int(rng.integers(4))
    )
    return np.asarray(Image.fromarray(photo).filter(mask))


def contrast(photo: Uint8, rng: Rng) -> Uint8:
    """Another tone curve, clipped as editors clip it; also more or less colour."""
    gain, lift, gamma = rng.uniform(0.5, 1.7), rng.uniform(-25, 25), 2 ** rng.uniform(-0.6, 0.6)
    curved = _curve((255 * (np.arange(256) / 255) ** gamma - 127.5) * gain + 127.5 + lift)[photo]
    if rng.random() < 0.5:
        return curved
    gray = curved.mean(axis=2, keepdims=True, dtype=np.float32)
    return _rounded(gray + (curved - gray) * np.float32(rng.uniform(0.3, 1.8)))


def soft(photo: Uint8, rng: Rng) -> Uint8:
    """Enlarged a little, or out of focus."""
    height, width = photo.shape[:2]
    factor = rng.uniform(0.45, 0.9)
    image = Image.fromarray(photo).resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


VARIANTS: Mapping[Callable[[Uint8, Rng], Uint8], float] = {
    sensor_noise: 5,
    film_grain: 4,
    dark: 4,
    sharpened: 5,
    contrast: 3,
    soft: 3,
}
"""Relative shares."""


def _square_root_law() -> Plane:
    """Variance of the noise over that at middle gray, by code value: from light, and a rest from reading."""
    return ((np.arange(256, dtype=np.float32) + _SHADOWS) / (128 + _SHADOWS)).astype(np.float32)


def _blurred(noise: Plane) -> Plane:
    """A small blur that keeps the variance, as bilinear interpolation of a mosaic makes it."""
    horizontally = noise[:, :-1] + noise[:, 1:]
    both = horizontally[:-1] + horizontally[1:]
    return np.pad(both / 2, ((0, 1), (0, 1), (0, 0)), mode="edge")


def _curve(values: npt.NDArray[np.floating]) -> Uint8:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _rounded(pixels: Plane) -> Uint8:
    return np.clip(pixels + np.float32(0.5), 0, 255).astype(np.uint8)
