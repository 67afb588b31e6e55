"""What the enhancer of the learned codec learns from: pairs of squares, calibration, and validation pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from enhance.frames.depth import code_values, to_dtype
from enhance.images import Rate
from enhance.learned.coding import decoded_at
from enhance.learned.model import SHIPPED, LearnedModel, open_model
from enhance.learned.pairs import SIDE, LearnedCrops, calibrate_pairs, code_squares
from enhance.learned.rate import LearnedRate
from enhance.training.crops import centre, find_images, load_readable
from enhance.training.decoded import decode_once
from enhance.training.degradation import Uint8
from enhance.training.material import Material, ValidationSet
from enhance.training.sources import Shares, Source
from enhance.training.validation import CodedSet, Decoded, Validation

_SQUARES = 2
_GRID = 16


def learned_material(
    photos: Sequence[Path],
    cache: Path,
    *,
    crop: int,
    base: Path | None = None,
    squares: int | None = None,
    shares: Shares | None = None,
    validation: ValidationSet | None = None,
    seed: int = 0,
    workers: int = 1,
) -> Material:
    """Pairs that the base codec coded and decoded once.

    Args:
        photos: folders of pictures.
        cache: folder for decoded pictures and pairs.
        crop: side of the crops in pixels.
        base: the codec's own model; by default the one that ships.
        squares: to code for each picture; by default 2. They are drawn by the pictures' areas.
        shares: how often which kind of picture is taken.
        validation: what the run is validated on.
        seed: of squares, rates and crops.
        workers: threads that decode.

    Raises:
        EnhanceError: there are no pictures, none can be used, or there is no such model.
    """
    model, asked = open_model(base or SHIPPED), validation or ValidationSet()
    images = decode_once(find_images(photos), cache, smallest=SIDE, workers=workers)
    shares = shares or Shares()
    count = len(images) * (_SQUARES if squares is None else squares)
    pairs = code_squares(Source(images, (), shares), model, cache, count=count, seed=seed)

    def validate() -> Validation:
        seen = load_readable(find_images([asked.photos])) if asked.photos else []
        return validation_of(seen, model, asked)

    description = {"images": len(images), "pairs": len(pairs), "shares": asdict(shares), "base": model.sha256}
    return Material(LearnedCrops(pairs, crop, seed), lambda: calibrate_pairs(pairs), validate, description)


def validation_of(photos: Sequence[Uint8], model: LearnedModel, asked: ValidationSet | None = None) -> Validation:
    """The photos' central squares, coded at every rate."""
    originals = [_centre(photo) for photo in photos]
    coded: list[tuple[Rate, list[Decoded]]] = [
        (LearnedRate(rate), [_decoded(original, rate, model) for original in originals])
        for rate in range(1, model.rates + 1)
    ]
    return Validation(CodedSet(originals, coded), **(asked.how_looks if asked else {}))


def _decoded(original: Uint8, rate: int, model: LearnedModel) -> Decoded:
    """In 8-bit code values, as pairs hold it."""
    return code_values(to_dtype(decoded_at(original, rate, model), np.uint16))


def _centre(photo: Uint8) -> Uint8:
    return centre(photo, *(min(SIDE, length // _GRID * _GRID) for length in photo.shape[:2]))
