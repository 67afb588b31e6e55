"""The training objective: x0-prediction of the residual at noise levels from the whole schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from enhance.diffusion.schedule import alpha_bar_tensor

SMALLEST_T = 0.02
"""Below this the residual is known and the weight 1/(1-ᾱ) would only amplify rounding."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""Perceptual distance of two RGB images [B, 3, H, W] in [-1, 1] -> [B]."""


@dataclass(frozen=True)
class Objective:
    """What a step minimises.

    Attributes:
        fidelity_share: share of a batch at t = T, whose prediction is the product's default output.
        balance: b in the factor 1/(e + b) on a crop's error e, so that the gradient is that of log(e + b): the reported
            figure is the mean of per-image PSNR, a mean of logarithms. 1/b is the largest factor, for easy crops. What
            is learned is the posterior mean exactly where e is the same for all originals of a decoded crop; averaged
            over a crop's thousands of values it nearly is.
        perceptual_weight: factor of the perceptual distance at t < T; it trades the exact posterior for looks.
        direct_share: share of the rest of a batch that is predicted from noise alone, as a sample of one step is.
        direct_start: lowest noise level of these; uniform between it and 1.
        direct_weight: factor of the perceptual distance at `direct_start`; it falls to 0 at t = 1, so that the noise
            level is the position between the posterior mean and the best looks.
    """

    fidelity_share: float = 0.6
    balance: float = 0.25
    perceptual_weight: float = 0.0
    direct_share: float = 0.0
    direct_start: float = 0.9
    direct_weight: float = 2.0

    def direct(self, batch: int) -> int:
        """Crops, the last of a batch, that are predicted from noise alone."""
        return round((batch - round(batch * self.fidelity_share)) * self.direct_share)

    def draw_times(self, batch: int, generator: torch.Generator) -> Tensor:
        """Noise levels [B] on the generator's device: the first `fidelity_share` at 1, then uniform, then `direct`."""
        u = torch.rand(batch, generator=generator, device=generator.device)
        t = u * (1 - SMALLEST_T) + SMALLEST_T
        first = batch - self.direct(batch)
        t[first:] = 1 - u[first:] * (1 - self.direct_start)
        t[: round(batch * self.fidelity_share)] = 1.0
        return t

    def perceptual_weights(self, t: Tensor) -> Tensor:
        """Factors [B] of the perceptual distance for noise levels [B] that `draw_times` drew."""
        weights = torch.where(t < 1, self.perceptual_weight, 0.0)
        first = len(t) - self.direct(len(t))
        weights[first:] = self.direct_weight * (1 - t[first:]) / (1 - self.direct_start)
        return weights


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


def noisy_residual(pairs: Pairs, t: Tensor, noise: Tensor, direct: int = 0) -> Tensor:
    """The forward process: r_t = √ᾱ_t r0 + √(1-ᾱ_t) ε; without r0 in the last `direct` crops."""
    alpha_bar = alpha_bar_tensor(t)[:, None, None, None]
    signal = alpha_bar.sqrt()
    signal[len(t) - direct :] = 0
    return signal * pairs.residual + (1 - alpha_bar).sqrt() * noise


def objective_loss(
    prediction: Tensor, pairs: Pairs, t: Tensor, objective: Objective, distance: Distance | None = None
) -> Tensor:
    """Loss of a batch, a scalar; its gradient is meant, not its value (see `Objective.balance`).

    Args:
        prediction: r̂0, [B, 3, H, W].
        pairs: the batch.
        t: noise levels, [B].
        objective: weights.
        distance: perceptual distance, needed if the objective weighs it.
    """
    error = (prediction - pairs.residual).square().mean(dim=(1, 2, 3))
    # Error of the raw network F, whose target has unit variance at every t (see `Denoiser`).
    error_of_network = error / (1 - alpha_bar_tensor(t))
    weight = 1 / (error_of_network.detach() + objective.balance)
    loss = (weight * error_of_network).mean()
    weights = objective.perceptual_weights(t)
    sampled = weights > 0
    if distance is not None and bool(sampled.any()):
        scaled, base = pairs.scale[sampled], pairs.base[sampled]
        enhanced = base + scaled * prediction[sampled]
        original = base + scaled * pairs.residual[sampled]
        loss = loss + (weights[sampled] * distance(enhanced, original)).sum() / len(t)
    return loss
