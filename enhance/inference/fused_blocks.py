"""The blocks of the network on a CPU in bfloat16: two convolutions each, and nothing beside them.

    x ─┬─ conv1, with FiLM in its weights ─ SiLU ─ conv2 ─ + ─►
       └───────────────────────────────────────────────────┘

oneDNN applies SiLU and adds x before the sums of a convolution are rounded and leave the cache. As operations of their
own they take as long as the convolutions, most of it for memory, and each rounds once more. These operations are what
torch's compiler makes of such code; torch offers them under no public name, so they are tried before they are used.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from enhance.models.unet import ResidualBlock, Stage, UNet

_PLACE = [1, 1], [1, 1], [1, 1], 1
"""Padding, stride, dilation and groups of a block's convolutions."""

_MOST_KEPT = 8
"""Embeddings for which a block keeps its first convolution, 2.6 MB each in all blocks: a folder has few rates."""


class _Folded(NamedTuple):
    """The first convolution with the FiLM of one embedding [1, E]."""

    embedding: Tensor
    weight: Tensor
    bias: Tensor


class FusedBlock(nn.Module):
    """Computes of one picture what a `ResidualBlock` does, nearer to its float32 than autocast comes.

    Args:
        block: in float32, on the CPU; what is changed in it later is not seen.
    """

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        # Not parameters: they are neither to be rounded nor to be moved.
        self._exact, self._film = _copied(block.conv1), _copied(block.film)
        weight, bias = _copied(block.conv2)
        self._conv2 = _packed(weight), bias.to(torch.bfloat16)
        self._kept: tuple[_Folded, ...] = ()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x: bfloat16 [1, C, H, W]; embedding: [1, E]. Returns a new tensor like x."""
        conv1 = self._folded(embedding)
        convolve = torch.ops.mkldnn._convolution_pointwise
        hidden = convolve(x, conv1.weight, conv1.bias, *_PLACE, "swish", [], "")
        weight, bias = self._conv2
        summed: Tensor = convolve.binary(hidden, x, weight, bias, *_PLACE, "add", 1.0, None, [], None)
        return summed

    def _folded(self, embedding: Tensor) -> _Folded:
        """The first convolution for an embedding; making it anew is a tenth of the work on 0.1 megapixels."""
        kept = self._kept  # several threads may come here
        for folded in kept:
            if torch.equal(folded.embedding, embedding):
                return folded
        (weight, bias), (film, offset) = self._exact, self._film
        scale, shift = torch.addmv(offset, film, embedding[0].float()).chunk(2)
        rounded = torch.empty_like(weight, dtype=torch.bfloat16)
        torch.mul(weight, (1 + scale)[:, None, None, None], out=rounded)
        found = _Folded(embedding, _packed(rounded), (bias * (1 + scale) + shift).to(torch.bfloat16))
        self._kept = (found, *kept[: _MOST_KEPT - 1])
        return found


def fuse_blocks(network: UNet, exact: UNet) -> None:
    """Puts fused blocks into the place of a network's own, made of those of its counterpart in float32."""
    for stages in ("encoder", "decoder"):
        for stage, model in zip(getattr(network, stages), getattr(exact, stages), strict=True):
            _fuse_stage(stage, model)
    _fuse_stage(network.middle, exact.middle)


def _fuse_stage(stage: Stage, exact: Stage) -> None:
    for index, block in enumerate(exact):
        stage[index] = FusedBlock(block)  # type: ignore[arg-type]


@cache
def can_fuse() -> bool:
    """Whether this torch has the operations on this processor, and they give what they should."""
    try:
        if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
        block = ResidualBlock(32, 4).requires_grad_(False)
        nn.init.normal_(block.conv2.weight, std=0.1)
        nn.init.normal_(block.film.weight)
        x, embedding = torch.randn(1, 32, 8, 8).contiguous(memory_format=torch.channels_last), torch.randn(1, 4)
        found = FusedBlock(block)(x.to(torch.bfloat16), embedding).float()
        return torch.allclose(found, block(x, embedding), rtol=0.05, atol=0.1)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def _copied(layer: nn.Conv2d | nn.Linear) -> tuple[Tensor, Tensor]:
    assert layer.bias is not None
    weight = layer.weight.detach().clone(memory_format=torch.contiguous_format)  # is packed three times as fast
    return weight, layer.bias.detach().clone()


def _packed(weight: Tensor) -> Tensor:
    """Weights [O, I, 3, 3] in bfloat16, in the order in which oneDNN reads them, so that it need not sort them."""
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight.to(torch.bfloat16), *_PLACE)
    return packed
