#!/usr/bin/env python3
"""Tells how many bits the learned codec takes beside JPEG for the same error, from what `enhance eval` measured.

    enhance eval originals/ --codec learned -o run/
    scripts/measure_learned.py run/ originals/

JPEGs are Pillow's, 4:2:0, with Huffman tables of their own (`optimize=True`), or with `--usual-tables` those of the
standard, which most files have and which take some percent more. Of both codecs the means over the pictures are taken,
and JPEG's are interpolated: the logarithm of the bits over PSNR.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.evaluation.measuring.measurement import BASELINE
from enhance.evaluation.measuring.originals import find_originals, load_original
from enhance.evaluation.metrics.distortion import psnr

QUALITIES = (5, 8, 10, 15, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)

Curve = npt.NDArray[np.float64]
"""[N, 2]: bits per pixel and PSNR, both increasing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line for each rate, and the mean over the range that both codecs share."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the results of `enhance eval --codec learned`")
    parser.add_argument("originals", type=Path, help="the folder that was measured")
    parser.add_argument("--usual-tables", action="store_true", help="JPEGs have the Huffman tables of the standard")
    options = parser.parse_args(arguments)
    names, levels, learned = learned_curve(options.run / "measurements.csv")
    originals = [path for path in find_originals(options.originals) if path.name in names]
    jpeg = jpeg_curve(originals, optimize=not options.usual_tables)
    for level, (bits, error), saved in zip(levels, learned, savings(learned, jpeg)):
        told = (
            f"rate {level}: {bits:.4f} bits per pixel, {error:.2f} dB, {bits / (1 + saved):.4f} in JPEG, {saved:+.1%}"
        )
        sys.stdout.write(told + "\n")
    sys.stdout.write(f"mean over the PSNRs that both reach: {mean_saving(learned, jpeg):+.1%}\n")
    return 0


def learned_curve(measurements: Path) -> tuple[set[str], list[int], Curve]:
    """Names of the pictures, the rates, and means over the pictures at each of the decoded pictures."""
    with measurements.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["codec"], row["setting"]) == ("learned", BASELINE)]
    levels = sorted({int(row["level"]) for row in rows})
    found = [
        np.mean(
            [(float(row["bits_per_pixel"]), float(row["psnr"])) for row in rows if int(row["level"]) == level], axis=0
        )
        for level in levels
    ]
    return {row["image"] for row in rows}, levels, np.array(found)


def jpeg_curve(originals: Sequence[Path], *, optimize: bool = True) -> Curve:
    """Means over the originals at each of `QUALITIES`."""
    loaded = (load_original(path, "RGB") for path in originals)
    points = np.array([[_jpeg(original, quality, optimize) for quality in QUALITIES] for original in loaded])
    return np.asarray(points.mean(axis=0))


def _jpeg(original: npt.NDArray[np.uint8], quality: int, optimize: bool) -> tuple[float, float]:
    stream = BytesIO()
    Image.fromarray(original).save(stream, "JPEG", quality=quality, optimize=optimize)
    decoded = np.asarray(Image.open(BytesIO(stream.getvalue())).convert("RGB"))
    return 8 * len(stream.getvalue()) / original[..., 0].size, psnr(original, decoded)


def savings(curve: Curve, other: Curve) -> npt.NDArray[np.float64]:
    """[N]: bits of each point of a curve over the other's at the same PSNR, less 1; NaN where the other has none."""
    bits = np.exp(np.interp(curve[:, 1], other[:, 1], np.log(other[:, 0]), left=np.nan, right=np.nan))
    return np.asarray(curve[:, 0] / bits - 1)


def mean_saving(curve: Curve, other: Curve) -> float:
    """The same for the mean of the logarithm over the PSNRs that both curves reach."""
    shared = np.linspace(max(curve[0, 1], other[0, 1]), min(curve[-1, 1], other[-1, 1]), 200)
    logs = [np.interp(shared, found[:, 1], np.log(found[:, 0])) for found in (curve, other)]
    return float(np.exp(np.mean(logs[0] - logs[1])) - 1)


if __name__ == "__main__":
    sys.exit(main())
