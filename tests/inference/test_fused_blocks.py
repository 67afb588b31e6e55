"""Fused blocks: bfloat16 nearer to float32 than autocast's, and the same whatever else is computed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from enhance.inference import banded_denoiser, rounded_weights
from enhance.inference.banded_denoiser import BandedDenoiser
from enhance.inference.fused_blocks import FusedBlock, can_fuse
from enhance.inference.rounded_weights import RoundedWeights
from enhance.models.unet import Denoiser, ResidualBlock, UNetConfig
from tests.models.test_unet import inputs, random_denoiser

SMALL = UNetConfig(
    widths=(32, 32, 32, 64), encoder_blocks=(2, 1, 1), decoder_blocks=(1, 2, 1), middle_blocks=1, embedding=16
)

pytestmark = pytest.mark.skipif(not can_fuse(), reason="this torch, or this processor, has no such operations")


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    network = random_denoiser(SMALL).requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for block in (module for module in network.modules() if isinstance(module, ResidualBlock)):
        for convolution in (block.conv1, block.conv2):
            convolution.weight.div_(4)  # otherwise values grow from block to block
    return network


def predicted(network: RoundedWeights | Denoiser, r_t: Tensor, base: Tensor, conditioning: Tensor) -> Tensor:
    """In bfloat16, at a noise level that is another one for each picture."""
    t = torch.linspace(0.3, 0.9, len(base))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        return BandedDenoiser(network)(r_t, base, t, conditioning, t / 2).float()


def error(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).square().mean().sqrt() / exact.square().mean().sqrt())


def test_all_blocks_are_fused(denoiser: Denoiser) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        modules = list(RoundedWeights(denoiser).now(torch.device("cpu")).modules())
    assert sum(isinstance(module, FusedBlock) for module in modules) == 9
    assert not any(isinstance(module, ResidualBlock) for module in modules)


@pytest.mark.parametrize("large", [0, 1 << 20], ids=["in bands", "in one piece"])
def test_nearer_to_float32_than_autocast(denoiser: Denoiser, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banded_denoiser, "LARGE", large)
    given = inputs(176, 48)
    with torch.inference_mode():
        exact = BandedDenoiser(denoiser)(*given[:2], torch.tensor([0.3]), given[2], torch.tensor([0.15]))
    fused = error(predicted(RoundedWeights(denoiser), *given), exact)
    assert fused < error(predicted(denoiser, *given), exact)
    assert fused < 0.02


def test_a_picture_is_the_same_whatever_else_is_in_its_batch(denoiser: Denoiser) -> None:
    network, (r_t, base, conditioning) = RoundedWeights(denoiser), inputs(32, 48, batch=3)
    together = predicted(network, r_t, base, conditioning)
    shares: list[float] = []
    for index in range(3):
        t, only = torch.linspace(0.3, 0.9, 3)[index : index + 1], slice(index, index + 1)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            alone = BandedDenoiser(network, shares.append)(r_t[only], base[only], t, conditioning[only], t / 2)
        assert torch.equal(together[only], alone)


def test_the_bands_of_a_batch_are_one_window_s_work(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banded_denoiser, "LARGE", 0)
    shares: list[float] = []
    r_t, base, conditioning = inputs(32, 48, batch=3)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        BandedDenoiser(RoundedWeights(denoiser), shares.append)(r_t, base, torch.full((3,), 0.5), conditioning)
    assert sum(shares) == pytest.approx(1)


def test_threads_with_different_rates_do_not_disturb_each_other(denoiser: Denoiser) -> None:
    network, (r_t, base, conditioning) = RoundedWeights(denoiser), inputs(32, 48, batch=4)
    alone = [predicted(network, *(part[index : index + 1] for part in (r_t, base, conditioning))) for index in range(4)]

    def again(index: int) -> Tensor:
        return predicted(network, *(part[index % 4 : index % 4 + 1] for part in (r_t, base, conditioning)))

    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(found, alone[index % 4]) for index, found in enumerate(pool.map(again, range(24))))


def test_what_is_changed_later_is_not_seen(denoiser: Denoiser) -> None:
    changed = random_denoiser(SMALL).requires_grad_(False)
    network, given = RoundedWeights(changed), inputs()
    before = predicted(network, *given)
    for parameter in changed.parameters():
        parameter.zero_()
    other = tuple(part + 1 for part in given)  # another rate, so nothing that is kept will do
    assert predicted(network, *other).abs().max() > 0
    assert torch.equal(predicted(network, *given), before)


def test_without_the_operations_it_is_autocast(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounded_weights, "can_fuse", lambda: False)
    given = inputs()
    assert torch.equal(predicted(RoundedWeights(denoiser), *given), predicted(denoiser, *given))
