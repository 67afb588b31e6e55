"""Muon: momentum whose update is orthogonalised, for the kernels of the network; AdamW for everything else.

Source: K. Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks" (Newton-Schulz iteration),
with the update's scale of Liu et al. 2025, "Muon is scalable for LLM training", equation 4, so that one learning rate
and one weight decay serve both kinds of parameters. PyTorch's own Muon takes matrices only; kernels are flattened here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Brings all singular values of a matrix [M, N] near one: U S Vᵀ -> about U Vᵀ, in bfloat16."""
    a, b, c = _QUINTIC
    x = matrix.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for convolution kernels [M, N, kh, kw] and matrices [M, N].

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
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        update = gradient.lerp(average, group["momentum"]).flatten(1)
        update = orthogonalise(update).to(parameter.dtype) * (0.2 * math.sqrt(max(update.shape)))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.sub_(update.view_as(parameter), alpha=group["lr"])


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
