"""Pictures to work on: noise with the power spectrum of photographs, of any size, the same on every machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Photo = npt.NDArray[np.uint8]

_FIELD = 1024
_QUALITIES = (10, 30, 50, 75, 90)
_SIZES = ((320, 320), (368, 272), (272, 368))  # 0.1 megapixels


def write_photo(path: Path, width: int, height: int, *, quality: int = 20, corner: int = 0) -> None:
    """Writes a JPEG file; `corner` chooses another part of the noise."""
    Image.fromarray(synthetic_photo(height, width, corner)).save(path, "JPEG", quality=quality)


def write_folder(folder: Path, count: int, scale: float = 1.0) -> None:
    """Writes small JPEG files of several sizes and qualities; `scale` changes their sides."""
    for index in range(count):
        width, height = (round(side * scale) for side in _SIZES[index % len(_SIZES)])
        quality = _QUALITIES[index % len(_QUALITIES)]
        write_photo(folder / f"{index:04}.jpg", width, height, quality=quality, corner=37 * index)


def synthetic_photo(height: int, width: int, corner: int = 0) -> Photo:
    """Noise whose amplitude falls as 1/f, as that of photographs does, uint8 [H, W, 3]; mirrored where it ends."""
    rows, columns = (_mirrored(np.arange(corner, corner + length)) for length in (height, width))
    return np.ascontiguousarray(_noise()[np.ix_(rows, columns)])


def _mirrored(places: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    turns = places % (2 * _FIELD)
    return np.minimum(turns, 2 * _FIELD - 1 - turns)


@cache
def _noise() -> Photo:
    frequencies = np.fft.fftfreq(_FIELD)
    amplitude = 1 / np.maximum(np.hypot(frequencies[:, None], frequencies), 1 / _FIELD)
    white = np.random.default_rng(0).standard_normal((3, _FIELD, _FIELD))
    planes = np.fft.ifft2(np.fft.fft2(white) * amplitude).real
    return np.clip(128 + 45 * planes / planes.std(), 0, 255).astype(np.uint8).transpose(1, 2, 0)
