"""How pictures show themselves in a prompt and in a notebook: as one line, and as a small PNG. Knows no other part."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

_LARGEST_SIDE = 1024  # pixels of what a notebook shows: a page of large pictures would hold a gigabyte
_PNG = b"\x89PNG\r\n\x1a\n"


def describe_pixels(image: Any) -> str:
    """What a picture of any kind is, in a few words: "768x512 RGB image", "uint8 array [512, 768, 3]", "5120 bytes"."""
    if isinstance(image, (bytes, bytearray)):
        return f"{len(image)} bytes"
    if isinstance(getattr(image, "size", None), tuple):  # a PIL image
        return f"{image.size[0]}x{image.size[1]} {image.mode} image"
    if hasattr(image, "shape"):
        kind = "array" if isinstance(image, np.ndarray) else "tensor"
        return f"{str(image.dtype).removeprefix('torch.')} {kind} {list(image.shape)}"
    return type(image).__name__


def on_one_line(name: str, facts: Iterable[str | None]) -> str:
    """A `repr` of facts: <Name: one, two>. Those that are None are left out."""
    return f"<{name}: {', '.join(fact for fact in facts if fact)}>"


def as_png(image: Any) -> bytes | None:
    """A picture of any kind as a PNG for a notebook, at most 1024 pixels a side; None where it is none.

    Args:
        image: a PIL image, the bytes of a PNG file, or an array [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], uint8,
            uint16 or float in [0, 1].
    """
    from PIL import Image

    if isinstance(image, (bytes, bytearray)):
        return bytes(image) if image.startswith(_PNG) else None
    if isinstance(image, np.ndarray):
        image = Image.fromarray(_eight_bits(image))
    if not isinstance(image, Image.Image):
        return None
    shown = image.copy()
    shown.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    buffer = io.BytesIO()
    (shown if shown.mode in ("L", "RGB", "RGBA") else shown.convert("RGB")).save(buffer, "PNG")
    return buffer.getvalue()


def _eight_bits(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
