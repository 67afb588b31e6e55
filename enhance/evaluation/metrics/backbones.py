"""The convolutions of classification networks in whose features pictures are compared; names as in torchvision."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class _Fire(nn.Module):
    """SqueezeNet's fire module: 1x1 down, then 1x1 and 3x3 side by side. [B, c_in, H, W] -> [B, 2*expanded, H, W]."""

    def __init__(self, c_in: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(c_in, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1).relu()


def alex_features() -> tuple[list[nn.Module], dict[int, int]]:
    """AlexNet's convolutions as in torchvision, and the taps: {layer index: channels}."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    ]  # fmt: skip
    return layers, {1: 64, 4: 192, 7: 384, 9: 256, 11: 256}


def squeeze_features() -> tuple[list[nn.Module], dict[int, int]]:
    """SqueezeNet 1.1 as in torchvision, and the taps: {layer index: channels}."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
        _Fire(64, 16, 64), _Fire(128, 16, 64), nn.MaxPool2d(3, 2, ceil_mode=True),
        _Fire(128, 32, 128), _Fire(256, 32, 128), nn.MaxPool2d(3, 2, ceil_mode=True),
        _Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256), _Fire(512, 64, 256),
    ]  # fmt: skip
    return layers, {1: 64, 4: 128, 7: 256, 9: 384, 10: 384, 11: 512, 12: 512}


def vgg_features(pool: Callable[[int], nn.Module]) -> tuple[list[nn.Module], dict[int, int]]:
    """VGG-16's convolutions as in torchvision up to the last ReLU, and the taps: {layer index: channels}.

    Args:
        pool: makes what stands in the place of max pooling, for a number of channels.
    """
    layers: list[nn.Module] = []
    taps, c_in = {}, 3
    for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        if layers:
            layers.append(pool(c_in))
        for _ in range(depth):
            layers += [nn.Conv2d(c_in, channels, 3, padding=1), nn.ReLU()]
            c_in = channels
        taps[len(layers) - 1] = channels
    return layers, taps
