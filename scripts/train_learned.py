#!/usr/bin/env python3
"""Trains the learned base codec on photos; `scripts/package_learned.py` makes of the run what ships.

scripts/train_learned.py photos/ -o run/ --minutes 68
scripts/train_learned.py photos/ -o run/ --minutes 68 --resume      # goes on where it was interrupted
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from enhance.learned.base_training import BaseTrainer, BaseTraining, start
from enhance.learned.network import LearnedCodec, LearnedConfig
from enhance.training.crops import find_images
from enhance.training.decoded import decode_once
from enhance.training.sources import Source


def main(arguments: Sequence[str] | None = None, network: LearnedConfig | None = None) -> int:
    """Trains, and says how far it came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+", help="folders of photos without visible compression")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the run's files")
    parser.add_argument("--minutes", type=float, default=68.0, help="of the whole run (default: %(default)s)")
    parser.add_argument("--crop", type=int, default=192, help="a multiple of 64 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="crops in a step (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=2.5e-3, help="at the beginning, linear to zero")
    parser.add_argument("--ema", type=float, default=0.99, help="decay of the weights' average")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the output folder")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    decoded = options.output / "decoded"
    photos = decode_once(find_images(options.photos), decoded, smallest=options.crop, workers=options.threads)
    torch.manual_seed(0)
    codec, source = LearnedCodec(network or LearnedConfig()), Source(photos)
    if not options.resume:
        start(codec, source)
    how = BaseTraining(options.minutes, crop=options.crop, batch=options.batch, lr=options.lr, ema=options.ema)
    trainer = BaseTrainer(codec, source, how, options.output)
    if options.resume:
        trainer.resume()
    trainer.run()
    sys.stdout.write(f"{options.output / 'base.safetensors'}: {trainer.step} steps\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
