"""The learned base codec's network: a mean and scale hyperprior, one for all rates.

    x ─ unshuffle 16 ─ basis ──────────────── + ─ y ─ gain ─► round ─► inverse gain ─ basis ᵀ ───────────── + ─► x̂
     └─ unshuffle 8 ─ 96 at 1/8 ─ blocks ─────┘       │        ▲ means, scales    └─ 96 at 1/8 ─ 64 at 1/4 ─┘
                                                      └─ hyper analysis ─ z, 64 at 1/64 ─ hyper synthesis

Sources: Minnen et al. 2018, "Joint autoregressive and hierarchical priors for learned image compression" (means and
scales from a hyperprior, here without the autoregression); Cui et al. 2021, "Asymmetric gained deep image compression
with continuous rate adaptation" (a pair of gain vectors for each rate); Minnen and Singh 2020, "Channel-wise
autoregressive entropy models for learned image compression", section 3.2 (noise for bits, rounding for the picture).

The transforms have a linear part beside the usual network. It begins as the Karhunen-Loève transform of blocks, and the
network at zero, so that training sets out from a whole block transform codec, and spends its time on what such a codec
lacks. The latent's bits are of logistic distributions: their logarithms are exact however far a value lies off.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from enhance.errors import WeightsError
from enhance.learned.rate import step_of, trade_off
from enhance.models.unet import Stage, Upsample

BLOCK = 16
"""Pixels of a side that a position of the latent stands for."""
STRIDE = 64
"""Pixels of a side that a position of the hyper-latent stands for; sides of pictures must be multiples of it."""

LOWEST_SCALE, HIGHEST_SCALE = 0.06, 96.0
"""Of the logistic distributions. At the lowest a zero costs less than a thousandth of a bit."""

_HYPER_GAIN = 8.0
"""At the beginning: what the hyper analysis gives is far below one then, and would be rounded away."""
_LINEAR = 16
_MOST = {"rates": 64, "latent": 1024, "hyper": 512, "width": 512, "fine": 512, "hyper_width": 512, "embedding": 256}


@dataclass(frozen=True)
class LearnedConfig:
    """Shape of the network.

    Attributes:
        rates: how many; 1 compresses most strongly.
        latent: channels of the latent, at 1/16.
        hyper: channels of the hyper-latent, at 1/64.
        width: channels at 1/8.
        fine: channels at 1/4, of the synthesis only.
        hyper_width: channels inside the hyper transforms.
        embedding: width of what the blocks know of the rate.
        analysis_blocks, synthesis_blocks, fine_blocks: residual blocks at 1/8, at 1/8, and at 1/4.
    """

    rates: int = 8
    latent: int = 256
    hyper: int = 64
    width: int = 96
    fine: int = 64
    hyper_width: int = 96
    embedding: int = 16
    analysis_blocks: int = 2
    synthesis_blocks: int = 2
    fine_blocks: int = 2

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            lowest = 0 if name.endswith("blocks") else 1
            if type(value) is not int or not lowest <= value <= _MOST.get(name, 16):
                raise WeightsError(f"{name} of a learned codec must be a whole number up to {_MOST.get(name, 16)}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LearnedConfig:
        """Inverse of `to_dict`, also after a round trip through JSON. Raises WeightsError on unknown keys."""
        try:
            return cls(**values)
        except TypeError as error:
            raise WeightsError(f"the codec's description does not fit this version: {error}") from error

    @property
    def trade_offs(self) -> list[float]:
        """λ of each rate in bits per pixel + λ · squared error (of values 0..255), geometric from low to high rate."""
        return [trade_off(rate, self.rates) for rate in range(self.rates)]


class Coded(NamedTuple):
    """What training needs of a batch that went through the codec.

    Attributes:
        decoded: [B, 3, H, W], not limited to [-0.5, 0.5].
        latent_bits, hyper_bits: [B] each, of the whole picture.
    """

    decoded: Tensor
    latent_bits: Tensor
    hyper_bits: Tensor


class Analysis(nn.Module):
    """The picture's latent, before its gain."""

    def __init__(self, config: LearnedConfig) -> None:
        super().__init__()
        self.basis = nn.Conv2d(3 * BLOCK * BLOCK, config.latent, 1, bias=False)
        self.enter = nn.Conv2d(192, config.width, 3, padding=1)
        self.blocks = Stage(config.analysis_blocks, config.width, config.embedding)
        self.leave = nn.Conv2d(config.width, config.latent, 4, stride=2, padding=1)
        _start_at_zero(self.leave)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x: [B, 3, H, W] in [-0.5, 0.5]; embedding: [B, E]. Returns [B, M, H/16, W/16] in float32."""
        hidden = self.leave(F.silu(self.blocks(self.enter(F.pixel_unshuffle(x, 8)), embedding)))
        return in_float32(self.basis, F.pixel_unshuffle(x, BLOCK)) + hidden.float()


class Synthesis(nn.Module):
    """The picture of a latent."""

    def __init__(self, config: LearnedConfig) -> None:
        super().__init__()
        self.basis = nn.Conv2d(config.latent, 3 * BLOCK * BLOCK, 1, bias=False)
        self.enter = Upsample(config.latent, config.width)
        self.blocks = Stage(config.synthesis_blocks, config.width, config.embedding)
        self.refine = Upsample(config.width, config.fine)
        self.look = nn.Conv2d(48, config.fine, 3, padding=1)
        self.fine_blocks = Stage(config.fine_blocks, config.fine, config.embedding)
        self.leave = nn.Conv2d(config.fine, 48, 3, padding=1)
        _start_at_zero(self.leave)

    def forward(self, y: Tensor, embedding: Tensor) -> Tensor:
        """y: [B, M, H/16, W/16]; embedding: [B, E]. Returns [B, 3, H, W] in float32."""
        linear = F.pixel_shuffle(in_float32(self.basis, y), BLOCK)
        coarse = self.blocks(self.enter(y), embedding)
        fine = self.refine(F.silu(coarse)) + self.look(F.pixel_unshuffle(linear, 4))
        fine = self.leave(F.silu(self.fine_blocks(fine, embedding)))
        return linear + F.pixel_shuffle(fine.float(), 4)


class HyperAnalysis(nn.Module):
    """The hyper-latent of a latent."""

    def __init__(self, config: LearnedConfig) -> None:
        super().__init__()
        width = config.hyper_width
        self.layers = nn.Sequential(
            nn.Conv2d(config.latent + min(_LINEAR, config.latent), width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 2, stride=2),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, config.hyper, 2, stride=2),
        )

    def forward(self, y: Tensor, usual: Tensor) -> Tensor:
        """y: [B, M, H/16, W/16], with its gain; usual: [B, M, 1, 1], its deviation. Returns [B, Z, H/64, W/64].

        Logarithms tell scales, but no means: the channels of most variance come as they are, too.
        """
        linear = y[:, :_LINEAR] / usual[:, :_LINEAR]
        return self.layers(torch.cat([torch.asinh(y), linear], dim=1))


class HyperSynthesis(nn.Module):
    """Means and logarithms of the scales of the latent. Convolutions and ReLU only, so that integers can compute it."""

    def __init__(self, config: LearnedConfig) -> None:
        super().__init__()
        width = config.hyper_width
        self.layers = nn.ModuleList([
            nn.Conv2d(config.hyper, width, 3, padding=1),
            nn.Conv2d(width, 4 * width, 1),
            nn.Conv2d(width, width, 3, padding=1),
            nn.Conv2d(width, 4 * width, 1),
            nn.Conv2d(width, width, 3, padding=1),
            nn.Conv2d(width, 2 * config.latent, 1),
        ])  # fmt: skip

    @property
    def convolutions(self) -> list[nn.Conv2d]:
        """The layers in their order; ReLU stands between them."""
        return [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z: [B, Z, H/64, W/64]. Returns [B, M, H/16, W/16] twice: means, and logarithms of scales without a limit."""
        x = z
        for index, layer in enumerate(self.convolutions):
            x = layer(x)
            if layer.out_channels == 4 * layer.in_channels:
                x = F.pixel_shuffle(x, 2)
            if index < len(self.layers) - 1:
                x = F.relu(x)
        means, log_scales = x.chunk(2, dim=1)
        return means, log_scales


class LearnedCodec(nn.Module):
    """The whole of it, with what each rate has of its own."""

    def __init__(self, config: LearnedConfig) -> None:
        super().__init__()
        self.config = config
        self.analysis, self.synthesis = Analysis(config), Synthesis(config)
        self.hyper_analysis, self.hyper_synthesis = HyperAnalysis(config), HyperSynthesis(config)
        self.rate_embedding = nn.Embedding(config.rates, config.embedding)
        steps = torch.tensor([step_of(weight) / 255 for weight in config.trade_offs])
        self.log_gain = nn.Parameter(-steps.log()[:, None].repeat(1, config.latent))
        self.log_inverse_gain = nn.Parameter(steps.log()[:, None].repeat(1, config.latent))
        self.log_hyper_gain = nn.Parameter(torch.full((config.rates, config.hyper), math.log(_HYPER_GAIN)))
        self.hyper_mean = nn.Parameter(torch.zeros(config.rates, config.hyper))
        self.hyper_log_scale = nn.Parameter(torch.zeros(config.rates, config.hyper))
        self.log_mean_scale = nn.Parameter(torch.zeros(config.rates, config.latent))
        self.mean_shift = nn.Parameter(torch.zeros(config.rates, config.latent))
        self.log_scale_shift = nn.Parameter(torch.zeros(config.rates, config.latent))

    @torch.no_grad()
    def start_from(self, basis: Tensor, deviations: Tensor) -> None:
        """Sets the linear transforms, and the scales of the latent that they give.

        Args:
            basis: [M, 768] orthonormal rows, over blocks unshuffled by 16.
            deviations: [M], of the coefficients, for values in [-0.5, 0.5].
        """
        self.analysis.basis.weight.copy_(basis[:, :, None, None])
        self.synthesis.basis.weight.copy_(basis.T[:, :, None, None])
        # The standard deviation of a logistic distribution is π / √3 scales.
        self.log_mean_scale.copy_(self.log_gain + deviations.log())
        self.log_scale_shift.copy_(self.log_gain + (deviations * math.sqrt(3) / math.pi).log())
        self.hyper_synthesis.convolutions[-1].weight.mul_(0.1)

    def forward(self, x: Tensor, rates: Tensor) -> Coded:
        """What the codec would make of pictures, differentiably: noise in place of rounding where bits are counted.

        Args:
            x: [B, 3, H, W], RGB in [-0.5, 0.5]; sides are multiples of 64.
            rates: [B], from 0.
        """
        y = self.latent(x, rates)
        with torch.autocast(x.device.type, enabled=False):
            z = self.hyper_latent(y, rates)
            z_off = z - _of_rate(self.hyper_mean, rates)
            hyper_bits = logistic_bits(_noisy(z_off), _of_rate(self.hyper_log_scale, rates))
            z_rounded = _straight_round(z_off) + _of_rate(self.hyper_mean, rates)
            means, log_scales = self.entropy_parameters(z_rounded, rates)
            bits = logistic_bits(_noisy(y - means), log_scales)
            y_rounded = _straight_round(y - means) + means
        decoded = self.picture(y_rounded, rates)
        return Coded(decoded, bits.sum(dim=(1, 2, 3)), hyper_bits.sum(dim=(1, 2, 3)))

    def latent(self, x: Tensor, rates: Tensor) -> Tensor:
        """x: [B, 3, H, W] in [-0.5, 0.5]; rates: [B]. Returns [B, M, H/16, W/16], in units of the quantiser's step."""
        return self.analysis(x, self.rate_embedding(rates)) * _of_rate(self.log_gain, rates).exp()

    def hyper_latent(self, y: Tensor, rates: Tensor) -> Tensor:
        """y: as from `latent`. Returns [B, Z, H/64, W/64], in units of the quantiser's step."""
        return (
            self.hyper_analysis(y, _of_rate(self.log_mean_scale, rates).exp())
            * _of_rate(self.log_hyper_gain, rates).exp()
        )

    def entropy_parameters(self, z: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """z: as from `hyper_latent`, rounded. Returns [B, M, H/16, W/16] twice: means and logarithms of scales."""
        means, log_scales = self.hyper_synthesis(z * (-_of_rate(self.log_hyper_gain, rates)).exp())
        means = means * _of_rate(self.log_mean_scale, rates).exp() + _of_rate(self.mean_shift, rates)
        return means, log_scales + _of_rate(self.log_scale_shift, rates)

    def picture(self, y: Tensor, rates: Tensor) -> Tensor:
        """y: as from `latent`, rounded. Returns [B, 3, H, W], not limited to [-0.5, 0.5]."""
        return self.synthesis(y * _of_rate(self.log_inverse_gain, rates).exp(), self.rate_embedding(rates))


def logistic_bits(offset: Tensor, log_scale: Tensor) -> Tensor:
    """Bits of integers that are logistic about zero: -log2 of the distribution's mass within 1/2 of each offset.

    With a, b = (offset ± 1/2) / scale: σ(a) - σ(b) = σ(a) σ(-b) (1 - exp(b - a)), of which no factor cancels.
    """
    scale = log_scale.clamp(math.log(LOWEST_SCALE), math.log(HIGHEST_SCALE)).exp()
    log_mass = F.logsigmoid((offset + 0.5) / scale) + F.logsigmoid((0.5 - offset) / scale)
    return -(log_mass + torch.log(-torch.expm1(-1 / scale))) / math.log(2)


def in_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer's result without autocast: eight bits of mantissa are too few for a latent or a picture."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


def _of_rate(vectors: Tensor, rates: Tensor) -> Tensor:
    """[R, C], [B] -> [B, C, 1, 1]."""
    return vectors[rates][:, :, None, None]


def _noisy(values: Tensor) -> Tensor:
    return values + torch.rand_like(values) - 0.5


def _straight_round(values: Tensor) -> Tensor:
    """Rounds; the gradient passes as if it did not."""
    return values + (values.round() - values).detach()


def _start_at_zero(layer: nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
