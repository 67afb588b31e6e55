#!/usr/bin/env python3
"""Measures the blind estimate of how a picture was coded: how often it is wrong, and what it is worth.

alarms    files that were coded once, and originals: how often something is told, and what the picture loses by it
accuracy  how often quality, grid, scale and chroma are right, in PNGs, files saved again, and scaled ones
gains     PSNR gained with the shipped model, without a hint and with the right one
projection  whether a file that was saved again should be projected onto its last coding, the first, both, or neither
cost      CPU time of the estimate beside one step of the network

    scripts/measure_blind.py alarms accuracy --originals PHOTOS GRAPHICS

A folder with an INDEX.tsv (columns `file` and `kind`) is told apart by kind, others by their names. Tables go to
stdout, progress to stderr. Originals that were JPEGs once (pictures of the BSD set, for instance) are told as such.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from estimates.accuracy import measure_accuracy
from estimates.alarms import measure_alarms
from estimates.cost import measure_cost
from estimates.gains import measure_gains
from estimates.projection import measure_projection
from measure_harm import find_originals

import enhance
from enhance.knobs import MODES

_PARTS = ("alarms", "accuracy", "gains", "projection", "cost")
_ONCE = [5, 20, 40, 60, 75, 85, 95]
_LOSSLESS = [5, 10, 20, 40, 60, 80]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=_PARTS, metavar="PART")
    parser.add_argument("--originals", nargs="+", type=Path, default=[], metavar="DIR", help="pictures as they were")
    parser.add_argument("--once", nargs="+", type=int, default=_ONCE, metavar="Q", help="qualities for the alarms")
    parser.add_argument("--lossless", nargs="+", type=int, default=_LOSSLESS, metavar="Q", help="PNGs for the gains")
    parser.add_argument("--modes", nargs="+", default=["balanced"], choices=MODES, help="for the gains")
    parser.add_argument("--every", type=int, default=1, help="take every so-many-th picture")
    parser.add_argument("--crop", type=int, help="take the first so many rows and columns")
    parser.add_argument("--model", type=Path, help="a checkpoint other than the one that ships")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    enhancer = enhance.Enhancer(options.model, threads=options.threads)
    originals = list(find_originals(options.originals, options.crop, options.every))
    if not originals and options.parts != ["cost"]:
        parser.error("--originals: where are the pictures?")
    measured: dict[str, Callable[[], str]] = {
        "alarms": lambda: measure_alarms(enhancer, originals, options.once),
        "accuracy": lambda: measure_accuracy(originals),
        "gains": lambda: measure_gains(enhancer, originals, options.lossless, options.modes),
        "projection": lambda: measure_projection(enhancer, originals, options.modes),
        "cost": lambda: measure_cost(enhancer),
    }
    for part in options.parts:
        sys.stdout.write(f"{part}\n\n{measured[part]()}\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
