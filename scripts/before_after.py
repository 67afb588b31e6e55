#!/usr/bin/env python3
"""Makes the picture of the README: a photo coded as JPEG, and what this package makes of it.

    scripts/before_after.py [--quality 10] [-o scripts/before_after.png]

The photo is scikit-image's `astronaut` (NASA, public domain), so the `test` extra is needed.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from enhance import Enhancer, Knobs, decode

REGION = (150, 20, 310, 200)
"""Left, top, right, bottom of the part that is shown."""
ZOOM = 2
GAP = 8


def main() -> None:
    """Writes the picture: original, JPEG, one step, a sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quality", type=int, default=10, help="IJG quality of the JPEG (default: %(default)s)")
    parser.add_argument("--model", help="a checkpoint other than the one that ships")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".png"))
    options = parser.parse_args()
    original = np.asarray(data.astronaut())
    stream = io.BytesIO()
    Image.fromarray(original).save(stream, "JPEG", quality=options.quality)
    decoded = decode(stream.getvalue())
    enhancer = Enhancer(options.model)
    pictures = [decoded.pixels]
    pictures += [enhancer.run(decoded, Knobs(mode=mode)).pixels for mode in ("fidelity", "perceptual")]
    side_by_side([*pictures, original]).save(options.output, optimize=True)


def side_by_side(pictures: list[np.ndarray]) -> Image.Image:
    """The region of each picture, enlarged without smoothing, on white."""
    parts = [Image.fromarray(pixels).crop(REGION) for pixels in pictures]
    width, height = parts[0].width * ZOOM, parts[0].height * ZOOM
    canvas = Image.new("RGB", (len(parts) * (width + GAP) - GAP, height), "white")
    for index, part in enumerate(parts):
        canvas.paste(part.resize((width, height), Image.Resampling.NEAREST), (index * (width + GAP), 0))
    return canvas


if __name__ == "__main__":
    main()
