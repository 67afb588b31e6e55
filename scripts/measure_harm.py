#!/usr/bin/env python3
"""Measures the enhancer at its worst: for every kind, quality, sampling and mode the mean and the worst picture.

    scripts/measure_harm.py ORIGINALS... --qualities 75 95 100 ones --samplings 4:2:0 gray --modes fidelity balanced

A mode may also be a number: one step at that perception, among which the default is chosen (`--lpips` for the looks).
A folder with an INDEX.tsv (columns `file` and `kind`) is told apart by kind, others by their names. "ones" stands for
quantisation tables of ones. Gains are PSNR over the decoded file after rounding to 8 bits, in dB; `spread` is the
largest difference between R, G and B in what was decoded without colour; `dots` the peak-to-peak over the 64 phases of
blocks, over the original's. Every picture's numbers go to `--csv`.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from harm import SMALLEST_ERROR, error, gain, spread, write_rows
from PIL import Image
from tqdm import tqdm

import enhance
from enhance.codecs.jpeg.mozjpeg import robidoux_rate
from enhance.enhancer import shipped_model
from enhance.evaluation.metrics.dots import dots_beyond
from enhance.evaluation.metrics.lpips import LPIPS
from enhance.knobs import MODES, Knobs
from enhance.models.checkpoint import load_checkpoint
from enhance.training.crops import find_images, load_image
from enhance.training.degradation.encode import encode_file

Uint8 = npt.NDArray[np.uint8]

ONES = "ones"
SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "gray", "rgb")


@dataclass(frozen=True)
class Original:
    """A picture and what it is one of."""

    kind: str
    name: str
    pixels: Uint8


def find_originals(folders: list[Path], crop: int | None, every: int) -> Iterator[Original]:
    """The pictures of the folders, their first `crop` rows and columns."""
    for folder in folders:
        index = folder / "INDEX.tsv"
        kinds: dict[str, str] = {}
        if index.exists():
            with index.open(encoding="utf-8", newline="") as stream:
                kinds = {row["file"]: row["kind"] for row in csv.DictReader(stream, delimiter="\t")}
        for path in find_images([folder])[::every]:
            pixels = load_image(path)[:crop, :crop]
            yield Original(kinds.get(path.name, folder.name), path.name, np.ascontiguousarray(pixels))


def encode(pixels: Uint8, quality: str, sampling: str, mozjpeg: bool) -> bytes:
    """A JPEG by libjpeg in Pillow, or by mozjpeg with its tables and its trellis; [H, W, 3] RGB or [H, W]."""
    if mozjpeg:
        return encode_file(pixels, robidoux_rate(int(quality)), sampling, trellis=True)
    options: dict[str, Any] = {"keep_rgb": True} if sampling == "rgb" else {}
    if sampling not in ("gray", "rgb"):
        options = {"subsampling": sampling}
    if quality == ONES:
        options["qtables"] = [[1] * 64] * (1 if sampling in ("gray", "rgb") else 2)
    else:
        options["quality"] = int(quality)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


def knobs_of(mode: str) -> Knobs:
    """The settings that a word or a number stands for, with "unguarded-" before it for those without the guard."""
    wanted = mode.removeprefix("unguarded-")
    guard = wanted == mode
    return Knobs(mode=wanted, guard=guard) if wanted in MODES else Knobs(steps=1, perception=float(wanted), guard=guard)


def looks(lpips: LPIPS | None, original: Uint8, *others: Uint8) -> list[float]:
    """LPIPS of each of the others against the original; none where it is not asked for."""
    if lpips is None:
        return []
    pictures = [np.broadcast_to(one.reshape(*one.shape[:2], -1), (*one.shape[:2], 3)) for one in (original, *others)]
    first, *rest = [torch.from_numpy(one.transpose(2, 0, 1)[None] / np.float32(127.5) - 1) for one in pictures]
    with torch.inference_mode():
        return [float(lpips(first, other)) for other in rest]


def measure(
    enhancer: enhance.Enhancer,
    original: Original,
    quality: str,
    sampling: str,
    modes: list[str],
    lpips: LPIPS | None,
    mozjpeg: bool,
) -> list[dict[str, Any]]:
    """One row for each mode."""
    pixels = original.pixels
    if sampling == "gray":
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    decoded = enhance.decode(encode(pixels, quality, sampling, mozjpeg))
    before = error(pixels, decoded.pixels)
    rows = []
    for mode in modes:
        result = enhancer.run(decoded, knobs_of(mode))
        seen = looks(lpips, pixels, decoded.pixels, result.pixels) if before > SMALLEST_ERROR else []
        after = error(pixels, result.pixels)
        withheld, factors = result.record.withheld or 0.0, result.record.factor
        rows.append({
            "kind": original.kind, "name": original.name, "quality": quality, "sampling": sampling, "mode": mode,
            "before": round(10 * np.log10(255**2 / before), 3), "gain": gain(before, after),
            "withheld": round(withheld, 4), "factors": "/".join(f"{factor:.2f}" for factor in factors),
            "spread": spread(result.pixels) if decoded.is_neutral else -1,
            "dots": round(dots_beyond(pixels, result.pixels), 3),
            "lpips_before": round(seen[0], 5) if seen else "", "lpips": round(seen[1], 5) if seen else "",
        })  # fmt: skip
    return rows


def report(rows: list[dict[str, Any]]) -> None:
    """A line for each quality, sampling and mode: each kind's mean and worst gain, and the worst picture of all."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["quality"], row["sampling"], row["mode"]].append(row)
    for key, group in groups.items():
        kinds: dict[str, list[float]] = defaultdict(list)
        for row in group:
            kinds[row["kind"]].append(row["gain"])
        worst = min(group, key=lambda row: row["gain"])
        told = "  ".join(f"{kind} {np.mean(gains):+.2f} ({min(gains):+.2f})" for kind, gains in kinds.items())
        shown = [row["dots"] for row in group]
        seen = [(row["lpips_before"], row["lpips"]) for row in group if row["lpips"] != ""]
        lpips = "  lpips {:.4f} to {:.4f}".format(*np.mean(seen, axis=0)) if seen else ""
        neutral = max((row["spread"] for row in group), default=-1)
        sys.stdout.write(
            f"q {key[0]:>4} {key[1]:5} {key[2]:10}  {told}  | worst {worst['gain']:+.3f} {worst['name']}"
            f"  spread {neutral}  dots {np.mean(shown):+.2f} (at most {max(shown):+.2f}){lpips}\n"
        )
    sys.stdout.flush()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("originals", nargs="+", type=Path, help="folders of pictures without compression")
    parser.add_argument("--qualities", nargs="+", default=["10", "40", "75", "90"], metavar="Q", help="1-100, or ones")
    parser.add_argument("--samplings", nargs="+", default=["4:2:0"], choices=SAMPLINGS)
    modes_help = "of run, or perceptions; unguarded-MODE"
    parser.add_argument("--mozjpeg", action="store_true", help="code with mozjpeg (jpeglib's), not with libjpeg")
    parser.add_argument("--modes", nargs="+", default=list(MODES), metavar="MODE", help=modes_help)
    parser.add_argument("--model", type=Path, help="a checkpoint other than the one that ships")
    parser.add_argument("--uncalibrated", action="store_true", help="take coefficients as the network says them")
    parser.add_argument("--crop", type=int, help="take the first so many rows and columns")
    parser.add_argument("--every", type=int, default=1, help="take every so-many-th picture")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="WORD", help="pictures with this in their names")
    parser.add_argument("--lpips", type=Path, metavar="WEIGHTS", help="measure looks, too: lpips_alex.safetensors")
    parser.add_argument("--csv", type=Path, help="every picture's numbers")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    model = load_checkpoint(options.model or shipped_model("jpeg"))
    if options.uncalibrated:
        model = replace(model, trust=replace(model.trust, calibration={}))
    enhancer = enhance.Enhancer(model, dtype=options.dtype, threads=options.threads)
    lpips = LPIPS.load("alex", options.lpips) if options.lpips else None
    originals = [
        one for one in find_originals(options.originals, options.crop, options.every)
        if not any(word in one.name for word in options.leave_out)
    ]  # fmt: skip
    rows: list[dict[str, Any]] = []
    for quality in options.qualities:
        for sampling in options.samplings:
            found: list[dict[str, Any]] = []
            for original in tqdm(originals, desc=f"q {quality} {sampling}", leave=False, disable=None):
                found += measure(enhancer, original, quality, sampling, options.modes, lpips, options.mozjpeg)
            report(found)
            rows += found
    if options.csv:
        write_rows(rows, options.csv)


if __name__ == "__main__":
    main()
