"""The learned codec's network: it begins as a block transform, and its bits are those of rounded logistic values."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from enhance.errors import WeightsError
from enhance.learned.network import LearnedCodec, LearnedConfig, logistic_bits
from tests.learned.conftest import TINY


def test_bits_are_minus_log2_of_the_mass_within_half(seed: int = 0) -> None:
    offsets = torch.tensor([0.0, 0.3, -2.0, 5.0], dtype=torch.float64)
    scale = torch.tensor(0.7, dtype=torch.float64)
    mass = torch.sigmoid((offsets + 0.5) / scale) - torch.sigmoid((offsets - 0.5) / scale)
    assert torch.allclose(logistic_bits(offsets, scale.log()), -torch.log2(mass))


def test_bits_far_off_are_finite_and_pull_back() -> None:
    offset = torch.tensor([500.0], requires_grad=True)
    bits = logistic_bits(offset, torch.tensor([-9.0]))
    bits.sum().backward()
    assert math.isfinite(float(bits.detach())) and offset.grad is not None and float(offset.grad) > 1


def test_it_begins_as_the_block_transform() -> None:
    codec = LearnedCodec(replace(TINY, latent=768))
    basis = torch.linalg.qr(torch.randn(768, 768, generator=torch.Generator().manual_seed(0)))[0]
    codec.start_from(basis, torch.ones(768))
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) - 0.5
    rates = torch.tensor([7])
    with torch.no_grad():
        y = codec.latent(x, rates)
        step = math.sqrt(26 / codec.config.trade_offs[7]) / 255
        assert torch.allclose(y * step, F.conv2d(F.pixel_unshuffle(x, 16), basis[:, :, None, None]), atol=2e-3)
        assert torch.allclose(codec.picture(y, rates), x, atol=1e-4)
        assert codec(x, rates).decoded.sub(x).square().mean().sqrt() < step / 2


def test_its_loss_reaches_every_weight(network: LearnedCodec) -> None:
    codec = LearnedCodec(TINY)
    codec.load_state_dict(network.state_dict())
    coded = codec(torch.rand(8, 3, 64, 64) - 0.5, torch.arange(8))
    (coded.decoded.square().mean() + coded.latent_bits.mean() + coded.hyper_bits.mean()).backward()
    assert [name for name, value in codec.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_a_description_comes_back_and_nonsense_is_refused() -> None:
    assert LearnedConfig.from_dict(TINY.to_dict()) == TINY
    for wrong in ({"latent": 0}, {"width": 1e9}, {"colour": 3}, {"fine_blocks": -1}):
        with pytest.raises(WeightsError):
            LearnedConfig.from_dict({**TINY.to_dict(), **wrong})


def test_rates_are_geometric() -> None:
    weights = LearnedConfig().trade_offs
    ratios = [after / before for before, after in zip(weights, weights[1:])]
    assert len(weights) == 8 and max(ratios) == pytest.approx(min(ratios))
