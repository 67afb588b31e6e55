"""What a run learns from: crops, their calibration, and validation images, for each base codec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from enhance.diffusion.thresholds import RateTable
from enhance.evaluation.metrics.perceptual import LpipsDistance
from enhance.training.calibration import calibrate_jpeg
from enhance.training.clip_pairs import code_clips
from enhance.training.crops import Crops, RandomCrops, find_images, load_readable
from enhance.training.decoded import decode_once
from enhance.training.degradation import JpegDegradation
from enhance.training.graphic_pairs import code_graphics
from enhance.training.looks import backbone_of
from enhance.training.sources import Shares, Source
from enhance.training.validation import POSITIONS, Validation
from enhance.training.vvc_pairs import PairCrops, calibrate_pairs, code_photos, find_pairs, find_streams, take_streams

_CALIBRATION_CROPS = 256
_VVC_SQUARES = 2
_PHOTOS_IN_GRAPHICS = 100
"""Of which VVC's graphics and drawings are made where there are photos in them."""
_SMALLEST_GRAPHIC = 64


@dataclass(frozen=True)
class Material:
    """What a run learns from.

    Attributes:
        crops: the endless stream of crops.
        calibrate: measures s(q) and τ(q).
        validation: prepares the validation images.
        description: what the checkpoint says of it.
    """

    crops: Crops
    calibrate: Callable[[], tuple[RateTable, RateTable]]
    validation: Callable[[], Validation]
    description: dict[str, Any]


@dataclass(frozen=True)
class ValidationSet:
    """What a run is validated on; empty for none.

    Attributes:
        photos: folder of lossless photos.
        graphics: folder of lossless pictures that are not photos (JPEG only).
        looks: weights of the network that looks are learned from, by which they are validated, too.
    """

    photos: Path | None = None
    graphics: Path | None = None
    looks: Path | None = None

    @property
    def how_looks(self) -> dict[str, Any]:
        """The arguments of `Validation` that measure looks, where they are learned."""
        if self.looks is None:
            return {}
        return {"positions": POSITIONS, "distance": LpipsDistance(*backbone_of(self.looks))}


def jpeg_material(
    photos: Sequence[Path],
    cache: Path,
    *,
    crop: int,
    graphics: Sequence[Path] = (),
    shares: Shares | None = None,
    validation: ValidationSet | None = None,
    seed: int = 0,
    workers: int = 1,
) -> Material:
    """Pictures in mapped files and drawings, coded crop by crop.

    Args:
        photos, graphics: folders of pictures.
        cache: folder for decoded pictures.
        crop: side of the crops in pixels.
        shares: how often which kind of picture is taken.
        validation: what the run is validated on.
        seed: of the crops.
        workers: threads that decode.

    Raises:
        EnhanceError: there are no pictures, or none can be used.
    """
    shares, asked = shares or Shares(), validation or ValidationSet()
    images = decode_once(find_images(photos), cache, smallest=crop, workers=workers)
    others = decode_once(find_images(graphics), cache, smallest=crop, workers=workers) if graphics else []
    source = Source(images, others, shares)

    def calibrate() -> tuple[RateTable, RateTable]:
        rng = np.random.default_rng(0)
        return calibrate_jpeg([source.photo(rng, crop) for _ in range(_CALIBRATION_CROPS)])

    def validate() -> Validation:
        seen, drawn = (load_readable(find_images([it])) if it else [] for it in (asked.photos, asked.graphics))
        return Validation.of_jpegs(seen, graphics=drawn, **asked.how_looks)

    megapixels = sum(shape[0] * shape[1] for shape in images.shapes) / 1e6
    description = {"images": len(images), "megapixels": round(megapixels, 1), "graphics": len(others)}
    crops = RandomCrops(source, crop, JpegDegradation(), seed)
    return Material(crops, calibrate, validate, {**description, "shares": asdict(shares)})


def vvc_material(
    photos: Sequence[Path],
    cache: Path,
    *,
    crop: int,
    streams: Sequence[Path] = (),
    pairs: Sequence[Path] = (),
    squares: int | None = None,
    clips: int = 0,
    graphics: Sequence[Path] = (),
    shares: Shares | None = None,
    preset: str = "fast",
    validation: ValidationSet | None = None,
    seed: int = 0,
    workers: int = 1,
) -> Material:
    """Pairs that were coded and decoded once.

    Args:
        photos: folders of pictures.
        cache: folder for the pairs.
        crop: side of the crops in pixels.
        streams: folders of streams of those pictures, see `find_streams`.
        pairs: folders of pairs from earlier runs.
        squares: of each picture to code; by default 2, or none where there are streams, clips or pairs.
        clips: of those pictures to draw and to code as video.
        graphics: folders of pictures that are no photos.
        shares: how many of all pairs are made of graphics and drawings, squares and recordings of screens; by default
            none.
        preset: of libvvenc.
        validation: what the run is validated on.
        seed: of squares and crops.
        workers: threads that code and decode.

    Raises:
        EnhanceError: there are no pictures or pairs, or none can be used.
    """
    found, asked = find_images(photos), validation or ValidationSet()
    coded = take_streams(find_streams(streams), found, cache, workers=workers) if streams else []
    coded += find_pairs(pairs)
    coded += code_clips(found, cache, clips=clips, seed=seed, workers=workers) if clips else []
    if squares is None:
        squares = 0 if coded else _VVC_SQUARES
    if squares:
        coded += code_photos(found, cache, squares=squares, preset=preset, seed=seed, workers=workers)
    if shares:
        source = _graphics_source(found, graphics, shares, cache / "decoded", seed=seed, workers=workers)
        wanted = _beside(len(coded), source.shares)
        coded += code_graphics(source, cache, pairs=wanted, preset=preset, seed=seed, workers=workers)
    crops = PairCrops(coded, crop, seed)

    def validate() -> Validation:
        images = load_readable(find_images([asked.photos])) if asked.photos else []
        return Validation.of_vvc(images, cache / "validation", preset=preset, workers=workers, **asked.how_looks)

    megapixels = sum(pair[0].shape[0] * pair[0].shape[1] for pair in crops.pairs) / 1e6
    description = {"images": len(found), "pairs": len(crops.pairs), "megapixels": round(megapixels, 1)}
    return Material(crops, lambda: calibrate_pairs(coded), validate, description)


def _graphics_source(
    photos: Sequence[Path], graphics: Sequence[Path], shares: Shares, cache: Path, *, seed: int, workers: int
) -> Source:
    """Of graphics, drawings, and some of the photos."""
    chosen = np.random.default_rng(seed).permutation(len(photos))[:_PHOTOS_IN_GRAPHICS]
    some = decode_once([photos[int(index)] for index in chosen], cache, smallest=_SMALLEST_GRAPHIC, workers=workers)
    if not graphics:
        return Source(some, (), replace(shares, graphics=0.0))
    others = decode_once(find_images(graphics), cache, smallest=_SMALLEST_GRAPHIC, workers=workers)
    return Source(some, others, shares)


def _beside(pairs: int, shares: Shares) -> int:
    """How many pairs of graphics and drawings it takes beside others for these to have their share of all."""
    share = shares.graphics + shares.drawings
    return round(pairs * share / (1 - share))
