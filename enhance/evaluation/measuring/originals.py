"""The lossless pictures that everything is compared with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.errors import DecodeError, UnsupportedImageError, UsageError

logger = logging.getLogger(__name__)

LOSSLESS_SUFFIXES = (".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")

Pixels = npt.NDArray[np.uint8]


def find_originals(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Lossless images of a folder, sorted by name.

    Hidden files are passed over, and what turns out to be no original (a lossy WebP, 16 bits) is with a note, unless it
    is named.

    Args:
        folder: where they are; subfolders are not searched.
        names: the ones to take, with or without suffix; empty: all.

    Raises:
        UsageError: there is no such folder, it holds no lossless image, or a name is not among them.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder of originals", source=str(folder))
    named = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in LOSSLESS_SUFFIXES]
    found = named if names else [path for path in named if not path.name.startswith(".") and _is_usable(path)]
    if not found:
        hint = f"originals must be lossless: {', '.join(LOSSLESS_SUFFIXES)}"
        raise UsageError("no originals in this folder", source=str(folder), hint=hint)
    missing = set(names) - {path.name for path in found} - {path.stem for path in found}
    if missing:
        raise UsageError(f"no image is called {', '.join(sorted(missing))}", source=str(folder))
    return [path for path in found if not names or path.name in names or path.stem in names]


def _is_usable(path: Path) -> bool:
    try:
        _check(path)
    except (DecodeError, UnsupportedImageError) as error:
        logger.warning("left out: %s", error)
        return False
    return True


def _check(path: Path) -> None:
    """Raises DecodeError or UnsupportedImageError for what is no original."""
    try:
        # A lossless WebP holds a VP8L chunk, first or after its metadata; a lossy one holds "VP8 ".
        if path.suffix.lower() == ".webp" and b"VP8L" not in path.read_bytes():
            raise UnsupportedImageError("a lossy WebP is no original", source=str(path))
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise UnsupportedImageError("originals must have 8 bits a channel", source=str(path))
    except OSError as error:
        raise DecodeError(f"this original cannot be read: {error}", source=str(path)) from error


def load_original(path: Path, mode: str | None = None) -> Pixels:
    """Pixels of a lossless image, uint8.

    Args:
        path: the image.
        mode: "RGB": [H, W, 3]; "L": [H, W], luma by Pillow's conversion; None: the one that fits the image.

    Raises:
        DecodeError: it cannot be read.
        UnsupportedImageError: it has more than 8 bits a channel, or is a lossy WebP.
    """
    _check(path)
    try:
        with Image.open(path) as image:
            return np.array(image.convert(mode or ("L" if image.mode in ("1", "L", "LA") else "RGB")))
    except OSError as error:
        raise DecodeError(f"this original cannot be read: {error}", source=str(path)) from error
