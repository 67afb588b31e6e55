"""Pictures that are a tensor: one batch through the network, each picture as if it were alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from enhance.codecs.jpeg.rate import JpegRate
from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.images import DecodedImage, Trust
from enhance.inference import batch
from enhance.inference.reconstruction import weigh
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint
from enhance.models.trust_tables import FactorTable, TrustTables

QUALITIES = (10, 35, 90)
ROUNDING = 2e-5


def pictures(channels: int = 3) -> Tensor:
    return torch.rand((3, channels, 40, 51), generator=torch.Generator().manual_seed(1))


def rates(is_gray: bool = False) -> list[JpegRate]:
    return [JpegRate.told(quality, is_gray) for quality in QUALITIES]


def alone(enhancer: Enhancer, image: Tensor, rate: JpegRate, knobs: Knobs) -> Tensor:
    """The same picture by the way of files and arrays."""
    pixels = image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).contiguous().numpy()
    result = enhancer.run(DecodedImage(pixels, rate), knobs).pixels
    return torch.from_numpy(result.reshape(*result.shape[:2], -1)).permute(2, 0, 1)


@pytest.fixture(scope="module")
def enhancer(tiny_checkpoint: Checkpoint) -> Enhancer:
    factors = FactorTable((10.0, 80.0, 85.0), (1.0, 0.9, 0.0), (0.7, 0.5, 0.0))
    tables = TrustTables(factors={kind: {"4:2:0": factors, "gray": factors} for kind in ("mean", "looks")})
    return Enhancer(dataclasses.replace(tiny_checkpoint, trust=tables), device="cpu", dtype="float32")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "knobs",
    [
        {"mode": "fidelity"}, {"mode": "balanced"}, {"steps": 4, "perception": 0.6, "eta": 0.5},
        {"steps": 3, "sampler": "ddpm", "init": "gaussian"}, {"ensemble": 4, "strength": 0.4}, {"tile": 32, "steps": 2},
    ],
    ids=str,
)  # fmt: skip
def test_each_picture_comes_out_as_if_it_were_alone(enhancer: Enhancer, channels: int, knobs: dict[str, Any]) -> None:
    images, settings = pictures(channels), Knobs(**knobs, seed=5)
    result, records = enhancer.run_batch(images, rates(channels == 1), settings)
    for image, rate, found, record in zip(images, rates(channels == 1), result, records, strict=True):
        expected = alone(enhancer, image, rate, settings)
        assert (found - expected).abs().max() < ROUNDING
        assert record.rate == rate.describe()
    assert [record.steps > 0 for record in records] == [True, True, False]  # nothing is believed of the third
    assert torch.equal(result[2], images[2])
    assert (result[:2] - images[:2]).abs().max() > 0.05


def test_the_network_sees_the_pictures_together(enhancer: Enhancer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    hook = enhancer.checkpoint("jpeg").denoiser.register_forward_pre_hook(lambda _, given: seen.append(len(given[1])))
    try:
        enhancer.run_batch(torch.rand(5, 3, 32, 32), rates()[:1] * 5)
        monkeypatch.setattr(batch, "_CPU_PIXELS", 2 * 32 * 32)
        enhancer.run_batch(torch.rand(5, 3, 32, 32), rates()[:1] * 5)
    finally:
        hook.remove()
    assert seen == [5, 2, 2, 1]


def test_memory_bounds_how_many_are_seen_together() -> None:
    gpu = torch.device("cuda")
    assert batch.at_a_time(1 << 16, 200, gpu, 100) == 100
    assert batch.at_a_time(1 << 16, 20, gpu, 100) == 20
    assert batch.at_a_time(1 << 24, 200, gpu, 0) == 1


@pytest.mark.parametrize(
    ("pictures", "threads", "expected"), [(16, 1, 4), (16, 2, 4), (4, 2, 2), (16, 8, 2), (3, 8, 1)]
)
def test_on_a_cpu_each_thread_gets_some(
    pictures: int, threads: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    assert batch.at_a_time(1 << 16, pictures, torch.device("cpu"), 100) == expected


def test_threads_give_the_same_and_keep_their_number(enhancer: Enhancer) -> None:
    images, before = torch.rand(6, 3, 24, 40), torch.get_num_threads()
    one, _ = enhancer.run_batch(images, rates()[:2] * 3)
    try:
        torch.set_num_threads(3)
        several, records = enhancer.run_batch(images, rates()[:2] * 3)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert (one - several).abs().max() < ROUNDING
    assert [record.rate["quality"] for record in records] == [10, 35] * 3


def test_neutral_pictures_stay_neutral_beside_colour(enhancer: Enhancer) -> None:
    images = pictures()
    images[1] = images[1, :1]
    result, _ = enhancer.run_batch(images, rates())
    assert torch.equal(result[1], result[1, :1].expand(3, -1, -1))
    assert not torch.equal(result[0], result[0, :1].expand(3, -1, -1))


def test_changes_are_weighed_as_those_of_arrays_are() -> None:
    change = torch.randn(4, 3, 6, 7)
    trusts = [Trust(1.0, 1.0), Trust(0.5, 0.25), Trust(1.0, 0.0), Trust(0.0, 0.0)]
    found = batch.weighed(change, trusts).permute(0, 2, 3, 1).numpy()
    for one, trust, picture in zip(found, trusts, change.permute(0, 2, 3, 1).numpy(), strict=True):
        assert np.allclose(one, weigh(picture, trust), atol=1e-6)


def test_the_tensor_is_left_alone_and_the_result_can_be_trained_on(enhancer: Enhancer) -> None:
    images = pictures().requires_grad_()
    before = images.detach().clone()
    result, _ = enhancer.run_batch(images, rates())
    assert torch.equal(images.detach(), before)
    weight = torch.ones(1, requires_grad=True)
    (result * weight).sum().backward()  # inference tensors could not be saved for this
    assert weight.grad is not None


def test_numbers_that_do_not_match_are_refused(enhancer: Enhancer) -> None:
    with pytest.raises(UsageError, match="3 pictures with 2 rates"):
        enhancer.run_batch(pictures(), rates()[:2])
    empty, records = enhancer.run_batch(torch.zeros(0, 3, 8, 8), [])
    assert (empty.shape, records) == ((0, 3, 8, 8), ())
