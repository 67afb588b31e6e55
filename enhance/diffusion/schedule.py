"""The cosine noise schedule on continuous time.

t runs from 0 (clean) to 1 (t = T, pure noise); ᾱ(t) = cos²(πt/2) is the schedule of Nichol and Dhariwal 2021, equation
17, with the offset s = 0: the offset keeps the noise of the first of a thousand discrete steps away from zero, which
continuous time does not need.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from enhance.errors import UsageError


def alpha_bar(t: float) -> float:
    """ᾱ(t): the share of signal variance at noise level t in [0, 1]; exactly 1 at t = 0 and 0 at t = 1."""
    return math.cos(math.pi * t / 2) ** 2 if t < 1 else 0.0


def alpha_bar_tensor(t: Tensor) -> Tensor:
    """ᾱ(t) for a tensor of any shape; exactly 0 where t is 1."""
    return torch.where(t < 1, torch.cos(t * (math.pi / 2)).square(), torch.zeros_like(t))


def timesteps(start: float, steps: int) -> list[float]:
    """Evenly spaced noise levels from `start` down to 0.

    Args:
        start: first noise level t_s, in (0, 1].
        steps: network evaluations.

    Returns:
        `steps + 1` values, the first `start`, the last 0: the network is evaluated at all but the last.

    Raises:
        UsageError: `steps` is below 1 or `start` outside (0, 1].
    """
    if steps < 1:
        raise UsageError(f"a sampler needs at least one step, not {steps}")
    if not 0 < start <= 1:
        raise UsageError(f"the starting noise level must lie in (0, 1], not {start}")
    return [start * (1 - index / steps) for index in range(steps)] + [0.0]
