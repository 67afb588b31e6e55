"""Muon: momentum whose update is orthogonalised, for the kernels of the network; AdamW for everything else.

Source: K. Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks" (Newton-Schulz iteration),
with the update's scale of Liu et al. 2025, "Muon is scalable for LLM training", equation 4, so that one learning rate
and one weight decay serve both kinds of parameters. PyTorch's own Muon takes matrices only; kernels are flattened here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Brings all singular values of each matrix [..., M, N] near one: U S Vᵀ -> about U Vᵀ, in bfloat16."""
    a, b, c = _QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x.reshape(-1, *x.shape[-2:])
    x = x / (torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True, dtype=torch.float32) + 1e-7).bfloat16()
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).reshape(matrices.shape)


class Muon(torch.optim.Optimizer):
    """Muon for convolution kernels [M, N, kh, kw] and matrices [M, N]; those of one shape are worked on together.

    Args:
        params: parameters with two or more dimensions.
        lr: learning rate, on AdamW's scale.
        momentum: of the Nesterov momentum.
        weight_decay: decoupled.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update from the gradients in place."""
        for group in self.param_groups:
            self._update([parameter for parameter in group["params"] if parameter.grad is not None], group)

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        if not parameters:
            return
        gradients: list[Tensor] = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for parameter, gradient in zip(parameters, gradients):
            if "momentum" not in self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(gradient)
        averages = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(averages, gradients, 1 - group["momentum"])
        updates = torch._foreach_lerp(gradients, averages, group["momentum"])
        weights: list[Tensor] = [*parameters]
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(weights, _steps(updates), alpha=-group["lr"])


def _steps(updates: Sequence[Tensor]) -> list[Tensor]:
    """The orthogonalised updates, of the size of AdamW's, in float32 and the same order."""
    by_shape: defaultdict[torch.Size, list[int]] = defaultdict(list)
    for index, update in enumerate(updates):
        by_shape[update.shape].append(index)
    steps = list(updates)
    for shape, indices in by_shape.items():
        # Which columns are neighbours does not matter, so kernels are flattened as they lie in memory: channels last.
        stack = torch.stack([updates[index].movedim(1, -1).flatten(1) for index in indices])
        scale = 0.2 * math.sqrt(max(stack.shape[1:]))
        found = orthogonalise(stack).float().mul_(scale).view(len(indices), shape[0], *shape[2:], shape[1])
        for index, step in zip(indices, found.movedim(-1, 2)):
            steps[index] = step
    return steps


def make_optimizers(network: nn.Module, lr: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Muon for the kernels between hidden layers, AdamW for the first and last layer, matrices and vectors."""
    kernels: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        hidden = parameter.ndim == 4 and not name.endswith(("first.weight", "last.weight", "phase"))
        (kernels if hidden else others).append(parameter)
    return [
        Muon(kernels, lr, weight_decay=weight_decay),
        torch.optim.AdamW(others, lr, betas=(0.9, 0.99), weight_decay=weight_decay),
    ]
