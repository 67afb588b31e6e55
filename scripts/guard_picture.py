#!/usr/bin/env python3
"""Makes the picture of what is left alone: a photo beside a pattern, coded as JPEG, and where the guard acted.

    scripts/guard_picture.py [--quality 40] [-o docs/pictures/guard.png]

From left to right: the JPEG, the same with what was held back in red (the stronger, the more), `enhance` with
`--no-guard`, and as it is. The pattern is one of the drawings that training draws by chance, the photo
scikit-image's `astronaut` (NASA, public domain).
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import data

from enhance import Enhancer, Knobs, decode
from enhance.evaluation.metrics.distortion import psnr
from enhance.frames.blocks import to_pixels
from enhance.training.drawings.patterns import checks
from enhance.training.drawings.sheet import Sheet

Uint8 = npt.NDArray[np.uint8]

SIDE, GAP = 240, 6


def drawn() -> Uint8:
    """A face, and fine checks to its right, [SIDE, SIDE, 3]."""
    picture = checks(Sheet(np.random.default_rng(5), SIDE, lambda side: np.zeros((side, side, 3), np.uint8)))
    picture[:, : SIDE // 2] = data.astronaut()[:SIDE, 160 : 160 + SIDE // 2]  # type: ignore[no-untyped-call]
    return picture


def tinted(pixels: Uint8, weights: npt.NDArray[np.float32]) -> Uint8:
    """Pixels, with red where the correction was held back."""
    held: Any = to_pixels(1 - weights, *pixels.shape[:2])[..., None]
    return np.rint(pixels * (1 - 0.7 * held) + np.array([230, 40, 20]) * 0.7 * held).astype(np.uint8)


def main() -> None:
    """Writes the picture, and says how much was held back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quality", type=int, default=40, help="IJG quality of the JPEG (default: %(default)s)")
    parser.add_argument("--model", help="a checkpoint other than the one that ships")
    root = Path(__file__).parents[1]
    parser.add_argument("-o", "--output", type=Path, default=root / "docs" / "pictures" / "guard.png")
    options = parser.parse_args()
    coded = io.BytesIO()
    Image.fromarray(drawn()).save(coded, "JPEG", quality=options.quality)
    decoded, enhancer = decode(coded.getvalue()), Enhancer(options.model)
    guarded = enhancer.run(decoded)
    if guarded.weights is None or guarded.record.withheld is None:
        raise SystemExit("this model has no guard for such a file")
    believed = enhancer.run(decoded, Knobs(guard=False))
    panels = decoded.pixels, tinted(decoded.pixels, guarded.weights), believed.pixels
    row = Image.new("RGB", (4 * SIDE + 3 * GAP, SIDE), "white")
    for index, panel in enumerate((*panels, guarded.pixels)):
        row.paste(Image.fromarray(panel), (index * (SIDE + GAP), 0))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    row.save(options.output, optimize=True)
    told = ", ".join(f"{psnr(drawn(), panel):.2f} dB" for panel in (panels[0], panels[2], guarded.pixels))
    print(f"{100 * guarded.record.withheld:.0f} % held back; as decoded, believed and guarded: {told}")


if __name__ == "__main__":
    main()
