"""Muon: orthogonal updates, and a step that descends."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from enhance.models.unet import Denoiser, UNetConfig
from enhance.training.muon import Muon, make_optimizers, orthogonalise


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (32, 32)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    singular = torch.linalg.svdvals(orthogonalise(matrix).float())
    assert singular.max() < 1.35
    # Tiny singular values of a square matrix need more than five iterations; the bulk does not.
    assert singular.quantile(0.2) > 0.6


def test_singular_vectors_are_kept() -> None:
    u, s, v = torch.linalg.svd(torch.randn(8, 40, generator=torch.Generator().manual_seed(1)), full_matrices=False)
    aligned = u.T @ orthogonalise(u @ torch.diag(s) @ v).float() @ v.T
    off_diagonal = aligned - torch.diag(torch.diagonal(aligned))
    assert off_diagonal.abs().max() < 0.05


def test_step_has_the_size_of_adamw() -> None:
    parameter = nn.Parameter(torch.zeros(32, 16, 3, 3))
    parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    Muon([parameter], lr=1e-3).step()
    assert parameter.square().mean().sqrt().item() == pytest.approx(0.2e-3, rel=0.2)


def test_steps_follow_nesterov_momentum_and_decoupled_decay() -> None:
    generator = torch.Generator().manual_seed(0)
    start, *gradients = (torch.randn(8, 2, 3, 3, generator=generator) for _ in range(4))
    parameter, momentum, expected = nn.Parameter(start.clone()), torch.zeros_like(start), start.clone()
    optimizer = Muon([parameter], lr=0.1, momentum=0.8, weight_decay=0.5)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        momentum = 0.8 * momentum + 0.2 * gradient
        update = orthogonalise((0.2 * gradient + 0.8 * momentum).flatten(1)).float().view_as(start)
        expected = (1 - 0.1 * 0.5) * expected - 0.1 * 0.2 * 18**0.5 * update
    assert torch.allclose(parameter, expected, atol=2e-3)


def test_kernels_of_all_shapes_are_updated_as_if_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(8, 4, 3, 3), (8, 4, 3, 3), (4, 8, 3, 3), (32, 4, 1, 1), (8, 4, 3, 3), (6, 5)]
    starts, gradients = ([torch.randn(shape, generator=generator) for shape in shapes] for _ in range(2))
    together, alone = ([nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    for parameters in (together, alone):
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
    together[4].grad = alone[4].grad = None
    Muon(together, lr=0.1).step()
    for parameter in alone:
        Muon([parameter], lr=0.1).step()
    for one, other, start in zip(together, alone, starts):
        assert torch.allclose(one, other, atol=1e-4)
        assert torch.equal(one, start) == (one.grad is None)


def test_channels_last_kernels_take_the_same_step() -> None:
    generator = torch.Generator().manual_seed(0)
    start, gradient = (torch.randn(8, 4, 3, 3, generator=generator) for _ in range(2))
    layouts = [torch.contiguous_format, torch.channels_last]
    parameters = [nn.Parameter(start.clone(memory_format=layout)) for layout in layouts]
    for parameter, layout in zip(parameters, layouts):
        parameter.grad = gradient.clone(memory_format=layout)
    Muon(parameters[:1], lr=0.1).step()
    Muon(parameters[1:], lr=0.1).step()
    assert torch.allclose(parameters[0], parameters[1], atol=1e-4)


def test_every_parameter_has_one_optimizer() -> None:
    tiny = UNetConfig(
        widths=(4, 4, 4, 4), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1), middle_blocks=1, embedding=8
    )
    denoiser = Denoiser(tiny)
    owned = [p for opt in make_optimizers(denoiser, 1e-3, 0.0) for group in opt.param_groups for p in group["params"]]
    assert len(owned) == len({id(p) for p in owned}) == len(list(denoiser.parameters()))


def test_least_squares_is_learned() -> None:
    torch.manual_seed(0)
    truth, layer = nn.Conv2d(4, 8, 3, bias=False), nn.Conv2d(4, 8, 3, bias=False)
    x = torch.randn(64, 4, 8, 8)
    optimizer = Muon(layer.parameters(), lr=0.02)
    losses = []
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / 200)
        loss = (layer(x) - truth(x).detach()).square().mean()
        layer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-3 * losses[0]
