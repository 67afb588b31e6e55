#!/usr/bin/env python3
"""Puts a trained base codec where the package ships it, with tables of symbols that photos were counted for.

scripts/package_learned.py run/base.safetensors --photos photos -o enhance/learned/base.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from enhance.learned.base_training import load_trained
from enhance.learned.counting import counted_tables
from enhance.learned.model import model_of, save_model, serialise
from enhance.learned.packing import pack
from enhance.learned.tables import logistic_tables
from enhance.training.crops import centre, find_images, load_image


def main() -> None:
    """Reads what a run saved, counts symbols, writes the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="what a run saved: base.safetensors")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="folders of training photos")
    parser.add_argument("--count", type=int, default=48, help="squares that are coded at each rate")
    options = parser.parse_args()
    codec, training = load_trained(options.run)
    paths = find_images(options.photos)
    squares = []
    for path in paths[:: max(1, len(paths) // options.count)]:
        photo = load_image(path)
        squares.append(np.ascontiguousarray(centre(photo, *(min(256, side) for side in photo.shape[:2]))))
    tables = counted_tables(model_of(codec, logistic_tables()), squares)
    save_model(pack(serialise(codec, tables, training)), options.output)


if __name__ == "__main__":
    main()
