"""The layer inside what torch and kornia users build: equal to one by one, picklable, in data loaders and pipelines."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import kornia
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from enhance.codecs.jpeg.rate import JpegRate
from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.integrations.torch import Enhancement
from enhance.models.checkpoint import Checkpoint

ROUNDING = 2e-5


def pictures(count: int = 2) -> Tensor:
    return torch.rand((count, 3, 32, 48), generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def layer(tiny_checkpoint: Checkpoint) -> Enhancement:
    return Enhancement(30, model=tiny_checkpoint, dtype="float32")


def alone(model: Checkpoint, image: Tensor, quality: int) -> Tensor:
    return Enhancer(model, device="cpu", dtype="float32")(image, quality=quality).image


def test_each_picture_has_its_own_quality(layer: Enhancement, tiny_checkpoint: Checkpoint) -> None:
    images = pictures()
    expected = torch.stack([alone(tiny_checkpoint, image, q) for image, q in zip(images, (10, 60))])
    assert (expected[0] - alone(tiny_checkpoint, images[0], 60)).abs().max() > 100 * ROUNDING
    for said in ([10, 60], torch.tensor([10, 60]), [JpegRate.from_quality(10), 60]):
        assert (layer(images, quality=said) - expected).abs().max() < ROUNDING
    of_all = torch.stack([alone(tiny_checkpoint, image, 30) for image in images])
    assert (layer(images) - of_all).abs().max() < ROUNDING
    with pytest.raises(UsageError, match="3 values of quality or qp for 2 pictures"):
        layer(images, quality=[1, 2, 3])
    with pytest.raises(UsageError, match="does not tell how it was compressed"):
        Enhancement(model=tiny_checkpoint)(images)


def test_lists_and_all_kinds_of_samples(layer: Enhancement) -> None:
    images = pictures()
    found = layer([images[0], images[1, :, :20, :30]], quality=[10, 60])
    assert [tuple(image.shape) for image in found] == [(3, 32, 48), (3, 20, 30)]
    assert (found[0] - layer(images[0], quality=10)).abs().max() < ROUNDING
    eight = (images * 255).round().to(torch.uint8)
    result = layer(eight)
    assert result.dtype == torch.uint8
    assert (result.float() / 255 - layer(eight.float() / 255)).abs().max() <= 0.5 / 255 + ROUNDING
    array = images[0].permute(1, 2, 0).numpy()
    assert np.abs(layer(array) - layer(images[0]).permute(1, 2, 0).numpy()).max() < ROUNDING


def test_copies_and_pickles_give_the_same(layer: Enhancement) -> None:
    images = pictures()
    expected = layer(images)
    for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert torch.equal(other(images), expected)
    assert "quality=30" in repr(layer)
    assert not list(layer.parameters()) and not layer.state_dict()


def test_it_is_a_part_of_a_sequence_that_is_trained(layer: Enhancement) -> None:
    head = nn.Conv2d(3, 2, 3)
    whole = nn.Sequential(layer, nn.AvgPool2d(2), head)
    whole(pictures()).square().mean().backward()
    assert head.weight.grad is not None and head.weight.grad.abs().max() > 0


def test_kornia_runs_it_between_augmentations(layer: Enhancement) -> None:
    augment = kornia.augmentation.AugmentationSequential(
        layer,  # type: ignore[arg-type]  # any module will do, whatever it declares
        kornia.augmentation.RandomHorizontalFlip(p=1.0),
        data_keys=["input"],
    )
    images = pictures()
    assert (augment(images) - layer(images).flip(-1)).abs().max() < ROUNDING


def test_torchvision_runs_it_between_transforms(layer: Enhancement) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    transform = v2.Compose([layer, v2.RandomHorizontalFlip(p=1.0), v2.ToDtype(torch.float32, scale=True)])
    images = pictures()
    assert (transform(images) - layer(images).flip(-1)).abs().max() < ROUNDING
    image = (images[0] * 255).round().to(torch.uint8)
    found = transform(pytest.importorskip("torchvision.tv_tensors").Image(image))
    assert (found - layer(image).flip(-1) / 255).abs().max() < ROUNDING


@pytest.mark.slow
def test_it_can_stand_in_what_is_compiled(layer: Enhancement) -> None:
    def whole(images: Tensor) -> Tensor:
        result: Tensor = layer(images * 1.0).mul(2)
        return result

    compiled = torch.compile(whole, backend="eager")
    images = pictures()
    assert (compiled(images) - whole(images)).abs().max() < ROUNDING


class Pictures(Dataset[tuple[Tensor, int]]):
    """Two pictures with their qualities, the first enhanced as it is loaded."""

    def __init__(self, layer: Enhancement) -> None:
        self.layer = layer

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = pictures()[index]
        return (self.layer(image) if index == 0 else image), 10 + index


@pytest.mark.slow
def test_workers_that_are_spawned_load_their_own(tiny_model_file: Path) -> None:
    layer = Enhancement(30, model=tiny_model_file, dtype="float32")
    expected = layer(pictures()[0])  # it has a network, with a lock, which a worker must not get
    loader = DataLoader(Pictures(layer), batch_size=2, num_workers=1, multiprocessing_context="spawn")
    ((images, qualities),) = list(loader)
    assert (images[0] - expected).abs().max() < ROUNDING
    assert (layer(images, quality=qualities)[1] - layer(pictures()[1], quality=11)).abs().max() < ROUNDING
