#!/usr/bin/env python3
"""Puts a trained model where the package ships it, with the sampler's settings that validation images chose.

    scripts/package_model.py run/model.safetensors -o enhance/weights/jpeg.safetensors \\
        --start 0.9 --balanced 2 1.0 --perceptual 3 1.0

With `--average` it is the mean of several models' weights, with `--looks` a stronger one in what its positions do.

The weights are stored in float16; `enhance eval` before and after shows that this costs nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from enhance.knobs import SamplingDefaults
from enhance.models.checkpoint import load_checkpoint, save_checkpoint
from enhance.training.averaging import average_checkpoints
from enhance.training.crops import centre, find_images, load_image
from enhance.training.degradation import Uint8
from enhance.training.trust_calibration import calibrate_trust
from enhance.training.vvc_trust import calibrate_vvc_trust


def main() -> None:
    """Reads a checkpoint, sets its sampling defaults, writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--average", type=Path, nargs="+", default=[], metavar="MODEL", help="with these models")
    parser.add_argument("--shares", type=float, nargs="+", metavar="S", help="of each model in it (default: equal)")
    parser.add_argument("--looks", type=float, default=1.0, help="factor on what positions do (default: %(default)s)")
    standard = SamplingDefaults()
    parser.add_argument("--start", type=float, default=standard.start, help="noise level t_s of the late start")
    parser.add_argument("--init", choices=["mmse", "gaussian"], default=standard.init)
    parser.add_argument("--sampler", choices=["ddim", "ddpm"], default=standard.sampler, help="of more than one step")
    for mode in standard.modes:
        parser.add_argument(f"--{mode}", nargs=2, metavar=("STEPS", "PERCEPTION"), required=True)
    parser.add_argument("--photos", type=Path, nargs="+", default=[], help="folders on which to measure its trust")
    parser.add_argument("--graphics", type=Path, nargs="+", default=[], help="likewise, of pictures that are no photos")
    parser.add_argument("--fall", type=float, default=5.0, help="how steeply trust falls (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="VVC: for the coded pictures (default: beside the output)")
    options = parser.parse_args()
    modes = {}
    for mode in standard.modes:
        steps, perception = getattr(options, mode)
        modes[mode] = {"steps": int(steps), "perception": float(perception)}
    sampling = SamplingDefaults(options.start, options.init, options.sampler, modes=modes)
    model = load_checkpoint(options.model)
    if options.average:
        models = [model, *map(load_checkpoint, options.average)]
        model = average_checkpoints(models, options.shares, options.looks)
    if options.photos:
        count = 32 if model.codec == "vvc" else 64
        photos, graphics = (_squares(folders, count) for folders in (options.photos, options.graphics))
        trust = (
            calibrate_vvc_trust(model, photos, graphics, options.cache or options.output.with_suffix(".coded"))
            if model.codec == "vvc"
            else calibrate_trust(model, photos, graphics, fall=options.fall)
        )
        model = dataclasses.replace(model, trust=trust)
    save_checkpoint(dataclasses.replace(model, sampling=sampling), options.output)


def _squares(folders: list[Path], count: int, side: int = 160) -> list[Uint8]:
    """The middles of pictures from all over some folders."""
    paths = find_images(folders) if folders else []
    squares: list[Uint8] = []
    for index in np.random.default_rng(0).permutation(len(paths)):
        if len(squares) == count:
            break
        picture = load_image(paths[index])
        if min(picture.shape[:2]) >= side:
            squares.append(np.ascontiguousarray(centre(picture, side, side)))
    return squares


if __name__ == "__main__":
    main()
