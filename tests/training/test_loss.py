"""The objective against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from enhance.diffusion.schedule import alpha_bar
from enhance.training.loss import SMALLEST_T, Objective, Pairs, Questions, grid_pattern, noisy_residual, objective_loss

MEANS = Objective(looks_share=0, posterior_share=0)


def pairs(batch: int = 4, scale: float = 0.1) -> Pairs:
    generator = torch.Generator().manual_seed(0)
    base, residual = (torch.randn(batch, 3, 32, 32, generator=generator) for _ in range(2))
    return Pairs(base, residual, torch.zeros(batch, 128), torch.full((batch, 1, 1, 1), scale))


def asked(t: list[float], position: list[float] | None = None) -> Questions:
    return Questions(torch.tensor(t), torch.tensor(position or [0.0] * len(t)))


def test_a_batch_holds_every_kind_in_its_share() -> None:
    t, position = Objective(looks_share=0.25, posterior_share=0.15).ask(4000, torch.Generator().manual_seed(0))
    means, looks, posterior = slice(0, 2400), slice(2400, 3400), slice(3400, 4000)
    assert bool((t[: looks.stop] == 1).all()), "neither means nor looks see noise"
    assert bool((position[means] == 0).all()) and bool((position[posterior] == 0).all())
    assert position[looks].min() > 0 and position[looks].max() == pytest.approx(1, abs=0.01)
    assert position[looks].mean().item() == pytest.approx(0.5, abs=0.05)
    assert t[posterior].min() >= SMALLEST_T and t[posterior].max() < 1
    assert t[posterior].mean().item() == pytest.approx((1 + SMALLEST_T) / 2, abs=0.05)


@pytest.mark.parametrize(
    ("batch", "looks", "posterior"), [(16, (10, 13), (13, 16)), (4, (2, 3), (3, 4)), (1, (1, 1), (1, 1))]
)
def test_small_batches_are_shared_by_rounding(batch: int, looks: tuple[int, int], posterior: tuple[int, int]) -> None:
    assert Objective().kinds(batch) == (slice(*looks), slice(*posterior))


def test_forward_process_keeps_unit_variance_and_leaves_the_others_without_noise() -> None:
    many = pairs(64)
    for level in (0.1, 0.5, 1.0):
        r_t = noisy_residual(many, torch.full((64,), level), slice(8, 64), torch.Generator().manual_seed(3))
        assert not r_t[:8].any()
        assert r_t[8:].var().item() == pytest.approx(1, rel=0.02)
        correlation = (r_t * many.residual)[8:].mean().item()
        assert correlation == pytest.approx(math.sqrt(alpha_bar(level)), abs=0.01)


def test_error_is_that_of_the_network_and_zero_for_the_truth() -> None:
    batch, levels = pairs(), [1.0, 1.0, 0.5, 0.2]
    assert objective_loss(batch.residual, batch, asked(levels), MEANS).item() == 0
    # With a large floor the weights are all 1/balance, and what is left is the error of F: that of r̂0 over 1 - ᾱ.
    flat = Objective(balance=1e6)
    loss = 1e6 * objective_loss(torch.zeros_like(batch.residual), batch, asked(levels), flat)
    errors = batch.residual.square().mean(dim=(1, 2, 3)) / torch.tensor([1 - alpha_bar(level) for level in levels])
    assert loss.item() == pytest.approx(errors.mean().item(), rel=1e-3)


def test_balance_turns_the_slope_into_that_of_a_logarithm() -> None:
    """Without a floor every crop's error has the gradient of its logarithm: equal steps of PSNR weigh the same."""
    batch = pairs(2)
    prediction = batch.residual + torch.tensor([0.1, 0.4])[:, None, None, None]
    prediction.requires_grad_(True)
    objective_loss(prediction, batch, asked([1.0, 1.0]), Objective(balance=0.0)).backward()
    error = (prediction - batch.residual).detach().square().mean(dim=(1, 2, 3))
    assert prediction.grad is not None
    expected = 2 * (prediction - batch.residual) / (prediction[0].numel() * 2 * error[:, None, None, None])
    assert torch.allclose(prediction.grad, expected.detach(), rtol=1e-4)


def test_looks_weigh_by_their_position_and_nothing_else_has_any() -> None:
    batch, questions = pairs(), asked([1.0, 1.0, 1.0, 0.2], [0, 0.5, 0.25, 0])
    seen = []

    def distance(a: torch.Tensor, b: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        seen.append((a, b))
        return (a - b).abs().mean(dim=(1, 2, 3))

    prediction = -0.5 * batch.residual
    objective = Objective(looks_share=0.5, posterior_share=0.25, looks_weight=4.0)
    plain = objective_loss(prediction, batch, questions, objective)
    weighted = objective_loss(prediction, batch, questions, objective, distance)
    ((enhanced, original),) = seen
    assert torch.allclose(enhanced, batch.base[1:3] - 0.05 * batch.residual[1:3])
    assert torch.allclose(original, batch.base[1:3] + 0.1 * batch.residual[1:3])
    distances = (0.15 * batch.residual).abs().mean(dim=(1, 2, 3))
    expected = (2.0 * distances[1] + 1.0 * distances[2]) / 4
    assert (weighted - plain).item() == pytest.approx(expected.item(), rel=1e-4)
    seen.clear()
    objective_loss(prediction, batch, questions, MEANS, distance)
    assert not seen, "without crops for looks the distance is not computed"


def test_what_is_in_every_block_is_a_pattern_and_texture_is_none() -> None:
    texture = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    dot = torch.zeros(2, 3, 64, 64)
    dot[1, :, 3::8, 4::8] = 8.0  # of the same energy as the texture
    assert dot[1].square().mean() == pytest.approx(1)
    (none, planted), textured = grid_pattern(dot), grid_pattern(texture)
    assert none == 0 and planted == pytest.approx(63 / 64, rel=1e-4)
    assert textured.max() < 0.05
    assert grid_pattern(texture + 3).tolist() == pytest.approx(textured.tolist(), rel=1e-3), "brightness is no pattern"


def test_only_what_looks_add_to_the_mean_is_asked_for_patterns() -> None:
    batch, questions = pairs(), asked([1.0, 1.0, 1.0, 0.2], [0, 0.5, 0.25, 0])
    objective = Objective(looks_share=0.5, posterior_share=0.25, pattern_weight=7.0)
    prediction = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(6))

    def cost(means: torch.Tensor | None) -> float:
        return objective_loss(
            prediction, batch, questions, objective, lambda a, b, _: 0 * a[:, 0, 0, 0], means=means
        ).item()

    same, others = prediction[1:3], torch.zeros(2, 3, 32, 32)
    assert cost(same) == cost(None)
    expected = 7.0 * grid_pattern(prediction[1:3]).sum().item() / 4
    assert cost(others) - cost(same) == pytest.approx(expected, rel=1e-3)
