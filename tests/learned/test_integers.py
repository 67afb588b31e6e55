"""Which table codes which symbol is computed in integers: alike however it is computed, and near the network's own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from enhance.errors import WeightsError
from enhance.learned.integers import quantise
from enhance.learned.model import LearnedModel
from enhance.learned.network import LOWEST_SCALE, LearnedCodec
from enhance.learned.tables import COUNT, LOG_STEP


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def symbols(model: LearnedModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(-20, 21, (model.entropy.hyper_channels, 5, 3), generator=generator, dtype=torch.int32)


def test_they_are_alike_on_any_number_of_threads_and_in_any_order(model: LearnedModel, symbols: torch.Tensor) -> None:
    means, indices = model.entropy.latent(symbols, 2)
    for count in (1, 2, 3):
        with threads(count), torch.backends.mkldnn.flags(enabled=count != 3):
            again = model.entropy.latent(symbols, 2)
        assert torch.equal(again[0], means) and torch.equal(again[1], indices)
    # Channels in another order are other sums, of the same terms.
    order = torch.randperm(model.entropy.hyper_channels, generator=torch.Generator().manual_seed(2))
    vectors = {
        name: value[:, order] if name.startswith("hyper") else value for name, value in model.entropy.vectors.items()
    }
    first = model.entropy.weights[0][:, order]
    turned = dataclasses.replace(model.entropy, weights=(first, *model.entropy.weights[1:]), vectors=vectors)
    again = turned.latent(symbols[order], 2)
    assert torch.equal(again[0], means) and torch.equal(again[1], indices)


def test_all_values_are_whole_multiples_that_float64_holds(model: LearnedModel, symbols: torch.Tensor) -> None:
    means, _ = model.entropy.latent(symbols * 1000, 7)
    assert torch.equal(means * 2**24, (means * 2**24).round())


def test_they_say_what_the_network_says(network: LearnedCodec, model: LearnedModel, symbols: torch.Tensor) -> None:
    for rate in (0, 3, 7):
        means, indices = model.entropy.latent(symbols, rate)
        rates = torch.tensor([rate])
        hyper = symbols[None] + network.hyper_mean[rate][None, :, None, None]
        with torch.no_grad():
            expected, log_scales = network.entropy_parameters(hyper, rates)
        assert torch.allclose(means.float(), expected[0], rtol=0.02, atol=0.05)
        exact = ((log_scales[0] - math.log(LOWEST_SCALE)) / LOG_STEP).round().clamp(0, COUNT - 1)
        assert (indices - exact).abs().max() <= 1
        assert float((indices != exact).float().mean()) < 0.1


def test_weights_that_are_too_large_for_exact_sums_are_refused(network: LearnedCodec, model: LearnedModel) -> None:
    layer = network.hyper_synthesis.convolutions[0]
    before = layer.weight.data
    layer.weight.data = before * 1e4
    try:
        with pytest.raises(WeightsError, match="too large"):
            quantise(network)
    finally:
        layer.weight.data = before
    entropy = model.entropy
    for wrong in (
        {"weights": entropy.weights[1:]},
        {"weights": tuple(weight.int() for weight in entropy.weights)},
        {"vectors": {**entropy.vectors, "hyper_index": entropy.vectors["hyper_index"] + COUNT}},
        {"vectors": {**entropy.vectors, "mean_gain": entropy.vectors["mean_gain"][:, 1:]}},
    ):
        with pytest.raises(WeightsError):
            dataclasses.replace(entropy, **wrong)
