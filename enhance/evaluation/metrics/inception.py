"""The Inception network of the Fréchet Inception distance, up to its last pooling.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, with what differs in the network
that Heusel et al. 2017 took (TensorFlow's `inception-2015-12-05`), on whose features every published FID rests: average
pooling leaves out the padding, and the last block pools by maximum. Parameters are named as in torchvision, like in the
ports of pytorch-fid and torch-fidelity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from enhance.evaluation.metrics.weight_files import Place, load_weights

Kernel = tuple[int, int]
"""Height and width."""
Chains = Mapping[str, Sequence[tuple[int, Kernel]]]
"""Name of a branch -> output channels and kernel of its convolutions, one after the other."""
Pool = Literal["average", "maximum", "halve"]

_SIDE = 299
_DOT, _SQUARE, _ROW, _COLUMN = (1, 1), (3, 3), (1, 7), (7, 1)
_FORK = ((1, 3), (3, 1))
"""The kernels of two convolutions that stand side by side at the end of a branch."""


class _Conv(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: Kernel, stride: int = 1, padded: bool = True) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.conv(x))
        return out.relu_()


class _Block(nn.Module):
    """Branches side by side and a pooled one, joined over channels.

    Args:
        c_in: input channels.
        chains: the branches.
        pool: "average" and "maximum": 3x3, then a convolution; "halve": 3x3 maximum with stride 2, and the last
            convolution of every branch has stride 2, too; all of them without padding.
        pooled: output channels of the pooled branch's convolution.
    """

    def __init__(self, c_in: int, chains: Chains, pool: Pool, pooled: int = 0) -> None:
        super().__init__()
        self.pool = pool
        self.stems: list[list[str]] = []
        self.ends: list[list[str]] = []
        for branch, steps in chains.items():
            forked = tuple(kernel for _, kernel in steps[-2:]) == _FORK
            count = len(steps) - forked
            numbers = [f"_{number}" for number in range(1, count + 1)] if count > 1 else [""]
            names = [f"{branch}{number}" for number in numbers]
            ends = [f"{names[-1]}a", f"{names[-1]}b"] if forked else names[-1:]
            self._add_chain(c_in, [*names[:-1], *ends], steps, count)
            self.stems.append(names[:-1])
            self.ends.append(ends)
        if pooled:
            self.branch_pool = _Conv(c_in, pooled, _DOT)

    def _add_chain(self, c_in: int, names: Sequence[str], steps: Sequence[tuple[int, Kernel]], count: int) -> None:
        for index, (name, (c_out, kernel)) in enumerate(zip(names, steps, strict=True)):
            halved = self.pool == "halve" and index == count - 1
            self.add_module(name, _Conv(c_in, c_out, kernel, 2 if halved else 1, not halved))
            c_in = c_out if index < count - 1 else c_in

    def _pooled(self, x: Tensor) -> Tensor:
        if self.pool == "halve":
            return functional.max_pool2d(x, 3, 2)
        if self.pool == "maximum":
            pooled = functional.max_pool2d(x, 3, 1, 1)
        else:
            pooled = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        out: Tensor = self.branch_pool(pooled)
        return out

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for stem, ends in zip(self.stems, self.ends, strict=True):
            features = x
            for name in stem:
                features = self.get_submodule(name)(features)
            outputs += [self.get_submodule(name)(features) for name in ends]
        return torch.cat([*outputs, self._pooled(x)], 1)


def _block_a(c_in: int, pooled: int) -> _Block:
    chains: Chains = {
        "branch1x1": [(64, _DOT)],
        "branch5x5": [(48, _DOT), (64, (5, 5))],
        "branch3x3dbl": [(64, _DOT), (96, _SQUARE), (96, _SQUARE)],
    }
    return _Block(c_in, chains, "average", pooled)


def _block_c(width: int) -> _Block:
    chains: Chains = {
        "branch1x1": [(192, _DOT)],
        "branch7x7": [(width, _DOT), (width, _ROW), (192, _COLUMN)],
        "branch7x7dbl": [(width, _DOT), (width, _COLUMN), (width, _ROW), (width, _COLUMN), (192, _ROW)],
    }
    return _Block(768, chains, "average", 192)


def _block_e(c_in: int, pool: Pool) -> _Block:
    fork = [(384, kernel) for kernel in _FORK]
    chains: Chains = {
        "branch1x1": [(320, _DOT)],
        "branch3x3": [(384, _DOT), *fork],
        "branch3x3dbl": [(448, _DOT), (384, _SQUARE), *fork],
    }
    return _Block(c_in, chains, pool, 192)


class Inception(nn.Module):
    """Pictures to 2048 features each, frozen; `Inception.load()` makes one that is ready for use."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, _SQUARE, stride=2, padded=False)
        self.Conv2d_2a_3x3 = _Conv(32, 32, _SQUARE, padded=False)
        self.Conv2d_2b_3x3 = _Conv(32, 64, _SQUARE)
        self.Conv2d_3b_1x1 = _Conv(64, 80, _DOT)
        self.Conv2d_4a_3x3 = _Conv(80, 192, _SQUARE, padded=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _block_a(192, 32), _block_a(256, 64), _block_a(288, 64)
        self.Mixed_6a = _Block(
            288, {"branch3x3": [(384, _SQUARE)], "branch3x3dbl": [(64, _DOT), (96, _SQUARE), (96, _SQUARE)]}, "halve"
        )
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = map(_block_c, (128, 160, 160, 192))
        sevens = [(192, _DOT), (192, _ROW), (192, _COLUMN), (192, _SQUARE)]
        self.Mixed_7a = _Block(768, {"branch3x3": [(192, _DOT), (320, _SQUARE)], "branch7x7x3": sevens}, "halve")
        self.Mixed_7b, self.Mixed_7c = _block_e(1280, "average"), _block_e(2048, "maximum")
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, place: Place = None) -> Inception:
        """A module with its weights: `inception.safetensors`, or the file of pytorch-fid or torch-fidelity.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        network = cls()
        choices = [["inception.safetensors"], ["pt_inception-2015-12-05-*.pth"], ["weights-inception-2015-12-05-*.pth"]]
        load_weights(network, "Inception", choices, place)
        return network

    def forward(self, x: Tensor) -> Tensor:
        """Features after global average pooling.

        Args:
            x: [B, 3, H, W] RGB in [-1, 1]; scaled to 299x299, bilinearly and without a low-pass filter.

        Returns:
            [B, 2048] float32.
        """
        x = functional.interpolate(x, (_SIDE, _SIDE), mode="bilinear", align_corners=False)
        for name, block in self.named_children():
            x = block(x)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                x = functional.max_pool2d(x, 3, 2)
        return x.mean((2, 3))
