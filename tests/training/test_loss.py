"""The objective against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from enhance.diffusion.schedule import alpha_bar
from enhance.training.loss import SMALLEST_T, Objective, Pairs, noisy_residual, objective_loss


def pairs(batch: int = 4, scale: float = 0.1) -> Pairs:
    generator = torch.Generator().manual_seed(0)
    base, residual = (torch.randn(batch, 3, 32, 32, generator=generator) for _ in range(2))
    return Pairs(base, residual, torch.zeros(batch, 128), torch.full((batch, 1, 1, 1), scale))


def test_times_hold_the_share_at_pure_noise() -> None:
    t = Objective(fidelity_share=0.75).draw_times(4000, torch.Generator().manual_seed(0))
    assert (t == 1).float().mean().item() == 0.75
    rest = t[t < 1]
    assert rest.min() >= SMALLEST_T
    assert rest.mean().item() == pytest.approx((1 + SMALLEST_T) / 2, abs=0.03)


def test_forward_process_keeps_unit_variance() -> None:
    many = pairs(64)
    for level in (0.1, 0.5, 1.0):
        t = torch.full((64,), level)
        noise = torch.randn(many.base.shape, generator=torch.Generator().manual_seed(3))
        r_t = noisy_residual(many, t, noise)
        assert r_t.var().item() == pytest.approx(1, rel=0.02)
        correlation = (r_t * many.residual).mean().item()
        assert correlation == pytest.approx(math.sqrt(alpha_bar(level)), abs=0.01)


def test_the_last_crops_are_predicted_from_noise_alone_at_high_levels() -> None:
    objective = Objective(fidelity_share=0.5, direct_share=0.6, direct_start=0.8)
    assert [objective.direct(batch) for batch in (2, 4, 10, 1000)] == [1, 1, 3, 300]
    t = objective.draw_times(1000, torch.Generator().manual_seed(0))
    assert bool((t[:500] == 1).all())
    assert t[500:700].min() < 0.1
    assert t[700:].min() == pytest.approx(0.8, abs=0.01)
    assert t[700:].mean().item() == pytest.approx(0.9, abs=0.01)

    batch, levels = pairs(4), torch.tensor([1.0, 1.0, 0.5, 0.9])
    noise = torch.randn(batch.base.shape, generator=torch.Generator().manual_seed(3))
    plain, direct = noisy_residual(batch, levels, noise), noisy_residual(batch, levels, noise, 1)
    assert torch.equal(plain[:3], direct[:3])
    assert torch.allclose(direct[3], math.sqrt(1 - alpha_bar(0.9)) * noise[3])


def test_the_perceptual_factor_of_direct_crops_grows_from_zero() -> None:
    objective = Objective(
        fidelity_share=0.4, direct_share=2 / 3, direct_start=0.8, direct_weight=3, perceptual_weight=0.5
    )
    weights = objective.perceptual_weights(torch.tensor([1.0, 1.0, 0.3, 0.95, 0.8]))
    assert weights.tolist() == pytest.approx([0, 0, 0.5, 0.75, 3])
    assert Objective().perceptual_weights(torch.tensor([1.0, 0.5])).tolist() == [0, 0]


def test_error_is_that_of_the_network_and_zero_for_the_truth() -> None:
    batch, t = pairs(), torch.tensor([1.0, 1.0, 0.5, 0.2])
    assert objective_loss(batch.residual, batch, t, Objective()).item() == 0
    # With a large floor the weights are all 1/balance, and what is left is the error of F: that of r̂0 over 1 - ᾱ.
    loss = 1e6 * objective_loss(torch.zeros_like(batch.residual), batch, t, Objective(balance=1e6))
    errors = batch.residual.square().mean(dim=(1, 2, 3)) / torch.tensor([1 - alpha_bar(level) for level in t.tolist()])
    assert loss.item() == pytest.approx(errors.mean().item(), rel=1e-3)


def test_balance_turns_the_slope_into_that_of_a_logarithm() -> None:
    """Without a floor every crop's error has the gradient of its logarithm: equal steps of PSNR weigh the same."""
    batch = pairs(2)
    prediction = batch.residual + torch.tensor([0.1, 0.4])[:, None, None, None]
    prediction.requires_grad_(True)
    objective_loss(prediction, batch, torch.ones(2), Objective(balance=0.0)).backward()
    error = (prediction - batch.residual).detach().square().mean(dim=(1, 2, 3))
    assert prediction.grad is not None
    expected = 2 * (prediction - batch.residual) / (prediction[0].numel() * 2 * error[:, None, None, None])
    assert torch.allclose(prediction.grad, expected.detach(), rtol=1e-4)


def test_perceptual_distance_touches_only_what_is_sampled() -> None:
    batch, t = pairs(), torch.tensor([1.0, 1.0, 0.5, 0.2])
    seen = []

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.append((a, b))
        return (a - b).abs().mean(dim=(1, 2, 3))

    prediction = -0.5 * batch.residual
    plain = objective_loss(prediction, batch, t, Objective())
    weighted = objective_loss(prediction, batch, t, Objective(perceptual_weight=2.0), distance)
    ((enhanced, original),) = seen
    assert torch.allclose(enhanced, batch.base[2:] - 0.05 * batch.residual[2:])
    assert torch.allclose(original, batch.base[2:] + 0.1 * batch.residual[2:])
    expected = 2.0 * (0.15 * batch.residual[2:]).abs().mean(dim=(1, 2, 3)).sum() / 4
    assert (weighted - plain).item() == pytest.approx(expected.item(), rel=1e-4)
