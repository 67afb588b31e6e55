"""What a run learns from: crops, their calibration, and validation images, for each base codec."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from enhance.diffusion.thresholds import RateTable
from enhance.evaluation.metrics.perceptual import LpipsDistance
from enhance.training.calibration import calibrate_jpeg
from enhance.training.crops import RandomCrops, find_images, load_readable
from enhance.training.decoded import decode_once
from enhance.training.degradation import JpegDegradation
from enhance.training.looks import backbone_of
from enhance.training.sources import Shares, Source
from enhance.training.validation import POSITIONS, Validation
from enhance.training.vvc_pairs import PairCrops, calibrate_pairs, code_photos, find_pairs, find_streams, take_streams

_CALIBRATION_CROPS = 256
_VVC_SQUARES = 2


@dataclass(frozen=True)
class Material:
    """What a run learns from.

    Attributes:
        crops: the endless stream of crops.
        calibrate: measures s(q) and τ(q).
        validation: prepares the validation images.
        description: what the checkpoint says of it.
    """

    crops: RandomCrops | PairCrops
    calibrate: Callable[[], tuple[RateTable, RateTable]]
    validation: Callable[[], Validation]
    description: dict[str, Any]


def prepare_jpeg(args: argparse.Namespace) -> Material:
    """Pictures in memory and drawings, coded crop by crop. Options as `cli.train` declares; raises EnhanceError."""
    workers = max(args.workers, torch.get_num_threads())
    cache = args.cache or args.output / "decoded"
    options = {"smallest": args.crop, "workers": workers}
    images = decode_once(find_images(args.images), cache, **options)
    graphics = decode_once(find_images(args.graphics), cache, **options) if args.graphics else []
    shares = Shares(graphics=args.graphics_share, drawings=args.drawings, neutral=args.neutral)
    source = Source(images, graphics, shares)
    crops = RandomCrops(source, args.crop, JpegDegradation(), args.seed)

    def calibrate() -> tuple[RateTable, RateTable]:
        rng = np.random.default_rng(0)
        return calibrate_jpeg([source.photo(rng, args.crop) for _ in range(_CALIBRATION_CROPS)])

    def validation() -> Validation:
        photos, drawn = (load_readable(find_images([f])) if f else [] for f in (args.val, args.val_graphics))
        return Validation.of_jpegs(photos, graphics=drawn, **_looks(args))

    megapixels = sum(shape[0] * shape[1] for shape in images.shapes) / 1e6
    description = {"images": len(images), "megapixels": round(megapixels, 1), "graphics": len(graphics)}
    return Material(crops, calibrate, validation, {**description, "shares": asdict(shares)})


def _looks(args: argparse.Namespace) -> dict[str, Any]:
    """How looks are validated: by the first of the networks that they are learned from, where there are such."""
    if not args.lpips:
        return {}
    return {"positions": POSITIONS, "distance": LpipsDistance(*backbone_of(args.lpips[0]))}


def prepare_vvc(args: argparse.Namespace) -> Material:
    """Pairs that were coded and decoded once. Options as `cli.train` declares them; raises EnhanceError."""
    workers = max(args.workers, torch.get_num_threads())
    cache = args.cache or args.output / "pairs"
    photos = find_images(args.images)
    pairs = take_streams(find_streams(args.streams), photos, cache, workers=workers) if args.streams else []
    pairs += find_pairs(args.pairs)
    squares = args.squares if args.squares is not None else (0 if pairs else _VVC_SQUARES)
    if squares:
        pairs += code_photos(photos, cache, squares=squares, preset=args.preset, seed=args.seed, workers=workers)
    crops = PairCrops(pairs, args.crop, args.seed)

    def validation() -> Validation:
        images = load_readable(find_images([args.val]))
        return Validation.of_vvc(images, cache / "validation", preset=args.preset, workers=workers, **_looks(args))

    megapixels = sum(pair[0].shape[0] * pair[0].shape[1] for pair in crops.pairs) / 1e6
    description = {"images": len(photos), "pairs": len(crops.pairs), "megapixels": round(megapixels, 1)}
    return Material(crops, lambda: calibrate_pairs(pairs), validation, description)
