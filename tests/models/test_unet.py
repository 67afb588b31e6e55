"""The network: what it depends on, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from enhance.codecs.conditioning import SIZE
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


@pytest.mark.parametrize("level", [0.1, 0.6, 1.0])
def test_the_raw_network_predicts_minus_v(level: float) -> None:
    """With F = √(1-ᾱ) r0 - √ᾱ ε, of unit variance at every noise level, the prediction is r0."""
    r0, epsilon, conditioning = inputs()
    signal, noise = alpha_bar(level) ** 0.5, (1 - alpha_bar(level)) ** 0.5
    denoiser = Denoiser(TINY)
    seen: list[torch.Tensor] = []

    def network(noisy: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        seen.append(noisy)
        return noise * r0 - signal * epsilon

    denoiser.network.forward = network  # type: ignore[method-assign, assignment]
    r_t = signal * r0 + noise * epsilon
    predicted = denoiser(r_t, torch.zeros_like(r0), torch.tensor([level]), conditioning)
    assert torch.allclose(predicted, r0, atol=1e-5)
    assert torch.allclose(seen[0], signal * r_t, atol=1e-6)


def test_the_place_within_a_cell_has_influence_and_nothing_else_of_the_place() -> None:
    denoiser = random_denoiser()
    flat, t = torch.zeros(1, 3, 256, 256), torch.ones(1)
    predicted = denoiser(flat, flat, t, torch.zeros(1, 128))
    cells = predicted[..., 112:144, 112:144].unfold(2, 16, 16).unfold(3, 16, 16)
    assert torch.allclose(cells[:, :, 0, 0], cells[:, :, 1, 1], rtol=1e-3, atol=1e-4)
    torch.nn.init.zeros_(denoiser.network.phase)
    assert (denoiser(flat, flat, t, torch.zeros(1, 128)) - predicted).abs().max() > 1e-2


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


def test_a_vector_of_any_length_is_read_from_its_beginning() -> None:
    r_t, base, _ = inputs()
    t, vector = torch.tensor([0.5]), torch.randn(1, SIZE, generator=torch.Generator().manual_seed(2))
    short = random_denoiser(replace(TINY, conditioning_size=128))
    assert torch.equal(short(r_t, base, t, vector), short(r_t, base, t, vector[:, :128]))
    whole = random_denoiser()
    told_less = torch.cat([vector[:, :128], torch.zeros(1, SIZE - 128)], dim=1)
    assert torch.equal(whole(r_t, base, t, vector[:, :128]), whole(r_t, base, t, told_less))
    assert not torch.allclose(whole(r_t, base, t, vector), whole(r_t, base, t, told_less))


def test_a_widened_network_predicts_the_same_until_it_has_learned() -> None:
    r_t, base, _ = inputs()
    t, vector = torch.tensor([0.5]), torch.randn(1, SIZE, generator=torch.Generator().manual_seed(2))
    short = random_denoiser(replace(TINY, conditioning_size=128, position=False))
    wide = short.widened()
    assert (wide.config.conditioning_size, wide.config.position) == (SIZE, True)
    expected = short(r_t, base, t, vector)
    predicted = wide(r_t, base, t, vector, torch.tensor([0.7]))
    assert torch.allclose(predicted, expected, atol=1e-6 * float(expected.detach().abs().max()))
    predicted.square().mean().backward()
    parameters = dict(wide.network.named_parameters())
    for name in ("rate_mlp.0.weight", "position_mlp.weight"):
        gradient = parameters[name].grad
        assert gradient is not None and gradient[:, -1].any(), "what is new can be learned"
    again = wide.widened()
    assert torch.equal(again(r_t, base, t, vector), wide(r_t, base, t, vector))


def test_position_zero_is_none_and_any_other_is_not() -> None:
    r_t, base, conditioning = inputs()
    denoiser, t = random_denoiser(), torch.ones(1)
    mean = denoiser(r_t, base, t, conditioning)
    assert torch.equal(denoiser(r_t, base, t, conditioning, torch.zeros(1)), mean)
    assert (denoiser(r_t, base, t, conditioning, torch.tensor([0.1])) - mean).abs().max() > 1e-4
    without = random_denoiser(replace(TINY, position=False))
    with pytest.raises(WeightsError, match="position"):
        without(r_t, base, t, conditioning, torch.ones(1))


def farthest_dependence(config: UNetConfig, axis: int) -> int:
    """Largest distance along one axis between an output pixel and an input pixel of which its gradient is not zero."""
    denoiser = random_denoiser(config).double()
    start = (config.receptive_radius // config.stride + 2) * config.stride
    shape = [1, 3, config.stride, config.stride]
    shape[axis] = 2 * start + config.stride
    base = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    output = denoiser(base, base, torch.full((1,), 0.5).double(), torch.zeros(1, 128).double()).sum(dim=1)
    reach = 0
    # Where an output pixel lies in the coarsest cell decides how far it sees.
    for position in range(start, start + config.stride):
        (gradient,) = torch.autograd.grad(output.select(axis - 1, position).sum(), base, retain_graph=True)
        seen = torch.nonzero(gradient.abs().sum(dim=[axis_ for axis_ in range(4) if axis_ != axis]))
        reach = max(reach, position - int(seen.min()), int(seen.max()) - position)
    return reach


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize(
    ("encoder", "middle", "decoder"),
    [((1, 1, 1), 1, (1, 1, 1)), ((1, 2), 0, (0, 1)), ((0, 2), 2, (1, 0)), ((2,), 1, (1,)), ((), 2, ())],
)
def test_the_receptive_radius_is_exact(
    encoder: tuple[int, ...], middle: int, decoder: tuple[int, ...], axis: int
) -> None:
    widths = (4,) * (len(encoder) + 1)
    config = UNetConfig(
        widths=widths, encoder_blocks=encoder, middle_blocks=middle, decoder_blocks=decoder, embedding=8
    )
    assert farthest_dependence(config, axis) == config.receptive_radius


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
    assert not UNetConfig.from_dict({"conditioning_size": 128}).position, "the first models knew none"
    assert UNetConfig.from_dict({k: list(v) if isinstance(v, tuple) else v for k, v in TINY.to_dict().items()}) == TINY
    with pytest.raises(WeightsError, match="version"):
        UNetConfig.from_dict({"depth": 3})
    with pytest.raises(WeightsError, match="level"):
        UNetConfig(widths=(32, 32), encoder_blocks=(1, 1), decoder_blocks=(1,))


@pytest.mark.slow
def test_the_network_compiles_as_one_graph() -> None:
    denoiser = random_denoiser().requires_grad_(False)
    compiled: Any = torch.compile(denoiser, fullgraph=True, backend="aot_eager")
    r_t, base, conditioning = inputs(batch=2)
    t, position = torch.tensor([0.3, 1.0]), torch.tensor([0.0, 0.6])
    expected = denoiser(r_t, base, t, conditioning, position)
    found = compiled(r_t, base, t, conditioning, position)
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))
