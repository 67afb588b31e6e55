#!/usr/bin/env python3
"""Measures the projection onto a JPEG's DCT intervals on a folder of lossless originals, without a network.

    scripts/measure_consistency.py ORIGINALS [--quality 10 75] [--tolerance 0 0.5] [--subsampling 4:2:0]

CSV on stdout, one line per quality: the RGB PSNR of stand-ins for an enhanced picture, the change that the projection
brings to it (mean and worst image, dB, after rounding to 8 bits), and how far the projection moves the original itself
(RMS in code values; not zero, because libjpeg rounds the planes to integers before its DCT).
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from enhance.codecs.jpeg.consistency import JpegConsistency, jpeg_consistency

Pixels = npt.NDArray[np.float32]


def psnr(original: Pixels, pixels: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((np.clip(np.rint(pixels), 0, 255) - original) ** 2)))


def stand_ins(original: Pixels, decoded: Image.Image) -> dict[str, Pixels]:
    pixels = np.asarray(decoded, np.float32)
    noise = np.random.default_rng(0).normal(size=pixels.shape).astype(np.float32) * np.std(pixels - original)
    return {
        "decoded": pixels,
        "blur": np.asarray(decoded.filter(ImageFilter.GaussianBlur(0.6)), np.float32),
        "median": np.asarray(decoded.filter(ImageFilter.MedianFilter(3)), np.float32),
        "half way and noise": (pixels + original) / 2 + 0.6 * noise,
        "as good as a network": pixels + 0.3 * (original - pixels) + 0.2 * noise,
    }


def measure(path: Path, quality: int, subsampling: str, tolerance: float) -> dict[str, tuple[float, float]]:
    """PSNR before and gain per stand-in, and the RMS move of the original, of one image."""
    image = Image.open(path).convert("L" if subsampling == "gray" else "RGB")
    stream = io.BytesIO()
    options = {} if subsampling == "gray" else {"subsampling": subsampling}
    image.save(stream, "JPEG", quality=quality, **options)
    found, note = jpeg_consistency(stream.getvalue(), source=path.name)
    if not isinstance(found, JpegConsistency):
        sys.exit(note)
    consistency, original = replace(found, tolerance=tolerance), np.asarray(image, np.float32)
    figures = {}
    for name, pixels in stand_ins(original, Image.open(stream)).items():
        before = psnr(original, pixels)
        figures[name] = before, psnr(original, consistency.project(pixels)) - before
    moved = float(np.sqrt(np.mean((consistency.project(original) - original) ** 2)))
    return {**figures, "original": (0.0, moved)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("originals", type=Path)
    parser.add_argument("--quality", type=int, nargs="+", default=[5, 10, 20, 40, 75, 90, 95])
    parser.add_argument("--tolerance", type=float, nargs="+", default=[0.0])
    parser.add_argument("--subsampling", choices=["4:2:0", "4:2:2", "4:4:4", "gray"], default="4:2:0")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image")
    options = parser.parse_args()
    paths = sorted(path for path in options.originals.iterdir() if path.is_file())[:: options.every]
    table = csv.writer(sys.stdout)
    table.writerow(["quality", "tolerance", "stand-in", "PSNR", "mean gain", "worst gain"])
    for quality in options.quality:
        for tolerance in options.tolerance:
            results = [measure(path, quality, options.subsampling, tolerance) for path in paths]
            for name in results[0]:
                before, gain = np.array([result[name] for result in results]).T
                figures = f"{before.mean():.3f}", f"{gain.mean():+.4f}", f"{gain.min():+.4f}"
                table.writerow([quality, tolerance, name, *figures])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
