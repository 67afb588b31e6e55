"""What an image that Pillow read from a JPEG still knows of its coding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from enhance.codecs.jpeg.rate import JpegRate


def rate_of_image(image: Image.Image) -> JpegRate | None:
    """The rate of a picture from `Image.open`; None for others, edited copies among them, which have lost their tables.

    Args:
        image: of any mode, loaded or not.
    """
    tables: dict[int, Sequence[int]] = getattr(image, "quantization", None) or {}
    layers: list[tuple[Any, ...]] = getattr(image, "layer", None) or []  # (identifier, h, v, table) per component
    if not tables:
        return None
    numbers = [layer[3] for layer in layers[:2]] or sorted(tables)[:2]
    if any(number not in tables for number in numbers):
        return None
    # Pillow gives them in natural order since 8.3.
    luma, *chroma = (np.asarray(tables[number]).reshape(8, 8) for number in numbers)
    # libjpeg codes RGB and CMYK with the luma table alone.
    plain = image.info.get("adobe_transform") == 0 and len(set(numbers)) == 1
    sampling = [(horizontal, vertical) for _, horizontal, vertical, _ in layers[:2]]
    subsampling = tuple(max(a // b, 1) for a, b in zip(*sampling)) if len(sampling) == 2 else None
    return JpegRate.from_tables(
        luma,
        chroma[0] if chroma and image.mode != "L" and not plain else None,
        subsampling=subsampling,
        space="rgb" if plain and chroma else None,
    )
