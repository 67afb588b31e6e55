"""DISTS: how different two pictures are in structure and in texture, measured in the features of VGG-16.

Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity", IEEE TPAMI 2022. For every channel
of the picture itself and of five taps, the means are compared (l, equation 4: texture) and the fluctuations (s,
equation 5: structure), and with the learned weights α and β, which sum to one,

    D(x, y) = 1 - sum_ij( α_ij l(x_ij, y_ij) + β_ij s(x_ij, y_ij) )        (equation 6)

Pictures are measured at their own size. The weights do not ship with this package.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from enhance.errors import UsageError
from enhance.evaluation.metrics.backbones import vgg_features
from enhance.evaluation.metrics.weight_files import Place, load_weights

_C = 1e-6
"""c1 and c2 of equations 4 and 5."""


class _L2Pool(nn.Module):
    """√(g * x²) with a Hann window g of 3x3 taps, stride 2: pooling without aliasing. [B, C, H, W] -> half size."""

    window: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.from_numpy(np.hanning(5)[1:-1]).float()
        window = torch.outer(taps, taps)
        self.register_buffer("window", (window / window.sum()).expand(channels, 1, 3, 3), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = functional.conv2d(x.square(), self.window, stride=2, padding=1, groups=x.shape[1])
        return (pooled + 1e-12).sqrt()


class DISTS(nn.Module):
    """DISTS as a frozen module; `DISTS.load()` makes one that is ready for use."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers, self.taps = vgg_features(_L2Pool)
        self.features = nn.Sequential(*layers)
        channels = 3 + sum(self.taps.values())
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))
        # Of ImageNet, which the network was trained on.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, place: Place = None) -> DISTS:
        """A module with its weights: `dists.safetensors`, or the two published files.

        These are torchvision's VGG-16 (`vgg16-*.pth`) and the DISTS repository's `weights.pt`, renamed to `dists.pt`.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        metric = cls()
        load_weights(metric, "DISTS", [["dists.safetensors"], ["vgg16-*.pth", "dists.pt"]], place)
        return metric

    def _tapped(self, x: Tensor) -> list[Tensor]:
        """The picture and its features at every tap."""
        taps, x = [x], (x - self.mean) / self.std
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                taps.append(x)
        return taps

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance between two batches of pictures.

        Args:
            x: [B, 3, H, W] RGB in [0, 1].
            y: the same.

        Returns:
            [B] float32, 0 for equal pictures.

        Raises:
            UsageError: the shapes differ, or the pictures are not RGB.
        """
        if x.shape != y.shape or x.ndim != 4 or x.shape[1] != 3:
            raise UsageError(f"DISTS compares two [B, 3, H, W] batches of one shape, not {[*x.shape]} and {[*y.shape]}")
        pairs = [_similarities(of_x, of_y) for of_x, of_y in zip(self._tapped(x), self._tapped(y), strict=True)]
        texture, structure = (torch.cat(values, 1) for values in zip(*pairs, strict=True))
        total = self.alpha.sum() + self.beta.sum()
        return 1 - ((self.alpha * texture + self.beta * structure) / total).sum((1, 2, 3))


def _similarities(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """l and s of every channel, [B, C, 1, 1] each."""
    mean_x, mean_y = x.mean((2, 3), keepdim=True), y.mean((2, 3), keepdim=True)
    variances = (x - mean_x).square().mean((2, 3), keepdim=True) + (y - mean_y).square().mean((2, 3), keepdim=True)
    covariance = ((x - mean_x) * (y - mean_y)).mean((2, 3), keepdim=True)
    texture = (2 * mean_x * mean_y + _C) / (mean_x.square() + mean_y.square() + _C)
    return texture, (2 * covariance + _C) / (variances + _C)
