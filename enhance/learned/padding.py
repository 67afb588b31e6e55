"""Pictures as networks with a stride take them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def padded(pixels: npt.NDArray[np.uint8], stride: int) -> Tensor:
    """A picture whose last row and column are repeated up to multiples of a stride.

    Args:
        pixels: [H, W, 3] RGB or [H, W] gray.
        stride: of the network, in pixels.

    Returns:
        float32 [1, 3, H', W'], 0 to 1.
    """
    colour = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    below, right = (-side % stride for side in colour.shape[:2])
    whole = np.pad(colour, ((0, below), (0, right), (0, 0)), mode="edge")
    return torch.from_numpy(np.ascontiguousarray(whole.transpose(2, 0, 1)))[None].float().div_(255)
