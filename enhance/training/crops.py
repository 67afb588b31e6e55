"""Training pairs: pictures decoded once, random crops, degradation in worker processes."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from enhance.errors import DecodeError, UsageError
from enhance.images import Rate
from enhance.training.degradation import CodedCrop, JpegDegradation, Uint8
from enhance.training.sources import Source

logger = logging.getLogger(__name__)

SUFFIXES = {".png", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".ppm", ".jpg", ".jpeg"}

Array = npt.NDArray[Any]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""original, uint8, and base, uint8 or uint16 (white is 65535), [B, 3, H, W]; conditioning [B, F]; level [B]."""


def find_images(folders: Sequence[Path]) -> list[Path]:
    """All image files below the folders but hidden ones, in a fixed order. Raises UsageError if there are none."""
    for folder in folders:
        if not folder.is_dir():
            raise UsageError("not a folder of images", source=str(folder))
    # Hidden files are no pictures: macOS puts a "._photo.jpg" beside each photo on foreign disks.
    paths = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )
    if not paths:
        raise UsageError(f"no images below {', '.join(map(str, folders))}", hint=f"looked for {sorted(SUFFIXES)}")
    return paths


def load_image(path: Path) -> Uint8:
    """One image as uint8 RGB [H, W, 3]. Raises DecodeError."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DecodeError(f"cannot be read as a training image: {error}", source=str(path)) from error


def load_readable(paths: Sequence[Path]) -> list[Uint8]:
    """The images that can be read; the others are left out, with a note.

    Raises:
        UsageError: none is left.
    """
    images, reasons = [], []
    for path in paths:
        try:
            images.append(load_image(path))
        except DecodeError as error:
            reasons.append(str(error))
    tell_unreadable(reasons, len(paths))
    return images


def tell_unreadable(reasons: Sequence[str], count: int) -> None:
    """Notes how many of the images cannot be read. Raises UsageError if that is all of them."""
    if len(reasons) == count:
        raise UsageError(f"none of {count} images can be read, the first: {reasons[0]}")
    if reasons:
        told = f"{len(reasons)} of {count} images cannot be read and are left out"
        logger.warning("%s, the first: %s", told, reasons[0])


def centre(image: Uint8, height: int, width: int) -> Uint8:
    """The central part of an image [H, W, 3]."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


class Crops(IterableDataset[tuple[Tensor, Tensor, Tensor, float]]):
    """An endless stream of what batches are made of; the stream of worker k depends on (seed, k) only."""

    seed: int

    def pair(self, rng: np.random.Generator) -> tuple[Array, Array, Rate]:
        """The next original and its base, [S, S, 3] as in `Batch`, and the base's rate."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor, float]]:
        worker = get_worker_info()
        if worker is not None:  # without workers this is the process that trains
            torch.set_num_threads(1)
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            original, base, rate = self.pair(rng)
            yield to_tensor(original), to_tensor(base), torch.from_numpy(rate.conditioning()), rate.level


class RandomCrops(Crops):
    """An endless stream of coded crops.

    Args:
        source: gives the originals.
        crop: side of the crops, a multiple of 16.
        degradation: draws how a crop is coded.
        seed: the stream of worker k depends on (seed, k) only.
    """

    def __init__(self, source: Source, crop: int, degradation: JpegDegradation, seed: int) -> None:
        self.source, self.crop, self.degradation, self.seed = source, crop, degradation, seed

    def pair(self, rng: np.random.Generator) -> tuple[Array, Array, Rate]:
        coded = self.draw(rng)
        return coded.original, coded.decoded, coded.rate

    def draw(self, rng: np.random.Generator) -> CodedCrop:
        """The next crop and what is told of its coding."""
        kind = self.source.pick(rng)
        recipe = self.degradation(rng, graphic=kind != "photo")
        return recipe(self.source.square(rng, kind, math.ceil(recipe.reach * self.crop)), self.crop)


def batches(crops: IterableDataset[Any], batch_size: int, *, workers: int, pin: bool) -> Iterator[Batch]:
    """Endless batches from `workers` forked processes (the decoded images are shared, not copied)."""
    loader = DataLoader(
        crops,
        batch_size,
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="fork" if workers else None,
    )
    for original, base, conditioning, level in loader:
        yield original, base, conditioning, level.float()


def to_tensor(pixels: Array) -> Tensor:
    """[H, W, 3] to [3, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
