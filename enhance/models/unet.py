"""The denoiser: a norm-free residual U-Net conditioned on the noise level and on the rate.

    base [3] ─┐                          64 ch at 1/2 ─ blocks ───────── + ─ blocks ─ conv ─ shuffle 2 ─► F
    √ᾱ r_t [3]┴ unshuffle 2 ─ conv ─ + phase ─┘  └ down ─ 96 at 1/4 ── + ─ up ┘
                                                    └ down ─ 160 at 1/8 ─ + ─ up ┘
                                                       └ down ─ 256 at 1/16 ─ up ┘

No operation looks at the whole picture (no attention, no normalisation over space), so a tile with a halo of
`receptive_radius` pixels gives exactly what the whole picture gives.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from enhance.codecs import conditioning as layout
from enhance.diffusion.schedule import alpha_bar_tensor
from enhance.errors import WeightsError

# What a description may ask for: far more than any network that is of use has.
_MOST_LEVELS = 8
_RANGES = (
    ("conditioning_size", int, 1 << 16), ("widths", tuple, 1 << 13), ("encoder_blocks", tuple, 64),
    ("middle_blocks", int, 64), ("decoder_blocks", tuple, 64), ("embedding", int, 1 << 14),
)  # fmt: skip


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network.

    Attributes:
        conditioning_size: how many values of `Rate.conditioning()` it reads, from the first on.
        widths: channels at 1/2, 1/4, 1/8, ... of the resolution; multiples of 32 suit the matrix units.
        encoder_blocks: residual blocks per level, the coarsest level excluded.
        middle_blocks: residual blocks at the coarsest level.
        decoder_blocks: residual blocks per level on the way up, finest first.
        embedding: width of the FiLM embedding.
        position: whether it knows a position between the posterior mean and the best looks.
    """

    conditioning_size: int = layout.SIZE
    widths: tuple[int, ...] = (64, 96, 160, 256)
    encoder_blocks: tuple[int, ...] = (2, 2, 2)
    middle_blocks: int = 2
    decoder_blocks: tuple[int, ...] = (2, 2, 2)
    embedding: int = 256
    position: bool = True

    def __post_init__(self) -> None:
        for name, kind, highest in _RANGES:
            values = getattr(self, name) if kind is tuple else (getattr(self, name),)
            whole = isinstance(values, tuple) and all(type(value) is int and 0 <= value <= highest for value in values)
            if not whole or len(values) > _MOST_LEVELS:
                raise WeightsError(f"{name} of a network must be whole numbers up to {highest}")
        if (
            not self.widths
            or min(self.conditioning_size, self.embedding, *self.widths) < 1
            or type(self.position) is not bool
        ):
            raise WeightsError("a network has no parts of width 0, and a position or not")
        if not len(self.encoder_blocks) == len(self.decoder_blocks) == len(self.widths) - 1:
            raise WeightsError("a network needs block counts for every level but the coarsest")

    @property
    def stride(self) -> int:
        """Pixels per position of the coarsest level; image sides must be multiples of it."""
        return 2 ** len(self.widths)

    @property
    def receptive_radius(self) -> int:
        """The farthest pixel on which an output pixel depends: each 3x3 convolution adds one sample of its level."""
        finer = sum(
            2 ** (level + 1) * 2 * (enc + dec)
            for level, (enc, dec) in enumerate(zip(self.encoder_blocks, self.decoder_blocks, strict=True))
        )
        # First and last convolution at 1/2, the coarsest blocks, and the other pixels of a coarsest cell.
        return 2 * 2 + finer + 2 * self.middle_blocks * self.stride + self.stride - 1

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UNetConfig:
        """Inverse of `to_dict`, also after a round trip through JSON. Raises WeightsError on unknown keys.

        The first models were described without a position, and had none.
        """
        try:
            arguments: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**{"position": False, **arguments})
        except TypeError as error:
            raise WeightsError(f"the network's description does not fit this version: {error}") from error


class ResidualBlock(nn.Module):
    """x + conv(SiLU(FiLM(conv(x)))); the second convolution starts at zero, so that a new network is the identity."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Linear(embedding, 2 * width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x: [B, C, H, W]; embedding: [B, E]."""
        hidden = self.conv1(x)
        scale, shift = self.film(embedding).to(hidden.dtype)[:, :, None, None].chunk(2, dim=1)
        return x + self.conv2(F.silu(torch.addcmul(shift, hidden, 1 + scale)))


class Stage(nn.ModuleList):
    """Residual blocks one after the other, with one embedding."""

    def __init__(self, count: int, width: int, embedding: int) -> None:
        super().__init__(ResidualBlock(width, embedding) for _ in range(count))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x: [B, C, H, W]; embedding: [B, E]."""
        for block in self:
            x = block(x, embedding)
        return x


class Upsample(nn.Module):
    """1x1 convolution to four phases, interleaved: a transposed 2x2 convolution without overlap."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, 4 * width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.conv(x), 2)


class UNet(nn.Module):
    """The raw network F(√ᾱ_t r_t, x̃, t, q); `Denoiser` wraps it into a prediction of r0."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, embedding = config.widths, config.embedding
        self.rate_mlp = nn.Sequential(
            nn.Linear(config.conditioning_size, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.time_mlp = nn.Linear(2 * _TIME_FREQUENCIES, embedding)
        if config.position:
            self.position_mlp = nn.Linear(_POSITION_FREQUENCIES, embedding, bias=False)
            nn.init.zeros_(self.position_mlp.weight)
        self.first = nn.Conv2d(24, widths[0], 3, padding=1)
        # The position inside a minimum coded unit matters (block edges), and 4:2:0's repeats every 16 pixels.
        self.phase = nn.Parameter(torch.zeros(1, widths[0], config.stride // 2, config.stride // 2))
        self.encoder = nn.ModuleList(
            Stage(count, width, embedding) for count, width in zip(config.encoder_blocks, widths)
        )
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in zip(widths, widths[1:]))
        self.middle = Stage(config.middle_blocks, widths[-1], embedding)
        self.up = nn.ModuleList(Upsample(b, a) for a, b in zip(widths, widths[1:]))
        self.decoder = nn.ModuleList(
            Stage(count, width, embedding) for count, width in zip(config.decoder_blocks, widths)
        )
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(
        self, noisy: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
    ) -> Tensor:
        """noisy, base: [B, 3, H, W]; t, position: [B]; conditioning: [B, F]. Returns [B, 3, H, W]."""
        embedding = self.embed(t, conditioning, position)
        x = self.enter(noisy, base)
        skips = []
        for blocks, down in zip(self.encoder, self.down):
            x = blocks(x, embedding)
            skips.append(x)
            x = down(x)
        x = self.middle(x, embedding)
        for blocks, up in zip(reversed(self.decoder), reversed(self.up)):
            x = blocks(up(x) + skips.pop(), embedding)
        return self.leave(x)

    @property
    def period(self) -> int:
        """Rows and columns at half the resolution after which `phase` repeats."""
        return self.config.stride // 2

    def embed(self, t: Tensor, conditioning: Tensor, position: Tensor | None = None) -> Tensor:
        """t, position: [B]; conditioning: [B, F], what is missing of it taken as zeros. Returns [B, E]."""
        known = F.pad(conditioning, (0, self.config.conditioning_size - conditioning.shape[1]))  # or cut
        embedded: Tensor = self.rate_mlp(known) + self.time_mlp(_time_features(t))
        if position is not None:
            if not self.config.position:
                raise WeightsError("this model knows no position between the mean and looks")
            embedded = embedded + self.position_mlp(_position_features(position))
        return F.silu(embedded)

    def enter(self, noisy: Tensor, base: Tensor) -> Tensor:
        """noisy, base: [B, 3, H, W]. Returns [B, C, H/2, W/2]."""
        dtype = self.phase.dtype  # rounded where the weights are, before and not after they are moved about
        x: Tensor = self.first(F.pixel_unshuffle(torch.cat([noisy.to(dtype), base.to(dtype)], dim=1), 2))
        return x + self.phase.to(x.dtype).repeat(1, 1, x.shape[2] // self.period, x.shape[3] // self.period)

    def leave(self, x: Tensor) -> Tensor:
        """x: [B, C, H/2, W/2]. Returns [B, 3, H, W]."""
        return F.pixel_shuffle(self.last(x), 2)


class Denoiser(nn.Module):
    """Predicts the normalised residual r0 from its noisy version r_t, the decoded image and the rate.

    The raw network F is wrapped so that its target has unit variance at every noise level (skip and output scale of
    the preconditioning of Karras et al. 2022, section 5, for unit-variance data and a variance-preserving process; the
    target, √(1-ᾱ_t) r0 - √ᾱ_t ε, is minus the v of Salimans and Ho 2022):

        r̂0 = √ᾱ_t r_t + √(1-ᾱ_t) F(√ᾱ_t r_t, x̃, t, q)

    Unlike theirs, F's input is the skip √ᾱ_t r_t, the best linear guess of r0, and not r_t of unit variance.
    At t = 1 (ᾱ = 0) r_t drops out: the prediction is the posterior mean E[r0 | x̃] and needs no noise, or, at a
    position above 0, one that gives up some of its exactness for looks.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.network = UNet(config)

    @property
    def stride(self) -> int:
        """Image sides must be multiples of this."""
        return self.config.stride

    @property
    def receptive_radius(self) -> int:
        """Halo in pixels with which a tile's core equals the whole image's prediction."""
        return self.config.receptive_radius

    def widened(self) -> Denoiser:
        """A copy that reads all that a rate tells, and a position; it predicts what this one predicts.

        The weights of what is new begin at zero.
        """
        size = max(layout.SIZE, self.config.conditioning_size)
        wider = Denoiser(replace(self.config, conditioning_size=size, position=True))
        state = self.state_dict()
        first = "network.rate_mlp.0.weight"
        state[first] = F.pad(state[first], (0, size - self.config.conditioning_size))
        wider.load_state_dict({**wider.state_dict(), **state})
        return wider.train(self.training)

    def forward(
        self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
    ) -> Tensor:
        """Predicts r0.

        Args:
            r_t: [B, 3, H, W], noisy normalised residual; H and W multiples of `stride`.
            base: [B, 3, H, W], decoded image, RGB in [-1, 1].
            t: [B], noise level, 0 (clean) to 1 (pure noise).
            conditioning: [B, F], `Rate.conditioning()`; of any length, the same parts come first in all.
            position: [B], from 0, the posterior mean, to 1, the best looks; means something at t = 1 only.

        Returns:
            [B, 3, H, W] in the dtype of `r_t`; not limited to the threshold.

        Raises:
            WeightsError: there is a position, and the network knows none.
        """
        signal, noise = scales(t, r_t.dtype)
        scaled = signal * r_t
        return scaled + noise * self.network(scaled, base, t, conditioning, position).to(r_t.dtype)


def scales(t: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """√ᾱ_t and √(1-ᾱ_t), the factors on r_t and on the raw network's answer: [B] -> [B, 1, 1, 1] each."""
    alpha_bar = alpha_bar_tensor(t)[:, None, None, None].to(dtype)
    return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


_TIME_FREQUENCIES = 16
_POSITION_FREQUENCIES = 8


def _time_features(t: Tensor) -> Tensor:
    """Sines and cosines of t at half-integer multiples of π: [B] -> [B, 32]."""
    angles = t[:, None] * (math.pi / 2) * torch.arange(1, _TIME_FREQUENCIES + 1, device=t.device, dtype=t.dtype)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _position_features(position: Tensor) -> Tensor:
    """Sines at half-integer multiples of π, all zero at 0, so that position 0 is no position: [B] -> [B, 8]."""
    multiples = torch.arange(1, _POSITION_FREQUENCIES + 1, device=position.device, dtype=position.dtype)
    return (position[:, None] * (math.pi / 2) * multiples).sin()
