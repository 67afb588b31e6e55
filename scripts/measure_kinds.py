#!/usr/bin/env python3
"""Measures the enhancer on what other encoders, cameras and films make of photos, and on stripes.

    scripts/measure_kinds.py PHOTOS... --every 3 --modes fidelity balanced

Each line: the mean gain over the decoded file in dB PSNR after rounding to 8 bits, the worst picture, and the spread:
by how much R, G and B of a pixel differ at most in neutral pictures, over the decoded file's own. `--csv` has every
picture's numbers, for tables as of `scripts/measure_harm.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from harm import error, gain, spread, write_rows
from tqdm import tqdm

import enhance
from enhance.codecs.jpeg.rate import JpegRate
from enhance.knobs import MODES, Knobs
from enhance.training.crops import find_images, load_image
from enhance.training.degradation.encode import encode_file, has_mozjpeg
from enhance.training.degradation.tables import editor_tables, mozjpeg_tables, scaled_base
from enhance.training.photo_variants import dark, film_grain, sensor_noise

Uint8 = npt.NDArray[np.uint8]
Sample = tuple[str, str, Uint8, bytes]
"""Kind, name, the original, and the file."""

_DEFAULT_TABLE = 3  # of mozjpeg's
_SIDE = 256  # of a drawing


def of_photo(name: str, photo: Uint8, seed: int) -> Iterator[Sample]:
    """A photo by other encoders, and what other cameras and films would have made of it."""
    libjpeg = JpegRate.from_quality(20)
    yield "libjpeg q20", name, photo, encode_file(photo, libjpeg)
    if has_mozjpeg():
        bases = mozjpeg_tables()
        assert bases is not None
        rate = JpegRate.from_tables(*_whole(scaled_base(bases[_DEFAULT_TABLE], 20)))
        yield "mozjpeg q20", name, photo, encode_file(photo, rate, trellis=True)
    yield "RGB q20", name, photo, encode_file(photo, libjpeg, is_rgb=True)
    for tables in editor_tables()[:6]:
        yield "Photoshop's tables", name, photo, encode_file(photo, JpegRate.from_tables(*_whole(tables)), "4:4:4")
    rng = np.random.default_rng(seed)
    variants: dict[str, Callable[[Uint8, np.random.Generator], Uint8]] = {
        "dark, noisy q20": lambda photo, rng: sensor_noise(dark(photo, rng), rng), "film grain q20": film_grain,
    }  # fmt: skip
    for kind, vary in variants.items():
        varied = vary(photo, rng)
        yield kind, name, varied, encode_file(varied, libjpeg)
    gray = np.repeat(np.round(photo.mean(axis=2, keepdims=True)).astype(np.uint8), 3, axis=2)
    for quality in (20, 75):
        yield f"neutral q{quality}", name, gray, encode_file(gray, JpegRate.from_quality(quality))


def stripes() -> Iterator[Sample]:
    """Black and white stripes of 3 to 24 pixels at angles of 0 to 90 degrees."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    for quality in (40, 75):
        for width in (3, 4, 6, 8, 11, 16, 24):
            for degrees in (0, 15, 30, 45, 60, 75, 90):
                angle = np.deg2rad(degrees)
                across = (columns * np.cos(angle) + rows * np.sin(angle)) / width
                ink = np.clip((np.abs(across % 2 - 1) - 0.5) * width + 0.5, 0, 1)
                picture = np.repeat(np.round(255 * ink).astype(np.uint8)[..., None], 3, axis=2)
                file = encode_file(picture, JpegRate.from_quality(quality))
                yield f"stripes q{quality}", f"{width} pixels, {degrees} degrees", picture, file


def _whole(tables: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    luma, chroma = np.clip(np.round(tables), 1, 255).astype(np.uint16)
    return luma, chroma


def measure(enhancer: enhance.Enhancer, sample: Sample, mode: str) -> dict[str, Any]:
    """One row."""
    kind, name, original, file = sample
    decoded = enhance.decode(file)
    result = enhancer.run(decoded, Knobs(mode=mode))  # type: ignore[arg-type]
    more = spread(result.pixels) - spread(decoded.pixels) if spread(original) == 0 else 0
    won = gain(error(original, decoded.pixels), error(original, result.pixels))
    return {"kind": kind, "name": name, "quality": "", "sampling": "", "mode": mode, "gain": won, "spread": more}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path, help="folders of photos without compression")
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--model", type=Path, help="a checkpoint other than the one that ships")
    parser.add_argument("--crop", type=int, help="take the first so many rows and columns")
    parser.add_argument("--every", type=int, default=1, help="take every so-many-th photo")
    parser.add_argument("--csv", type=Path, help="every picture's numbers")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    enhancer = enhance.Enhancer(options.model, threads=options.threads)
    paths = find_images(options.photos)[:: options.every]
    photos = [(path.name, np.ascontiguousarray(load_image(path)[: options.crop, : options.crop])) for path in paths]
    samples = [*stripes(), *(one for seed, (name, photo) in enumerate(photos) for one in of_photo(name, photo, seed))]
    rows = [measure(enhancer, one, mode) for one in tqdm(samples, disable=None) for mode in options.modes]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        for mode in options.modes:
            group = [row for row in rows if (row["kind"], row["mode"]) == (kind, mode)]
            worst = min(group, key=lambda row: row["gain"])
            gains, widest = [row["gain"] for row in group], max(row["spread"] for row in group)
            told = f"{np.mean(gains):+.2f}  worst {worst['gain']:+.2f} {worst['name']}"
            sys.stdout.write(f"{kind:20} {mode:10} {told}  spread {widest}\n")
    if options.csv:
        write_rows(rows, options.csv)


if __name__ == "__main__":
    main()
