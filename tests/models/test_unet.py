"""The network: what it depends on, and what it costs."""

from __future__ import annotations

import pytest
import torch

from enhance.diffusion.schedule import alpha_bar
from enhance.errors import WeightsError
from enhance.models.unet import Denoiser, UNetConfig

TINY = UNetConfig(widths=(4, 4, 4, 4), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1), middle_blocks=1, embedding=8)


def random_denoiser(config: UNetConfig = TINY) -> Denoiser:
    """All weights random: a new network's last convolutions are zero and would hide every dependence."""
    torch.manual_seed(0)
    denoiser = Denoiser(config).eval()
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return denoiser


def inputs(height: int = 32, width: int = 48, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    r_t, base = (torch.randn(batch, 3, height, width, generator=generator) for _ in range(2))
    return r_t, base, torch.randn(batch, 128, generator=generator)


def test_a_new_network_is_the_wiener_filter_of_unit_variance() -> None:
    """F starts at zero, so r̂0 = √ᾱ r_t, the optimum for a residual about which nothing is known."""
    r_t, base, conditioning = inputs()
    predicted = Denoiser(TINY)(r_t, base, torch.tensor([0.3]), conditioning)
    assert torch.allclose(predicted, alpha_bar(0.3) ** 0.5 * r_t, atol=1e-6)


def test_at_pure_noise_the_noise_has_no_influence() -> None:
    denoiser = random_denoiser()
    r_t, base, conditioning = inputs()
    t = torch.ones(1)
    assert torch.equal(denoiser(r_t, base, t, conditioning), denoiser(-3 * r_t, base, t, conditioning))


@pytest.mark.parametrize("what", ["r_t", "base", "t", "conditioning"])
def test_below_pure_noise_everything_has_influence(what: str) -> None:
    denoiser = random_denoiser()
    r_t, base, conditioning = inputs()
    arguments = {"r_t": r_t, "base": base, "t": torch.tensor([0.5]), "conditioning": conditioning}
    before = denoiser(**arguments)
    arguments[what] = arguments[what] * 0.9
    assert (denoiser(**arguments) - before).abs().max() > 1e-4


def test_images_of_a_batch_do_not_meet() -> None:
    denoiser = random_denoiser()
    r_t, base, conditioning = inputs(batch=3)
    t = torch.tensor([0.2, 0.7, 1.0])
    together = denoiser(r_t, base, t, conditioning)
    for index in range(3):
        one = slice(index, index + 1)
        alone = denoiser(r_t[one], base[one], t[one], conditioning[one])
        assert torch.allclose(alone, together[one], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("position", [(200, 200), (207, 216), (215, 201)])
def test_the_receptive_radius_holds(position: tuple[int, int]) -> None:
    denoiser = random_denoiser()
    size = 416
    base = torch.zeros(1, 3, size, size, requires_grad=True)
    r_t = torch.zeros(1, 3, size, size, requires_grad=True)
    conditioning = torch.zeros(1, 128)
    denoiser(r_t, base, torch.tensor([0.5]), conditioning)[0, :, position[0], position[1]].sum().backward()
    for image in (base, r_t):
        assert image.grad is not None
        rows, columns = torch.nonzero(image.grad.abs().sum(dim=(0, 1)), as_tuple=True)
        reach = max(
            position[0] - int(rows.min()),
            int(rows.max()) - position[0],
            position[1] - int(columns.min()),
            int(columns.max()) - position[1],
        )
        assert TINY.receptive_radius // 2 < reach <= TINY.receptive_radius


def test_moving_by_the_stride_moves_the_output() -> None:
    denoiser = random_denoiser()
    radius = -(-TINY.receptive_radius // 16) * 16
    side = 2 * radius + 64
    r_t, base, conditioning = inputs(side, side + 16)
    t = torch.tensor([0.5])
    first = denoiser(r_t[..., :side], base[..., :side], t, conditioning)
    second = denoiser(r_t[..., 16:], base[..., 16:], t, conditioning)
    inner = slice(radius, radius + 32)
    moved = slice(radius + 16, radius + 48)
    assert torch.allclose(first[..., inner, moved], second[..., inner, inner], atol=1e-4)


def test_the_default_network_keeps_to_its_budget() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    denoiser = Denoiser(UNetConfig())
    r_t, base, conditioning = inputs(64, 64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        denoiser(r_t, base, torch.ones(1), conditioning)
    assert sum(parameter.numel() for parameter in denoiser.parameters()) <= 8e6
    assert counter.get_total_flops() / 2 / 64**2 <= 250e3
    assert all(width % 32 == 0 for width in denoiser.config.widths)


def test_a_description_survives_and_nonsense_is_refused() -> None:
    assert UNetConfig.from_dict({k: list(v) if isinstance(v, tuple) else v for k, v in TINY.to_dict().items()}) == TINY
    with pytest.raises(WeightsError, match="version"):
        UNetConfig.from_dict({"depth": 3})
    with pytest.raises(WeightsError, match="level"):
        UNetConfig(widths=(32, 32), encoder_blocks=(1, 1), decoder_blocks=(1,))
