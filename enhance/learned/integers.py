"""The hyper synthesis in integers: which table codes which symbol must not depend on rounding.

Source: Ballé et al. 2019, "Integer networks for data compression with latent-variable models". Activations and weights
have twelve fractional bits. All of them, and all sums, are whole numbers below 2^53, which float64 holds exactly: so
sums are the same in any order, on any number of threads, and on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from enhance.errors import WeightsError
from enhance.learned.network import LOWEST_SCALE, LearnedCodec
from enhance.learned.tables import COUNT, LOG_STEP

BITS = 12
"""Fractional bits of weights and activations; biases, and sums of products, have twice as many."""

_HIGHEST_ACTIVATION = 1 << 24
_HIGHEST_WEIGHT = (1 << 15) - 1
_HIGHEST_VECTOR = (1 << 31) - 1
_MOST_TERMS = 1 << 13
_GAIN_BITS = 8
_MEAN_BITS = 2 * BITS

LAYERS = 6
_VECTORS = ("hyper_mean", "hyper_index", "hyper_inverse_gain", "mean_gain", "mean_shift", "index_shift")


@dataclass(frozen=True)
class IntegerEntropy:
    """What tells the tables and means of all symbols: of the hyper-latent for each rate, of the latent from it.

    Attributes:
        weights: int16 [M, N, kh, kw] of each layer of the hyper synthesis; the last gives means, then table indices.
        biases: int32 [M] of each.
        vectors: int32 [R, C], for each rate and channel: `hyper_mean` (12 bits), `hyper_index` (of the table),
            `hyper_inverse_gain` (12 bits), `mean_gain` (8 bits), `mean_shift` (24 bits), `index_shift` (24 bits).
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    vectors: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        """Raises WeightsError for parts that do not fit one another, or whose sums could be inexact."""
        if len(self.weights) != LAYERS or len(self.biases) != LAYERS or set(self.vectors) != set(_VECTORS):
            raise WeightsError("the integer network has other parts")
        for weight, bias in zip(self.weights, self.biases):
            if weight.dtype != torch.int16 or bias.dtype != torch.int32 or weight[0].numel() > _MOST_TERMS:
                raise WeightsError("the integer network's layers are of another kind, or too wide")
            if weight.shape[2:] not in ((1, 1), (3, 3)) or bias.shape != weight.shape[:1]:
                raise WeightsError("the integer network's layers have other shapes")
        for name, vector in self.vectors.items():
            channels = self.hyper_channels if name.startswith("hyper") else self.channels
            if vector.dtype != torch.int32 or vector.ndim != 2 or vector.shape[1] != channels:
                raise WeightsError(f"the integer network's {name} has another shape")
        indices = self.vectors["hyper_index"]
        if indices.min() < 0 or indices.max() >= COUNT:
            raise WeightsError("the integer network names tables that are not there")

    @property
    def channels(self) -> int:
        return self.weights[-1].shape[0] // 2

    @property
    def hyper_channels(self) -> int:
        return self.weights[0].shape[1]

    def hyper_means(self, rate: int) -> Tensor:
        """float64 [Z], of the hyper-latent."""
        return self.vectors["hyper_mean"][rate].double() / (1 << BITS)

    def hyper_indices(self, rate: int) -> Tensor:
        """uint8 [Z], of the hyper-latent's tables."""
        return self.vectors["hyper_index"][rate].to(torch.uint8)

    def latent(self, symbols: Tensor, rate: int) -> tuple[Tensor, Tensor]:
        """What is expected of the latent.

        Args:
            symbols: int32 [Z, H, W], the hyper-latent without its means.
            rate: from 0.

        Returns:
            float64 [M, 4 H, 4 W] means, whole multiples of 2^-24; and uint8 [M, 4 H, 4 W] indices of tables.
        """
        means, indices = self._run(self._enter(symbols, rate)).chunk(2, dim=0)
        gain, shift = (self._of_rate(name, rate) for name in ("mean_gain", "mean_shift"))
        # 12 fractional bits and 8 of the gain; to 24.
        means = _rounded(means, BITS) * gain * (1 << (_MEAN_BITS - BITS - _GAIN_BITS)) + shift
        index = _rounded(indices + self._of_rate("index_shift", rate), _MEAN_BITS)
        return means / (1 << _MEAN_BITS), index.clamp(0, COUNT - 1).to(torch.uint8)

    def _enter(self, symbols: Tensor, rate: int) -> Tensor:
        values = symbols.double() * (1 << BITS) + self._of_rate("hyper_mean", rate)
        values = values.clamp(-_HIGHEST_ACTIVATION, _HIGHEST_ACTIVATION)
        scaled = _rounded(values * self._of_rate("hyper_inverse_gain", rate), BITS)
        return scaled.clamp(-_HIGHEST_ACTIVATION, _HIGHEST_ACTIVATION)

    def _run(self, x: Tensor) -> Tensor:
        """[Z, H, W] with 12 fractional bits. Returns [2 M, 4 H, 4 W] with 24."""
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            padding = weight.shape[2] // 2
            x = F.conv2d(x[None], weight.double(), bias.double(), padding=padding)[0]
            if weight.shape[0] == 4 * weight.shape[1]:
                x = F.pixel_shuffle(x, 2)
            if layer < LAYERS - 1:
                x = _rounded(x, BITS).clamp(0, _HIGHEST_ACTIVATION)
        return x

    def _of_rate(self, name: str, rate: int) -> Tensor:
        return self.vectors[name][rate].double()[:, None, None]


def quantise(codec: LearnedCodec) -> IntegerEntropy:
    """The integers nearest to a trained network's hyper synthesis and vectors.

    Raises:
        WeightsError: some of them are too large.
    """
    layers = codec.hyper_synthesis.convolutions
    weights = [layer.weight.double() for layer in layers]
    biases = [layer.bias.double() for layer in layers if layer.bias is not None]
    # The logarithm of a scale becomes the index of its table.
    per_index = torch.ones(len(weights[-1]), dtype=torch.float64)
    per_index[codec.config.latent :] /= LOG_STEP
    weights[-1] = weights[-1] * per_index[:, None, None, None]
    biases[-1] = biases[-1] * per_index
    lowest = math.log(LOWEST_SCALE)
    hyper_index = ((codec.hyper_log_scale.double() - lowest) / LOG_STEP).round().clamp(0, COUNT - 1)
    vectors = {
        "hyper_mean": _whole(codec.hyper_mean, BITS),
        "hyper_index": hyper_index.to(torch.int32),
        "hyper_inverse_gain": _whole((-codec.log_hyper_gain).exp(), BITS),
        "mean_gain": _whole(codec.log_mean_scale.exp(), _GAIN_BITS),
        "mean_shift": _whole(codec.mean_shift, _MEAN_BITS),
        "index_shift": _whole((codec.log_scale_shift.double() - lowest) / LOG_STEP, _MEAN_BITS),
    }
    return IntegerEntropy(
        tuple(_whole(weight, BITS, _HIGHEST_WEIGHT).to(torch.int16) for weight in weights),
        tuple(_whole(bias, 2 * BITS) for bias in biases),
        vectors,
    )


def _rounded(values: Tensor, bits: int) -> Tensor:
    """Whole numbers with so many fractional bits taken away."""
    return torch.floor(values / (1 << bits) + 0.5)


def _whole(values: Tensor, bits: int, highest: int = _HIGHEST_VECTOR) -> Tensor:
    """int32, values times 2^bits. Raises WeightsError where one is above `highest`."""
    scaled = (values.detach().double() * (1 << bits)).round()
    if not bool(scaled.abs().max() <= highest):
        raise WeightsError("a value of the network is too large for its integers")
    return scaled.to(torch.int32)
