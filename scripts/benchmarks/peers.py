"""Published networks as cost models: their layers with random weights, for timing beside ours in one process."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

FBCNN_PARAMETERS = 70.1e6
FBCNN_MACS_512 = 710e9
"""Published for FBCNN (color) on a 512x512 picture."""


class _Residual(nn.Module):
    """x + conv(ReLU(conv(x))), 3x3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class _Modulated(_Residual):
    """Quality-factor attention block: x + gamma * conv(ReLU(conv(x))) + beta, gamma and beta of shape [B, C, 1, 1]."""

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:  # type: ignore[override]
        out: Tensor = x + gamma * self.body(x) + beta
        return out


class _Scale(nn.Module):
    """One decoder scale: transposed 2x2 convolution, modulated blocks, and what makes gamma and beta."""

    def __init__(self, width_in: int, width: int, blocks: int, embedding: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(width_in, width, 2, stride=2)
        self.blocks = nn.ModuleList(_Modulated(width) for _ in range(blocks))
        self.gamma = nn.Sequential(nn.Linear(embedding, width), nn.Sigmoid())
        self.beta = nn.Sequential(nn.Linear(embedding, width), nn.Tanh())

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        x = self.up(x)
        gamma, beta = self.gamma(embedding)[:, :, None, None], self.beta(embedding)[:, :, None, None]
        for block in self.blocks:
            x = block(x, gamma, beta)
        return x


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class FBCNN(nn.Module):
    """FBCNN as described in Jiang, Zhang and Timofte, "Towards Flexible Blind JPEG Artifacts Removal", ICCV 2021.

    A residual U-Net of four scales (strided 2x2 down, transposed 2x2 up, sums for skips), four blocks a scale in the
    encoder and in the decoder; a head of four blocks and a perceptron on the coarsest scale predicts the quality
    factor; its embedding modulates the decoder's blocks at the three finer scales.

    Input and output: [B, 3, H, W] with H and W multiples of 8.
    """

    def __init__(self, widths: tuple[int, ...] = (64, 128, 256, 512), blocks: int = 4) -> None:
        super().__init__()
        top = widths[-1]
        self.first = nn.Conv2d(3, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(nn.Sequential(*[_Residual(width) for _ in range(blocks)]) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.quality = nn.Sequential(
            *[_Residual(top) for _ in range(blocks)],
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), _perceptron((top, 512, 512)), nn.Linear(512, 1), nn.Sigmoid(),
        )  # fmt: skip
        self.embedding = _perceptron((1, 512, 512, 512))
        self.middle = nn.Sequential(*[_Residual(top) for _ in range(blocks)])
        pairs = list(pairwise(widths))
        self.decoder = nn.ModuleList(_Scale(b, a, blocks, 512) for a, b in reversed(pairs))
        self.last = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        skips = [x]
        for blocks, down in zip(self.encoder, self.down, strict=False):
            x = down(blocks(x))
            skips.append(x)
        x = self.encoder[-1](x)
        embedding = self.embedding(self.quality(x))
        x = self.middle(x)
        for scale in self.decoder:
            x = scale(x + skips.pop(), embedding)
        restored: Tensor = self.last(x + skips.pop())
        return restored


def count_macs(module: nn.Module, *inputs: Tensor) -> int:
    """Multiply-accumulates of convolutions and matrix products in one call; on the meta device nothing is computed."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
