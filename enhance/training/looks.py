"""How different two pictures look, in a way that no fixed pattern can satisfy.

A network that learns from a perceptual distance finds what the distance cannot see: where it was always computed on the
grid of the blocks and by one backbone, a dot was planted in every block. So both pictures are seen alike through a
window at a random place, in a random orientation and at a random size, and several backbones are asked.

Source: Kettunen, Härkönen and Lehtinen 2019, "E-LPIPS: robust perceptual image similarity via random transformation
ensembles".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from enhance.evaluation.metrics.lpips import Backbone

Distance = Callable[[Tensor, Tensor], Tensor]
"""Perceptual distance of two batches of RGB images [B, 3, H, W] in [-1, 1] -> [B]."""

SHIFTS = 8
"""Places of a window on each axis: all phases of a block."""

SCALES = (0.75, 4 / 3)
UNSCALED_SHARE = 0.5
"""Share of the windows that are not resampled: only these show single pixels as they are."""

_SMALLEST_SIDE = 32  # below this the backbones have nothing left


class SeenDistance:
    """Mean over several perceptual distances of random views of two batches of pictures.

    Args:
        distances: each of two batches of pictures.
    """

    def __init__(self, distances: Sequence[Distance]) -> None:
        self.distances = distances

    def __call__(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Distance of x and y, [B, 3, H, W] RGB in [-1, 1], H and W at least 39 -> [B]; gradients flow into both.

        The generator is on the CPU, whatever the pictures are on.
        """
        view = random_view(x.shape, generator)
        seen_x, seen_y = view(x), view(y)
        return torch.stack([distance(seen_x, seen_y) for distance in self.distances]).mean(dim=0)


def backbone_of(file: Path) -> tuple[Backbone, Path]:
    """What LPIPS weights are for, by their name, and the file: arguments of `LPIPS.load`."""
    return ("squeeze" if "squeeze" in file.name else "alex"), file


def random_view(shape: Sequence[int], generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """What is seen of pictures of this shape [B, 3, H, W]: for each a window of all but seven rows and columns, at a
    place and in an orientation of its own, and for all of them one size.
    """
    batch, _, height, width = shape
    rows, columns = height - SHIFTS + 1, width - SHIFTS + 1
    tops, lefts = torch.randint(SHIFTS, (2, batch), generator=generator).tolist()
    flips = torch.randint(2, (batch, 2), generator=generator).tolist()
    chance, place = torch.rand(2, generator=generator).tolist()
    low, high = (math.log(scale) for scale in SCALES)
    scale = 1.0 if chance < UNSCALED_SHARE else math.exp(low + place * (high - low))
    size = [max(round(side * scale), min(side, _SMALLEST_SIDE)) for side in (rows, columns)]

    def view(pictures: Tensor) -> Tensor:
        windows = [
            picture[:, top : top + rows, left : left + columns].flip([-1 - axis for axis in (0, 1) if flip[axis]])
            for picture, top, left, flip in zip(pictures, tops, lefts, flips)
        ]
        seen = torch.stack(windows).contiguous(memory_format=torch.channels_last)
        return seen if scale == 1 else F.interpolate(seen, size, mode="bicubic", antialias=True)

    return view
