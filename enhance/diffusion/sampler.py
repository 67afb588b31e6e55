"""Samplers for x0-prediction: DDIM and ancestral DDPM over any subset of noise levels, and the late start.

Symbols as in the papers: r0 the clean residual, r_t = √ᾱ_t r0 + √(1-ᾱ_t) ε. Every sampler is a function of a denoiser
that predicts r0, so that tiling, precision and conditioning stay outside. States are updated in place as linear
combinations of r_t, r̂0 and noise, which keeps two arrays of the image's size alive and no temporaries.

Sources: Song et al. 2021 "Denoising diffusion implicit models" (DDIM); Ho et al. 2020 "Denoising diffusion
probabilistic models" (DDPM); Ghouse et al. 2023 "A residual diffusion model for high perceptual quality codec
augmentation" (DIRAC: late start, thresholding).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from enhance.diffusion.schedule import alpha_bar

Denoise = Callable[[Tensor, float], Tensor]
"""(r_t, t) -> r̂0, both of one shape; the result is the caller's to change."""

Noise = Callable[[int], Tensor]
"""Index of a draw -> standard normal tensor of the state's shape."""


Threshold = float | Tensor
"""τ(q), for all alike or in a tensor that broadcasts to the state."""


def limited(r0: Tensor, threshold: Threshold) -> Tensor:
    """r̂0 limited to ±τ (DIRAC, rate-dependent thresholding), in place."""
    return r0.clamp_(-threshold, threshold)  # type: ignore[arg-type]  # both are numbers, or both are tensors


def predict(denoise: Denoise, r_t: Tensor, t: float, threshold: Threshold) -> Tensor:
    """r̂0 limited to ±τ."""
    return limited(denoise(r_t, t), threshold)


def start_from_mmse(r_mmse: Tensor, noise: Tensor, start: float) -> Tensor:
    """Late start from the one-step prediction: √ᾱ_s r̂_mmse + √(1-ᾱ_s) ε. Overwrites `noise`."""
    ab = alpha_bar(start)
    return noise.mul_(math.sqrt(1 - ab)).add_(r_mmse, alpha=math.sqrt(ab))


def start_from_gaussian(noise: Tensor, start: float) -> Tensor:
    """Late start from the scaled Gaussian √(1-ᾱ_s) ε alone, as in DIRAC. Overwrites `noise`."""
    return noise.mul_(math.sqrt(1 - alpha_bar(start)))


def sample_ddim(
    denoise: Denoise,
    r_t: Tensor,
    times: Sequence[float],
    *,
    threshold: Threshold = math.inf,
    eta: float = 0.0,
    noise: Noise | None = None,
) -> Tensor:
    """DDIM, equation 12 of Song et al. with x0-prediction.

    Args:
        denoise: predicts r0.
        r_t: state at `times[0]`, any shape; overwritten.
        times: decreasing noise levels, the last 0; the network is evaluated at all but the last.
        threshold: τ(q), limit of |r̂0|.
        eta: 0 is deterministic, 1 has DDPM's variance (equation 16).
        noise: draws for the steps, needed if `eta` > 0; called with the index of the step.

    Returns:
        a sample of r0; the last step returns r̂0 itself.
    """
    for index, (t, following) in enumerate(zip(times, times[1:])):
        r0 = predict(denoise, r_t, t, threshold)
        if following <= 0:
            return r0
        ab, ab_next = alpha_bar(t), alpha_bar(following)
        sigma = eta * math.sqrt((1 - ab_next) / (1 - ab) * (1 - ab / ab_next))
        # √ᾱ' r̂0 + √(1-ᾱ'-σ²) ε̂ + σ z with ε̂ = (r_t - √ᾱ r̂0) / √(1-ᾱ)
        direction = math.sqrt(max(1 - ab_next - sigma**2, 0.0) / (1 - ab))
        r_t.mul_(direction).add_(r0, alpha=math.sqrt(ab_next) - direction * math.sqrt(ab))
        if sigma > 0:
            r_t.add_(_draw(noise, index), alpha=sigma)
    return r_t


def sample_ddpm(
    denoise: Denoise,
    r_t: Tensor,
    times: Sequence[float],
    *,
    threshold: Threshold = math.inf,
    noise: Noise | None = None,
) -> Tensor:
    """Ancestral sampling, equations 6 and 7 of Ho et al. between any two noise levels.

    Draws r_s from the forward process' posterior N(μ̃(r_t, r̂0), β̃) for s the next level; arguments as `sample_ddim`.
    """
    for index, (t, following) in enumerate(zip(times, times[1:])):
        r0 = predict(denoise, r_t, t, threshold)
        if following <= 0:
            return r0
        ab, ab_next = alpha_bar(t), alpha_bar(following)
        alpha = ab / ab_next
        beta = 1 - alpha
        # μ̃ = √ᾱ_s β/(1-ᾱ_t) r̂0 + √α (1-ᾱ_s)/(1-ᾱ_t) r_t, β̃ = (1-ᾱ_s)/(1-ᾱ_t) β
        r_t.mul_(math.sqrt(alpha) * (1 - ab_next) / (1 - ab)).add_(r0, alpha=math.sqrt(ab_next) * beta / (1 - ab))
        r_t.add_(_draw(noise, index), alpha=math.sqrt((1 - ab_next) / (1 - ab) * beta))
    return r_t


def _draw(noise: Noise | None, index: int) -> Tensor:
    if noise is None:
        raise ValueError("a stochastic sampler needs a source of noise")
    return noise(index)


def gaussian_noise(like: Tensor, generator: torch.Generator) -> Noise:
    """Noise of one shape from a generator, for states that fit into memory whole."""
    return lambda index: torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
