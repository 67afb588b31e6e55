#!/usr/bin/env python3
"""Makes the picture of the README: a photo coded as JPEG, and what this package makes of it.

    scripts/before_after.py [--quality 10] [-o scripts/before_after.png]

It is a page of crops (`crop_sheet.py`) with one row, without labels: the JPEG, `--mode balanced`, `perceptual`, the
original. The photo is scikit-image's `astronaut` (NASA, public domain).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from crop_sheet import REGIONS, draw, make_strip, save

from enhance import Enhancer
from enhance.evaluation.measuring.measurement import BASELINE, ORIGINAL
from enhance.evaluation.measuring.protocol import JpegProtocol


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quality", type=int, default=10, help="IJG quality of the JPEG (default: %(default)s)")
    parser.add_argument("--model", help="a checkpoint other than the one that ships")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".png"))
    options = parser.parse_args()
    columns, protocol = (BASELINE, "balanced", "perceptual", ORIGINAL), JpegProtocol((options.quality,))
    strip = make_strip("portrait", REGIONS["portrait"], columns, protocol, options.quality, Enhancer(options.model))
    save(draw([strip], has_labels=False), options.output)


if __name__ == "__main__":
    main()
