"""The eight orientations of a batch of square crops."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Orientation:
    """One of them: swapping rows and columns comes first, then the mirrors.

    Attributes:
        transposed: rows and columns are swapped.
        mirrored: the last two dimensions that are turned round, a subset of (-2, -1).
    """

    transposed: bool
    mirrored: tuple[int, ...]

    @classmethod
    def draw(cls, generator: torch.Generator, *, transposing: bool = True) -> Orientation:
        """One of all eight, or of the four without `transposing`."""
        swap, rows, columns = torch.randint(2, (3,), generator=generator, device=generator.device).tolist()
        return cls(bool(swap) and transposing, tuple(dim for dim, turn in ((-2, rows), (-1, columns)) if turn))

    def turn(self, images: Tensor) -> Tensor:
        """Images [..., H, W] in this orientation."""
        return (images.mT if self.transposed else images).flip(self.mirrored)

    def back(self, images: Tensor) -> Tensor:
        """What `turn` turned, as it was."""
        upright = images.flip(self.mirrored)
        return upright.mT if self.transposed else upright
