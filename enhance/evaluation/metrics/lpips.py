"""LPIPS v0.1: how different two pictures look, measured in the features of a classification network.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018. Both pictures go
through a frozen ImageNet network; at each tap l the features are normalised over channels, and

    d(x, y) = sum_l mean_hw( w_l . (f_l(x) - f_l(y))^2 )        (equation 1)

with w_l >= 0 fitted to human judgements. Lower is better; 0 means equal. The weights do not ship with this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from enhance.errors import UsageError
from enhance.evaluation.metrics.backbones import alex_features, squeeze_features
from enhance.evaluation.metrics.weight_files import Place, load_weights

Backbone = Literal["alex", "squeeze"]
MIN_SIDE = 32
"""Smallest height and width in pixels for which every tap of both backbones has at least one position."""

_TORCHVISION = {"alex": "alexnet-owt-*.pth", "squeeze": "squeezenet1_1-*.pth"}

# Keeps the normalisation's gradient finite (at most 1e5) where all features are zero; features are of order one.
_EPSILON = 1e-10


class _Head(nn.Module):
    """The weights w_l of one tap, named as in the published files."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class LPIPS(nn.Module):
    """LPIPS v0.1 as a frozen, differentiable module; `LPIPS.load()` makes one that is ready for use.

    Args:
        backbone: "alex" (the one that papers report) or "squeeze".
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone = "alex") -> None:
        super().__init__()
        if backbone not in get_args(Backbone):
            raise UsageError(f"LPIPS backbone must be one of {', '.join(get_args(Backbone))}, not {backbone!r}")
        layers, self.taps = alex_features() if backbone == "alex" else squeeze_features()
        self.features = nn.Sequential(*layers)
        self.heads = [f"lin{i}" for i in range(len(self.taps))]
        for name, channels in zip(self.heads, self.taps.values(), strict=True):
            self.add_module(name, _Head(channels))
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, backbone: Backbone = "alex", place: Place = None) -> LPIPS:
        """A module with its weights: `lpips_<backbone>.safetensors`, or the two published files.

        These are torchvision's backbone and the heads of the LPIPS repository (`weights/v0.1/<backbone>.pth`).

        Args:
            backbone: "alex" or "squeeze".
            place: see `weight_files.Place`.

        Raises:
            WeightsError: the weights are missing, damaged, or of another backbone.
        """
        metric = cls(backbone)
        choices = [[f"lpips_{backbone}.safetensors"], [_TORCHVISION[backbone], f"{backbone}.pth"]]
        load_weights(metric, f"LPIPS ({backbone})", choices, place)
        return metric

    def tap(self, x: Tensor) -> list[Tensor]:
        """Features at every tap, float32, of unit length over channels: what `compare` takes.

        Args:
            x: [B, 3, H, W] RGB in [-1, 1], H and W at least 32.

        Raises:
            UsageError: the pictures are not RGB or too small.
        """
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < MIN_SIDE:
            raise UsageError(f"LPIPS takes [B, 3, H, W] pictures, H and W at least {MIN_SIDE}, not {[*x.shape]}")
        x = (x - self.shift) / self.scale
        taps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                features = x.float()
                taps.append(features * (features.square().sum(1, keepdim=True) + _EPSILON).rsqrt())
        return taps

    def compare(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        """Distance [B] between two batches of pictures, from their features."""
        pairs = zip(self.heads, x, y, strict=True)
        heads = [self.get_submodule(name)((of_x - of_y).square()).float().mean((1, 2, 3)) for name, of_x, of_y in pairs]
        return torch.stack(heads).sum(0)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance between two batches of pictures.

        Args:
            x: [B, 3, H, W] RGB in [-1, 1], H and W at least 32.
            y: the same; gradients flow into both.

        Returns:
            [B] float32, 0 or more.

        Raises:
            UsageError: the shapes differ, or the pictures are not RGB or too small.
        """
        if x.shape != y.shape:
            raise UsageError(f"LPIPS compares two batches of one shape, not {[*x.shape]} and {[*y.shape]}")
        return self.compare(self.tap(x), self.tap(y))
