#!/usr/bin/env python3
"""Measures how often pictures of two colours come back bit for bit from a JPEG.

    scripts/measure_two_colours.py PHOTOS... --every 3 --qualities 10 20 50

The middles of photos are made black and white in three ways, and a page of text is set for each. Each line: how many of
the pictures come back exactly, the share of their blocks of which nothing else fits the file, and the mean PSNR as
decoded, as the network alone has it, and as it is.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from harm import error
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

import enhance
from enhance.knobs import MODES, Knobs
from enhance.training.crops import centre, find_images, load_image

Uint8 = npt.NDArray[np.uint8]
Rng = np.random.Generator

_BAYER = np.array([[0, 2], [3, 1]])
_LETTERS = np.array(list("aaabcdeeeefghiijklmnnoopqrrsstttuvwxyz"))


def error_diffusion(gray: Uint8, _: Rng) -> Uint8:
    """Floyd and Steinberg's."""
    return np.asarray(Image.fromarray(gray).convert("1", dither=Image.Dither.FLOYDSTEINBERG).convert("L"))


def ordered_dither(gray: Uint8, _: Rng) -> Uint8:
    """By Bayer's matrix of 8x8."""
    matrix = _BAYER
    for _step in range(2):
        matrix = np.block([[4 * matrix + offset for offset in row] for row in _BAYER])
    tiled = np.tile(matrix, (gray.shape[0] // 8 + 1, gray.shape[1] // 8 + 1))[: gray.shape[0], : gray.shape[1]]
    return (255 * (gray > (tiled + 0.5) * 4)).astype(np.uint8)


def threshold(gray: Uint8, _: Rng) -> Uint8:
    """Black below the median, white above, as a copier has it."""
    return (255 * (gray > np.median(gray))).astype(np.uint8)


def text(gray: Uint8, rng: Rng) -> Uint8:
    """A page of words in one size, without shades at their edges, as scanners for documents give it."""
    page = Image.new("1", (gray.shape[1], gray.shape[0]), 1)
    size = int(rng.integers(12, 28))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for top in range(4, gray.shape[0], round(1.3 * size)):
        words = ["".join(rng.choice(_LETTERS, rng.integers(1, 10))) for _ in range(16)]
        draw.text((6, top), " ".join(words), 0, font=font)
    return np.asarray(page.convert("L"))


KINDS: dict[str, Callable[[Uint8, Rng], Uint8]] = {
    "text": text, "error diffusion": error_diffusion, "ordered dither": ordered_dither, "threshold": threshold,
}  # fmt: skip


class Row(NamedTuple):
    """One picture: whether it is exact, which share is settled; errors as decoded, by the network, and in the end."""

    exact: bool
    settled: float
    errors: tuple[float, float, float]


def measure(enhancer: enhance.Enhancer, original: Uint8, quality: int, mode: Any) -> Row:
    """A picture [H, W], stored in colour."""
    pixels = np.repeat(original[..., None], 3, axis=2)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    decoded = enhance.decode(buffer.getvalue())
    result = enhancer.run(decoded, Knobs(mode=mode))
    network = enhancer.run(decoded, Knobs(mode=mode, consistent=False))
    errors = tuple(error(pixels, each) for each in (decoded.pixels, network.pixels, result.pixels))
    return Row(bool(np.array_equal(result.pixels, pixels)), result.record.settled, errors)  # type: ignore[arg-type]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path, help="folders of photos")
    parser.add_argument("--qualities", nargs="+", type=int, default=[10, 20, 30, 50, 75, 90])
    parser.add_argument("--mode", default="fidelity", choices=MODES)
    parser.add_argument("--every", type=int, default=1, help="take every so-many-th photo")
    parser.add_argument("--side", type=int, default=256, help="rows and columns of a picture")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    enhancer = enhance.Enhancer(threads=options.threads)
    paths = find_images(options.photos)[:: options.every]
    photos = [centre(load_image(path), options.side, options.side) for path in paths]
    grays = [np.asarray(Image.fromarray(photo).convert("L")) for photo in photos]
    jobs = [(kind, quality) for kind in KINDS for quality in options.qualities]
    for kind, quality in tqdm(jobs, disable=None):
        rng = np.random.default_rng(0)
        rows = [measure(enhancer, KINDS[kind](gray, rng), quality, options.mode) for gray in grays]
        before, network, after = 10 * np.log10(255**2 / np.array([row.errors for row in rows])).mean(axis=0)
        told = f"{sum(row.exact for row in rows):3} of {len(rows)} exact, {np.mean([row.settled for row in rows]):7.2%}"
        sys.stdout.write(f"{kind:16} q{quality:<3} {told}  {before:.2f} -> {network:.2f} -> {after:.2f} dB\n")


if __name__ == "__main__":
    main()
