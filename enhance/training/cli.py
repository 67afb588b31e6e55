"""`enhance train`: train, resume, fine-tune or calibrate a model on the user's own images."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from enhance.errors import UsageError
from enhance.knobs import SamplingDefaults
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import Denoiser, UNetConfig
from enhance.training.calibration import calibrate_jpeg
from enhance.training.crops import RandomCrops, batches, find_images, load_image, load_images
from enhance.training.degradation import JpegDegradation, Uint8
from enhance.training.loop import Trainer, TrainingConfig
from enhance.training.loss import Distance, Objective
from enhance.training.validation import Validation

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `enhance train`."""
    parser.add_argument("images", nargs="+", type=Path, help="folders of photos without visible compression")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the run's files")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--minutes", type=float, help="train for this long, decoding before it not counted (default: 60)")
    end.add_argument("--steps", type=int, help="end the run after this many optimiser steps")
    parser.add_argument("--calibrate", action="store_true", help="only measure s(q) and tau(q), and print them")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="continue the run in the output folder")
    start.add_argument("--init", type=Path, metavar="MODEL", help="start from the weights of a .safetensors model")
    parser.add_argument("--val", type=Path, help="folder of lossless images for the validation curve")
    parser.add_argument("--batch", type=int, default=16, help="crops per step (default: %(default)s)")
    parser.add_argument("--crop", type=int, default=128, help="side of a crop, a multiple of 16 (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=2e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument(
        "--ema", type=float, default=0.9995, help="decay of the weights' average (default: %(default)s)"
    )
    parser.add_argument(
        "--fidelity-share", type=float, default=0.6, help="share of crops at t = T (default: %(default)s)"
    )
    parser.add_argument(
        "--perceptual-weight", type=float, default=0.0, help="factor of LPIPS at t < T (default: %(default)s)"
    )
    parser.add_argument("--lpips", type=Path, metavar="FILE", help="LPIPS weights (.safetensors) for that factor")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that code crops (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="threads of the network on the CPU")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="between checkpoints (default: %(default)s)")
    parser.add_argument("--validate-minutes", type=float, default=10.0, help="between validations")
    parser.add_argument("--seed", type=int, default=0)


def main(args: argparse.Namespace) -> int:
    """Runs `enhance train`; returns the exit status. Raises EnhanceError."""
    if args.crop % 16 or args.crop < 16:
        raise UsageError(f"the side of a crop must be a multiple of 16, not {args.crop}")
    if not (args.resume or args.calibrate) and (args.output / "state.pt").exists():
        hint = "--resume continues it, another -o starts a new one"
        raise UsageError("this folder holds a run already", source=str(args.output), hint=hint)
    if args.perceptual_weight > 0 and args.lpips is None:
        raise UsageError("a perceptual weight needs LPIPS weights", hint="pass --lpips FILE")
    if args.threads:
        torch.set_num_threads(args.threads)
    threads = torch.get_num_threads()
    images = load_images(find_images(args.images), smallest=args.crop, workers=max(args.workers, threads))
    crops = RandomCrops(images, args.crop, JpegDegradation(), args.seed)
    if args.calibrate:
        scale, threshold = calibrate_jpeg(_calibration_crops(crops))
        for level, s, tau in zip(scale.levels, scale.values, threshold.values):
            sys.stdout.write(f"quality {level:3.0f}  s {s:.5f}  tau {tau:.3f}\n")
        return 0
    trainer = _make_trainer(args, crops)
    crops.seed += trainer.progress.step  # a resumed run must not see its first crops again
    validation = Validation([load_image(path) for path in find_images([args.val])]) if args.val else None
    stream = batches(crops, args.batch, workers=args.workers, pin=trainer.device.type == "cuda")
    trainer.run(stream, args.output, validation)
    logger.info("the model is in %s", args.output / "model.safetensors")
    return 0


def _make_trainer(args: argparse.Namespace, crops: RandomCrops) -> Trainer:
    minutes = args.minutes if args.minutes or args.steps else 60.0
    config = TrainingConfig(
        minutes=minutes,
        steps=args.steps,
        lr=args.lr,
        ema=args.ema,
        save_minutes=args.save_minutes,
        validate_minutes=args.validate_minutes,
        objective=Objective(fidelity_share=args.fidelity_share, perceptual_weight=args.perceptual_weight),
        seed=args.seed,
    )
    torch.manual_seed(args.seed)
    earlier: dict[str, Any] = {}
    sampling: SamplingDefaults | None = None
    if args.init:
        checkpoint = load_checkpoint(args.init)
        denoiser = checkpoint.denoiser.train().requires_grad_(True)
        scale, threshold = checkpoint.residual_scale, checkpoint.threshold
        sampling, earlier = checkpoint.sampling, {"init": checkpoint.training}
    else:
        denoiser = Denoiser(UNetConfig())
        scale, threshold = calibrate_jpeg(_calibration_crops(crops))
    device = torch.device(args.device)
    description = {
        "images": len(crops.images),
        "megapixels": round(sum(image.shape[0] * image.shape[1] for image in crops.images) / 1e6, 1),
        "batch": args.batch,
        "crop": args.crop,
        "device": device.type,
        "revision": _revision(),
        **earlier,
    }
    trainer = Trainer(
        denoiser,
        scale,
        threshold,
        config,
        sampling=sampling,
        device=device,
        compile=device.type == "cuda",
        distance=_distance(args, device),
        description=description,
    )
    if args.resume:
        trainer.resume(args.output / "state.pt")
    return trainer


def _distance(args: argparse.Namespace, device: torch.device) -> Distance | None:
    if args.perceptual_weight <= 0:
        return None
    from enhance.evaluation.lpips import LPIPS

    return LPIPS.load("squeeze" if "squeeze" in args.lpips.name else "alex", args.lpips).to(device)


def _calibration_crops(crops: RandomCrops, count: int = 256) -> list[Uint8]:
    rng = np.random.default_rng(0)
    return [crops.draw(crops.pick(rng), rng) for _ in range(count)]


def _revision() -> str:
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
