"""The samplers against closed forms.

For a Gaussian residual r0 ~ N(m, v) everything is known: the optimal denoiser is the linear
E[r0 | r_t] = m + √ᾱ v / (ᾱ v + 1 - ᾱ) (r_t - √ᾱ m), the probability-flow solution is r_t = √ᾱ m + √(ᾱ v + 1 - ᾱ) z with
one fixed z, and every exact sampler must give N(m, v).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from enhance.diffusion.sampler import (
    Denoise,
    gaussian_noise,
    predict,
    sample_ddim,
    sample_ddpm,
    start_from_gaussian,
    start_from_mmse,
)
from enhance.diffusion.schedule import alpha_bar, timesteps

MEAN, VARIANCE = 0.7, 0.3


def gaussian_denoiser(mean: float = MEAN, variance: float = VARIANCE) -> Denoise:
    def denoise(r_t: Tensor, t: float) -> Tensor:
        ab = alpha_bar(t)
        gain = math.sqrt(ab) * variance / (ab * variance + 1 - ab)
        return mean + gain * (r_t - math.sqrt(ab) * mean)

    return denoise


def normal(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_step_from_pure_noise_is_the_posterior_mean() -> None:
    result = sample_ddim(gaussian_denoiser(), normal(1000), timesteps(1.0, 1))
    assert torch.allclose(result, torch.full_like(result, MEAN))


def test_ddim_follows_the_probability_flow_of_a_gaussian() -> None:
    z = normal(1000)
    result = sample_ddim(gaussian_denoiser(), z.clone(), timesteps(1.0, 2000))
    expected = MEAN + math.sqrt(VARIANCE) * z
    assert (result - expected).abs().max() < 5e-3


def test_ddim_converges_to_first_order() -> None:
    z = normal(1000)
    expected = MEAN + math.sqrt(VARIANCE) * z
    errors = [
        (sample_ddim(gaussian_denoiser(), z.clone(), timesteps(1.0, steps)) - expected).abs().mean().item()
        for steps in (50, 100, 200)
    ]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("start", [1.0, 0.6])
@pytest.mark.parametrize("sampler", ["ddpm", "ddim eta 0", "ddim eta 0.5", "ddim eta 1"])
def test_every_sampler_gives_the_data_distribution(sampler: str, start: float) -> None:
    count = 40000
    ab = alpha_bar(start)
    # The exact marginal at t_s: what a perfect late start would begin with.
    state = math.sqrt(ab) * MEAN + math.sqrt(ab * VARIANCE + 1 - ab) * normal(count)
    noise = gaussian_noise(state, torch.Generator().manual_seed(1))
    times = timesteps(start, 400)
    if sampler == "ddpm":
        result = sample_ddpm(gaussian_denoiser(), state, times, noise=noise)
    else:
        result = sample_ddim(gaussian_denoiser(), state, times, eta=float(sampler.split()[-1]), noise=noise)
    # Five standard errors of mean and variance, and the discretisation's share.
    assert result.mean().item() == pytest.approx(MEAN, abs=5 * math.sqrt(VARIANCE / count))
    assert result.var().item() == pytest.approx(VARIANCE, rel=5 * math.sqrt(2 / count) + 0.01)
    standardised = (result - result.mean()) / result.std()
    assert standardised.pow(4).mean().item() == pytest.approx(3, abs=0.15), "a Gaussian must stay one"


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20])
def test_ddim_with_eta_one_is_ddpm(steps: int) -> None:
    draws = [normal(64, seed) for seed in range(1, steps + 1)]
    pick: Callable[[int], Tensor] = lambda index: draws[index]  # noqa: E731
    times = timesteps(0.8, steps)
    ddim = sample_ddim(gaussian_denoiser(), normal(64), times, eta=1.0, noise=pick)
    ddpm = sample_ddpm(gaussian_denoiser(), normal(64), times, noise=pick)
    assert torch.allclose(ddim, ddpm)


@given(st.floats(0.05, 0.95), st.floats(0.02, 0.98))
def test_an_ancestral_step_is_the_forward_posterior(t: float, share: float) -> None:
    """μ̃ and β̃ from conditioning the joint Gaussian of (r_s, r_t) given r0, not from the formulas of the sampler."""
    s = share * t
    ab_t, ab_s = alpha_bar(t), alpha_bar(s)
    r_t, r0 = 1.3, -0.4
    ratio = ab_t / ab_s
    variance_s, covariance, variance_t = 1 - ab_s, math.sqrt(ratio) * (1 - ab_s), 1 - ab_t
    mean = math.sqrt(ab_s) * r0 + covariance / variance_t * (r_t - math.sqrt(ab_t) * r0)
    variance = variance_s - covariance**2 / variance_t

    seen: list[Tensor] = []

    def denoise(state: Tensor, time: float) -> Tensor:
        seen.append(state.clone())
        return torch.full_like(state, r0)

    ones = torch.tensor([0.0, 1.0], dtype=torch.float64)
    sample_ddpm(denoise, torch.full((2,), r_t, dtype=torch.float64), [t, s, 0.0], noise=lambda _: ones)
    stepped = seen[1]
    assert stepped[0].item() == pytest.approx(mean, abs=1e-9)
    assert (stepped[1] - stepped[0]).item() == pytest.approx(math.sqrt(variance), abs=1e-9)


@given(st.integers(1, 6))
def test_a_perfect_denoiser_is_returned_whatever_the_steps(steps: int) -> None:
    truth = normal(32, 7)
    result = sample_ddim(lambda r_t, t: truth.clone(), normal(32), timesteps(1.0, steps))
    assert torch.equal(result, truth)


def test_any_subset_of_steps_evaluates_the_network_at_those_levels() -> None:
    times = [0.9, 0.55, 0.5, 0.1, 0.0]
    visited: list[float] = []

    def denoise(r_t: Tensor, t: float) -> Tensor:
        visited.append(t)
        return torch.zeros_like(r_t)

    sample_ddim(denoise, normal(4), times)
    assert visited == times[:-1]


def test_threshold_limits_every_prediction() -> None:
    limited = predict(lambda r_t, t: 10 * r_t, normal(1000), 0.5, threshold=1.5)
    assert limited.abs().max().item() == 1.5
    result = sample_ddim(lambda r_t, t: 10 * r_t, normal(1000), timesteps(0.5, 3), threshold=1.5)
    assert result.abs().max().item() <= 1.5


def test_late_starts_have_their_closed_form_moments() -> None:
    count, start = 200_000, 0.4
    ab = alpha_bar(start)
    mmse = torch.full((count,), 2.0, dtype=torch.float64)
    from_mmse = start_from_mmse(mmse, normal(count), start)
    assert from_mmse.mean().item() == pytest.approx(2 * math.sqrt(ab), abs=0.01)
    assert from_mmse.var().item() == pytest.approx(1 - ab, rel=0.02)
    from_noise = start_from_gaussian(normal(count), start)
    assert from_noise.mean().item() == pytest.approx(0, abs=0.01)
    assert from_noise.var().item() == pytest.approx(1 - ab, rel=0.02)
    # Predicting at t = 1 from the Gaussian start is the same as no late start at all.
    assert torch.equal(start_from_gaussian(normal(10), 1.0), normal(10))


def test_a_stochastic_sampler_without_noise_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="noise"):
        sample_ddpm(gaussian_denoiser(), normal(4), timesteps(1.0, 2))
