"""`enhance train`: train, resume, fine-tune or calibrate a model on the user's own images."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from enhance.errors import UsageError
from enhance.knobs import SamplingDefaults
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import Denoiser, UNetConfig
from enhance.training.crops import batches
from enhance.training.looks import SeenDistance
from enhance.training.loop import Trainer, TrainingConfig
from enhance.training.loss import Looks, Objective
from enhance.training.material import Material, prepare_jpeg, prepare_vvc
from enhance.training.sources import Shares

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
    _add_codec(parser.add_argument_group("base codec"))
    _add_material(parser.add_argument_group("pictures that are not photos (JPEG only)"))
    parser.add_argument("--batch", type=int, default=16, help="crops per step (default: %(default)s)")
    parser.add_argument("--crop", type=int, default=128, help="side of a crop, a multiple of 16 (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=2e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument(
        "--ema", type=float, default=0.9995, help="decay of the weights' average (default: %(default)s)"
    )
    _add_objective(parser.add_argument_group("what is learned"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that code crops (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="threads of the network on the CPU")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="between checkpoints (default: %(default)s)")
    parser.add_argument("--validate-minutes", type=float, default=10.0, help="between validations")
    parser.add_argument("--seed", type=int, default=0)


def _add_objective(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--lpips",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="LPIPS weights (.safetensors; squeeze in the name, or alex) by which good looks are learned; "
        "with several files their mean",
    )
    group.add_argument(
        "--looks-share",
        type=float,
        help="share of the crops that are trained for looks, at a position between the mean (0) and the best looks (1) "
        "(default: 0.2 with --lpips, 0 without)",
    )
    group.add_argument(
        "--posterior-share",
        type=float,
        default=0.2,
        help="share of the crops with noise in, for sampling in many steps; what is left of both shares are means, the "
        "picture with the smallest error (default: %(default)s)",
    )
    group.add_argument(
        "--looks-weight", type=float, default=2.0, help="factor of LPIPS at position 1 (default: %(default)s)"
    )


def _add_material(group: argparse._ArgumentGroup) -> None:
    shares = Shares()
    group.add_argument(
        "--graphics",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="folders of screenshots, documents, comics",
    )
    for name, what in (("graphics-share", "of these"), ("drawings", "drawn by chance"), ("neutral", "without colour")):
        default = getattr(shares, name.removesuffix("-share"))
        group.add_argument(
            f"--{name}", type=float, default=default, metavar="SHARE", help=f"of crops {what} (default: %(default)s)"
        )


def _add_codec(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--codec", choices=["jpeg", "vvc"], default="jpeg", help="default: %(default)s")
    group.add_argument(
        "--streams",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="VVC: streams FOLDER_STEM_qpQP.266 of central squares of the images FOLDER/STEM.*",
    )
    group.add_argument(
        "--pairs",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="VVC: pairs that are in the caches of earlier runs",
    )
    group.add_argument(
        "--squares",
        type=int,
        metavar="N",
        help="VVC: squares of each image to code by libvvenc at random QPs "
        "(default: 2, or 0 with --streams or --pairs)",
    )
    group.add_argument(
        "--preset", default="fast", help="VVC: of libvvenc, for training and validation (default: %(default)s)"
    )
    group.add_argument("--cache", type=Path, metavar="FOLDER", help="VVC: for the pairs (default: pairs in -o)")


def main(args: argparse.Namespace) -> int:
    """Runs `enhance train`; returns the exit status. Raises EnhanceError."""
    _check(args)
    # SiLU of very negative values makes denormal numbers, which slow weight gradients in float32 by up to 20 times. The
    # pool's threads take the setting over from the thread that makes them, so it comes before the first operation.
    torch.set_flush_denormal(True)
    if args.threads:
        torch.set_num_threads(args.threads)
    material = prepare_vvc(args) if args.codec == "vvc" else prepare_jpeg(args)
    if args.calibrate:
        scale, threshold = material.calibrate()
        for level, s, tau in zip(scale.levels, scale.values, threshold.values):
            sys.stdout.write(f"{'qp' if args.codec == 'vvc' else 'quality'} {level:3.0f}  s {s:.5f}  tau {tau:.3f}\n")
        return 0
    trainer = _make_trainer(args, material)
    material.crops.seed += trainer.progress.step  # a resumed run must not see its first crops again
    stream = batches(material.crops, args.batch, workers=args.workers, pin=trainer.device.type == "cuda")
    trainer.run(stream, args.output, material.validation() if args.val else None)
    logger.info("the model is in %s", args.output / "model.safetensors")
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.crop % 16 or args.crop < 16:
        raise UsageError(f"the side of a crop must be a multiple of 16, not {args.crop}")
    if not (args.resume or args.calibrate) and (args.output / "state.pt").exists():
        hint = "--resume continues it, another -o starts a new one"
        raise UsageError("this folder holds a run already", source=str(args.output), hint=hint)
    shares = args.posterior_share, _looks_share(args)
    if min(shares) < 0 or sum(shares) > 1:
        raise UsageError("the shares of a batch must be from 0 to 1, together too", hint="what is left are means")
    if _looks_share(args) and not args.lpips:
        raise UsageError("looks cannot be learned without a measure of them", hint="pass --lpips FILE")
    for name in ("graphics_share", "drawings", "neutral"):
        if not 0 <= getattr(args, name) <= 1:
            raise UsageError(f"--{name.replace('_', '-')} must be from 0 to 1, not {getattr(args, name)}")
    if args.codec != "vvc" and (args.streams or args.pairs or args.squares is not None or args.cache):
        raise UsageError("--streams, --pairs, --squares and --cache are for --codec vvc")


def _make_trainer(args: argparse.Namespace, material: Material) -> Trainer:
    minutes = args.minutes if args.minutes or args.steps else 60.0
    config = TrainingConfig(
        minutes=minutes,
        steps=args.steps,
        lr=args.lr,
        ema=args.ema,
        save_minutes=args.save_minutes,
        validate_minutes=args.validate_minutes,
        objective=Objective(
            looks_share=_looks_share(args),
            posterior_share=args.posterior_share,
            looks_weight=args.looks_weight,
        ),
        seed=args.seed,
    )
    torch.manual_seed(args.seed)
    earlier: dict[str, Any] = {}
    sampling: SamplingDefaults | None = None
    denoiser, tables = None, None
    if args.init:
        checkpoint = load_checkpoint(args.init)
        denoiser = checkpoint.denoiser.widened().train().requires_grad_(True)
        sampling, earlier = checkpoint.sampling, {"init": {"codec": checkpoint.codec, **checkpoint.training}}
        if checkpoint.codec == args.codec:
            tables = checkpoint.residual_scale, checkpoint.threshold
    scale, threshold = tables or material.calibrate()
    device = torch.device(args.device)
    description = {
        **material.description,
        "batch": args.batch,
        "crop": args.crop,
        "device": device.type,
        "revision": _revision(),
        **earlier,
    }
    trainer = Trainer(
        denoiser or Denoiser(UNetConfig()),
        scale,
        threshold,
        config,
        codec=args.codec,
        sampling=sampling,
        device=device,
        compile=device.type == "cuda",
        distance=_distance(args, device),
        description=description,
    )
    if args.resume:
        trainer.resume(args.output / "state.pt")
    return trainer


def _distance(args: argparse.Namespace, device: torch.device) -> Looks | None:
    if not _looks_share(args):
        return None
    from enhance.evaluation.metrics.lpips import LPIPS

    return SeenDistance(
        [LPIPS.load("squeeze" if "squeeze" in file.name else "alex", file).to(device) for file in args.lpips]
    )


def _looks_share(args: argparse.Namespace) -> float:
    given: float | None = args.looks_share
    return given if given is not None else (0.2 if args.lpips else 0.0)


def _revision() -> str:
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
