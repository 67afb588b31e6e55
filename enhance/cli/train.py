"""`enhance train`: train, resume, fine-tune or calibrate a model on the user's own images."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from enhance.cli.options import add_progress_argument
from enhance.codecs.registry import level_name
from enhance.diffusion.thresholds import RateTable
from enhance.errors import UsageError
from enhance.knobs import SamplingDefaults
from enhance.learned.material import learned_material
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import Denoiser, UNetConfig
from enhance.runtime import set_threads
from enhance.training.arithmetic import DTYPES, make_fast
from enhance.training.crops import batches
from enhance.training.looks import SeenDistance, backbone_of
from enhance.training.loop import Trainer, TrainingConfig
from enhance.training.loss import Looks, Objective
from enhance.training.material import Material, ValidationSet, jpeg_material, vvc_material
from enhance.training.ranks import FAR, Ranks, joined
from enhance.training.revision import revision
from enhance.training.sources import Shares

logger = logging.getLogger(__name__)

_UNKNOWN = RateTable((0.0,), (1.0,))
_MOST_PAIRS = 0.9
"""Of graphics and drawings among the pairs of VVC: so many are made that they have their share beside the others."""


SYMBOLS = """
The symbols: x is the original, x~ what the decoder gives, q the rate (JPEG quality, QP); r = (x - x~) / s(q) is the
residual that the network learns to predict, s(q) its RMS at the rate q; tau(q) is the limit of its values, a
percentile of real residuals; t is the noise level, 1 (all noise) to 0; EMA is the exponential moving average of the
weights.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `enhance train`."""
    parser.usage = "enhance train FOLDER... -o RUN [--minutes M] [--val FOLDER] [options]"
    parser.epilog = SYMBOLS
    parser.add_argument("images", nargs="+", type=Path, help="folders of photos without visible compression")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the run's files")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--minutes", type=float, help="train for this long, decoding before it not counted (default: 60)")
    end.add_argument("--steps", type=int, help="end the run after this many optimiser steps")
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="only measure s(q), the RMS of residuals at each rate, and tau(q), their limit; print them",
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="continue the run in the output folder")
    start.add_argument("--init", type=Path, metavar="MODEL", help="start from the weights of a .safetensors model")
    parser.add_argument(
        "--widths",
        type=int,
        nargs=4,
        metavar="N",
        help="channels of a new network at 1/2, 1/4, 1/8 and 1/16 of the resolution "
        f"(default: {' '.join(map(str, UNetConfig().widths))})",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="for decoded pictures and VVC pairs (default: in the run's folder)"
    )
    _add_codec(parser.add_argument_group("base codec"))
    _add_material(parser.add_argument_group("pictures that are not photos"))
    _add_steps(parser.add_argument_group("steps"))
    _add_objective(parser.add_argument_group("what is learned"))
    _add_machine(parser.add_argument_group("machine"))
    _add_watching(parser.add_argument_group("watching the run"))


def _add_steps(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--batch", type=int, default=16, help="crops at a time (default: %(default)s)")
    group.add_argument(
        "--accumulate",
        type=int,
        default=1,
        metavar="N",
        help="batches in a step: larger steps without more memory (default: %(default)s)",
    )
    group.add_argument("--crop", type=int, default=128, help="side of a crop, a multiple of 16 (default: %(default)s)")
    group.add_argument(
        "--lr", type=float, default=2e-3, help="learning rate, the largest of the run (default: %(default)s)"
    )
    group.add_argument(
        "--schedule",
        choices=["linear", "constant"],
        default="linear",
        help="how the learning rate goes on: linearly to zero at the end of the run, or constant, so that the run can "
        "be made longer at any time (default: %(default)s)",
    )
    group.add_argument(
        "--anneal",
        type=float,
        default=0.0,
        metavar="MINUTES",
        help="with --schedule constant: bring the learning rate to zero in the last minutes (default: %(default)s)",
    )
    group.add_argument("--ema", type=float, default=0.9995, help="decay of the weights' average (default: %(default)s)")
    group.add_argument("--seed", type=int, default=0, help="of crops and noise (default: %(default)s)")


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cpu, cuda or cuda:N (default: %(default)s)",
    )
    group.add_argument(
        "--dtype",
        choices=["auto", *DTYPES],
        default="auto",
        help="arithmetic of the network; auto measures both at the start and takes the faster (default: %(default)s)",
    )
    group.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="compile the network: minutes at the start for faster steps; on a CPU it needs a C++ compiler "
        "(default: on CUDA only)",
    )
    group.add_argument("--workers", type=int, default=1, help="processes that code crops (default: %(default)s)")
    group.add_argument("--threads", type=int, help="threads of the network on the CPU (default: all)")


def _add_watching(group: argparse._ArgumentGroup) -> None:
    add_progress_argument(group)
    group.add_argument("--val", type=Path, metavar="FOLDER", help="lossless photos for the validation curve")
    group.add_argument(
        "--val-graphics",
        type=Path,
        metavar="FOLDER",
        help="lossless pictures that are not photos, likewise (JPEG only)",
    )
    group.add_argument("--save-minutes", type=float, default=5.0, help="between checkpoints (default: %(default)s)")
    group.add_argument(
        "--validate-minutes", type=float, default=10.0, help="between validations (default: %(default)s)"
    )


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
        help="folders of screenshots, documents, comics (not for the learned codec); for VVC they are coded first, as "
        "pictures and as recordings of screens",
    )
    kinds = {"graphics-share": "of these", "drawings": "drawn by chance", "neutral": "without colour"}
    for name, what in kinds.items():
        default = getattr(shares, name.removesuffix("-share"))
        told = f"{default}, for VVC 0 without --graphics" if name == "drawings" else str(default)
        group.add_argument(f"--{name}", type=float, metavar="SHARE", help=f"of crops {what} (default: {told})")


def _add_codec(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--codec", choices=list(_MATERIAL), default="jpeg", help="that it is trained for (default: %(default)s)"
    )
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
        help="VVC, learned: squares of each image to code at random rates "
        "(default: 2, or 0 with --streams, --clips or --pairs)",
    )
    group.add_argument(
        "--base", type=Path, metavar="MODEL", help="learned: the codec's own model (default: the one that ships)"
    )
    group.add_argument(
        "--clips", type=int, default=0, metavar="N", help="VVC: clips of moving images to code as video, by libvvenc"
    )
    group.add_argument(
        "--preset", default="fast", help="VVC: of libvvenc, for training and validation (default: %(default)s)"
    )


def main(args: argparse.Namespace) -> int:
    """Runs `enhance train`; returns the exit status. Raises EnhanceError."""
    _check(args)
    make_fast(args.device)
    set_threads(args.threads)
    with ExitStack() as until_done:
        ranks = until_done.enter_context(joined(args.device))
        if args.calibrate and not args.cache:  # nothing is left of what is only measured
            args.cache = Path(until_done.enter_context(TemporaryDirectory()))
        with ranks.first_alone():
            material = _MATERIAL[args.codec](args)
        if args.calibrate:
            _print_tables(args.codec, *material.calibrate())
        else:
            _train(args, material, ranks)
    return 0


def _jpeg_material(args: argparse.Namespace) -> Material:
    cache = args.cache or args.output / "decoded"
    return jpeg_material(args.images, cache, graphics=args.graphics, shares=_shares(args), **_common(args))


def _vvc_material(args: argparse.Namespace) -> Material:
    own = {name: getattr(args, name) for name in ("streams", "pairs", "squares", "clips", "graphics", "preset")}
    if args.graphics or args.drawings:
        own["shares"] = _shares(args)
    return vvc_material(args.images, args.cache or args.output / "pairs", **own, **_common(args))


def _shares(args: argparse.Namespace) -> Shares:
    """Of the kinds of pictures; what the user leaves open is as by default."""
    asked = {"graphics": args.graphics_share, "drawings": args.drawings, "neutral": args.neutral}
    return Shares(**{name: share for name, share in asked.items() if share is not None})


def _common(args: argparse.Namespace) -> dict[str, Any]:
    """What material of any codec is asked for."""
    validation = ValidationSet(args.val, args.val_graphics, args.lpips[0] if args.lpips else None)
    workers = max(args.workers, torch.get_num_threads())
    return {"crop": args.crop, "seed": args.seed, "workers": workers, "validation": validation}


def _learned_material(args: argparse.Namespace) -> Material:
    own = {"base": args.base, "squares": args.squares, "shares": replace(_shares(args), graphics=0.0)}
    return learned_material(args.images, args.cache or args.output / "pairs", **own, **_common(args))


_MATERIAL: dict[str, Callable[[argparse.Namespace], Material]] = {
    "jpeg": _jpeg_material,
    "vvc": _vvc_material,
    "learned": _learned_material,
}


def _print_tables(codec: str, scale: RateTable, threshold: RateTable) -> None:
    name = level_name(codec).lower()
    for level, s, tau in zip(scale.levels, scale.values, threshold.values):
        sys.stdout.write(f"{name} {level:3.0f}  s {s:.5f}  tau {tau:.3f}\n")


def _train(args: argparse.Namespace, material: Material, ranks: Ranks) -> None:
    trainer = _make_trainer(args, material, ranks)
    # A resumed run must not see its first crops again, nor one process those of another.
    material.crops.seed += trainer.progress.step + FAR * ranks.rank
    stream = batches(material.crops, args.batch, workers=args.workers, pin=trainer.device.type == "cuda")
    if args.dtype == "auto" and trainer.device.type == "cpu":
        trainer.choose_dtype(next(stream))
    validation = material.validation() if ranks.is_first and (args.val or args.val_graphics) else None
    trainer.run(stream, args.output, validation)
    if ranks.is_first:
        logger.info("the model is in %s", args.output / "model.safetensors")


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
    _check_shares(args)
    if args.codec != "vvc" and (args.streams or args.pairs or args.clips):
        raise UsageError("--streams, --pairs and --clips are for --codec vvc")
    if args.codec == "jpeg" and args.squares is not None:
        raise UsageError("--squares is for --codec vvc and learned")
    if args.squares is not None and args.squares < (args.codec == "learned"):
        raise UsageError(f"--squares must be at least {int(args.codec == 'learned')}, not {args.squares}")
    if args.codec != "learned" and args.base:
        raise UsageError("--base is for --codec learned")
    if args.init and args.widths:
        raise UsageError("--widths are of a new network, and --init has its own")
    if args.val_graphics and not args.val:
        raise UsageError("--val-graphics goes beside the photos of --val")
    _check_steps(args)


def _check_shares(args: argparse.Namespace) -> None:
    for name in ("graphics_share", "drawings", "neutral"):
        share = getattr(args, name)
        if share is not None and not 0 <= share <= 1:
            raise UsageError(f"--{name.replace('_', '-')} must be from 0 to 1, not {share}")
    together = _shares(args).graphics + _shares(args).drawings
    if together > 1:
        raise UsageError("--graphics-share and --drawings are more than 1 together")
    if args.codec == "vvc" and together > _MOST_PAIRS:
        raise UsageError(f"--graphics-share and --drawings are at most {_MOST_PAIRS} together for VVC")
    if args.codec == "learned" and args.graphics:
        raise UsageError("--graphics is not for --codec learned")


def _check_steps(args: argparse.Namespace) -> None:
    if min(args.batch, args.accumulate) < 1:
        raise UsageError("--batch and --accumulate must be at least 1")
    if args.anneal < 0 or (args.anneal and (args.schedule != "constant" or args.steps)):
        raise UsageError("--anneal takes minutes of a run with --minutes and --schedule constant")


def _configure(args: argparse.Namespace) -> TrainingConfig:
    minutes = args.minutes if args.minutes or args.steps else 60.0
    return TrainingConfig(
        minutes=minutes,
        steps=args.steps,
        accumulate=args.accumulate,
        lr=args.lr,
        schedule=args.schedule,
        anneal=min(args.anneal / minutes, 1.0) if args.anneal else 0.0,
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


def _make_trainer(args: argparse.Namespace, material: Material, ranks: Ranks) -> Trainer:
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
    if args.resume:
        tables = _UNKNOWN, _UNKNOWN  # until the run's own are read
    scale, threshold = tables or material.calibrate()
    description = {
        **material.description,
        "batch": args.batch,
        "crop": args.crop,
        "device": ranks.device.type,
        "revision": revision(),
        **earlier,
    }
    trainer = Trainer(
        denoiser or Denoiser(_network(args)),
        scale,
        threshold,
        _configure(args),
        codec=args.codec,
        sampling=sampling,
        ranks=ranks,
        dtype=DTYPES.get(args.dtype, torch.bfloat16),
        compile=ranks.device.type == "cuda" if args.compile is None else args.compile,
        distance=_distance(args, ranks.device),
        description=description,
    )
    if args.resume:
        trainer.resume(args.output / "state.pt")
    return trainer


def _network(args: argparse.Namespace) -> UNetConfig:
    return UNetConfig() if args.widths is None else UNetConfig(widths=tuple(args.widths))


def _distance(args: argparse.Namespace, device: torch.device) -> Looks | None:
    if not _looks_share(args):
        return None
    from enhance.evaluation.metrics.lpips import LPIPS

    networks = [LPIPS.load(*backbone_of(file)).to(device) for file in args.lpips]
    return SeenDistance([network.to(memory_format=torch.channels_last) for network in networks])  # type: ignore[call-overload]


def _looks_share(args: argparse.Namespace) -> float:
    given: float | None = args.looks_share
    return given if given is not None else (0.2 if args.lpips else 0.0)
