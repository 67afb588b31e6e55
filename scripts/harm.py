"""What the measurements of harm and of kinds share: the gain of a picture, its spread, the file of all rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.evaluation.metrics.distortion import Pixels, mse

Uint8 = npt.NDArray[np.uint8]

SMALLEST_ERROR = 0.01  # of a picture that is exact but for a few samples: about 68 dB


def error(original: Pixels, pixels: Pixels) -> float:
    """Mean squared error after rounding to 8 bits, and not below what a few samples make."""
    return max(mse(original, pixels), SMALLEST_ERROR)


def gain(before: float, after: float) -> float:
    """Of PSNR in dB, from two errors."""
    return round(float(10 * np.log10(before / after)), 4)


def spread(pixels: Uint8) -> int:
    """The largest difference between R, G and B of a pixel."""
    return 0 if pixels.ndim == 2 else int(np.ptp(pixels.astype(np.int16), axis=2).max())


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """A CSV file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
