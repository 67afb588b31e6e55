"""The training objective: x0-prediction of the residual, for the posterior mean, for looks, and for true samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from enhance.diffusion.schedule import alpha_bar_tensor

SMALLEST_T = 0.02
"""Below this the residual is known and the weight 1/(1-ᾱ) would only amplify rounding."""

Looks = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Perceptual distance of two RGB images [B, 3, H, W] in [-1, 1], seen in a random way -> [B]; `SeenDistance` is one."""


class Questions(NamedTuple):
    """What the network is asked of each crop of a batch.

    Attributes:
        t: noise levels, [B].
        position: [B], from 0, the posterior mean, to 1, the best looks.
    """

    t: Tensor
    position: Tensor


@dataclass(frozen=True)
class Objective:
    """What a step minimises.

    The crops of a batch are of three kinds, in this order. What is left of both shares are means:

        mean       t = 1, position 0: the posterior mean, the product's default output;
        looks      t = 1, position p uniform in (0, 1], no noise: squared error and w(p) times a perceptual distance;
        posterior  t uniform below 1: squared error alone, so that many steps draw from the true posterior.

    Attributes:
        looks_share: share of a batch that is trained for looks.
        posterior_share: share of a batch at noise levels below 1.
        balance: b in the factor 1/(e + b) on a crop's error e, so that the gradient is that of log(e + b): the reported
            figure is the mean of per-image PSNR, a mean of logarithms. 1/b is the largest factor, for easy crops. What
            is learned is the posterior mean exactly where e is the same for all originals of a decoded crop; averaged
            over a crop's thousands of values it nearly is.
        looks_weight: w(1); w(p) = p w(1).
        pattern_weight: factor of `grid_pattern` in what looks add to the mean.
    """

    looks_share: float = 0.2
    posterior_share: float = 0.2
    balance: float = 0.25
    looks_weight: float = 2.0
    pattern_weight: float = 50.0

    def kinds(self, batch: int) -> tuple[slice, slice]:
        """Which crops of a batch are for looks, and which for the posterior."""
        looks, posterior = round(batch * self.looks_share), round(batch * self.posterior_share)
        return slice(batch - posterior - looks, batch - posterior), slice(batch - posterior, batch)

    def ask(self, batch: int, generator: torch.Generator) -> Questions:
        """Draws what is asked, on the generator's device."""
        u = torch.rand(batch, generator=generator, device=generator.device)
        looks, posterior = self.kinds(batch)
        t, position = torch.ones_like(u), torch.zeros_like(u)
        t[posterior] = u[posterior] * (1 - SMALLEST_T) + SMALLEST_T
        position[looks] = 1 - u[looks]
        return Questions(t, position)


@dataclass(frozen=True)
class Pairs:
    """A batch on the device.

    Attributes:
        base: decoded images, [B, 3, H, W] RGB in [-1, 1].
        residual: r0 = (x − x̃) / s(q), the same shape.
        conditioning: [B, F].
        scale: s(q), [B, 1, 1, 1].
    """

    base: Tensor
    residual: Tensor
    conditioning: Tensor
    scale: Tensor


def noisy_residual(pairs: Pairs, t: Tensor, posterior: slice, generator: torch.Generator) -> Tensor:
    """The forward process r_t = √ᾱ_t r0 + √(1-ᾱ_t) ε in the `posterior` crops; zero in the others, all at t = 1."""
    r_t = torch.zeros_like(pairs.residual)
    r0 = pairs.residual[posterior]
    alpha_bar = alpha_bar_tensor(t[posterior])[:, None, None, None]
    noise = torch.randn(r0.shape, generator=generator, device=r0.device)
    r_t[posterior] = alpha_bar.sqrt() * r0 + (1 - alpha_bar).sqrt() * noise
    return r_t


def objective_loss(
    prediction: Tensor,
    pairs: Pairs,
    questions: Questions,
    objective: Objective,
    distance: Looks | None = None,
    generator: torch.Generator | None = None,
    means: Tensor | None = None,
) -> Tensor:
    """Loss of a batch, a scalar; its gradient is meant, not its value (see `Objective.balance`).

    Args:
        prediction: r̂0, [B, 3, H, W].
        pairs: the batch.
        questions: what was asked.
        objective: weights and kinds.
        distance: perceptual distance; without one, looks are trained as means.
        generator: on the CPU, of the views that the distance takes.
        means: r̂0 at position 0 of the crops that are for looks; without them, patterns cost nothing.
    """
    error = (prediction - pairs.residual).square().mean(dim=(1, 2, 3))
    # Error of the raw network F, whose target has unit variance at every t (see `Denoiser`).
    error_of_network = error / (1 - alpha_bar_tensor(questions.t))
    weight = 1 / (error_of_network.detach() + objective.balance)
    loss = (weight * error_of_network).mean()
    looks, _ = objective.kinds(len(error))
    if distance is None or looks.start == looks.stop:
        return loss
    base, scale = pairs.base[looks], pairs.scale[looks]
    enhanced, original = (base + scale * residual[looks] for residual in (prediction, pairs.residual))
    factors = objective.looks_weight * questions.position[looks]
    costs = factors * distance(enhanced, original, generator or torch.Generator())
    if means is not None:
        costs = costs + objective.pattern_weight * grid_pattern(prediction[looks] - means)
    return loss + costs.sum() / len(error)


def grid_pattern(texture: Tensor, block: int = 8) -> Tensor:
    """The energy of what is the same in every block of a picture, [B] from [B, 3, H, W].

    A network that is rewarded for texture finds one that costs little to make: the same few dots in each block. Random
    views hide them from a perceptual distance no more than from people, but some are left. What a picture's own texture
    has of it is small: means over all blocks, without their own mean.
    """
    batch, channels, height, width = texture.shape
    blocks = texture.reshape(batch, channels, height // block, block, width // block, block)
    pattern = blocks.mean(dim=(2, 4))
    return (pattern - pattern.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3))
