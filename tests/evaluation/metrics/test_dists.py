"""DISTS against its formula, on pictures where one channel counts at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from enhance.errors import UsageError, WeightsError
from enhance.evaluation.metrics.dists import DISTS


@pytest.fixture(scope="module")
def metric() -> DISTS:
    torch.manual_seed(0)
    return DISTS()


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, 40, 33, generator=generator)
    return x, (x + 0.3 * torch.rand(x.shape, generator=generator)).clamp(0, 1)


def weigh(metric: DISTS, name: str, channel: int) -> None:
    """Only one similarity of one channel counts."""
    metric.alpha.data.zero_()
    metric.beta.data.zero_()
    metric.get_parameter(name).data[0, channel] = 3.0


def test_equal_pictures_have_distance_zero(metric: DISTS, pictures: tuple[Tensor, Tensor]) -> None:
    metric.alpha.data.fill_(1)
    metric.beta.data.fill_(1)
    x, y = pictures
    torch.testing.assert_close(metric(x, x), torch.zeros(2), atol=1e-5, rtol=0)
    assert (metric(x, y) > 0).all()
    torch.testing.assert_close(metric(x, y), metric(y, x))
    torch.testing.assert_close(metric(x, y)[:1], metric(x[:1], y[:1]))


@pytest.mark.parametrize("channel", [0, 2])
def test_similarities_of_the_picture_itself(metric: DISTS, pictures: tuple[Tensor, Tensor], channel: int) -> None:
    """Equations 4 and 5, written out for one colour."""
    x, y = (picture[0, channel].double() for picture in pictures)
    weigh(metric, "alpha", channel)
    texture = (2 * x.mean() * y.mean() + 1e-6) / (x.mean() ** 2 + y.mean() ** 2 + 1e-6)
    assert metric(*pictures)[0].item() == pytest.approx(1 - texture.item(), abs=1e-6)
    weigh(metric, "beta", channel)
    covariance = torch.cov(torch.stack([x.flatten(), y.flatten()]), correction=0)
    structure = (2 * covariance[0, 1] + 1e-6) / (covariance[0, 0] + covariance[1, 1] + 1e-6)
    assert metric(*pictures)[0].item() == pytest.approx(1 - structure.item(), abs=1e-5)


def test_features_are_pooled_without_aliasing(metric: DISTS) -> None:
    """Hann-weighted root of the mean square: a constant stays what it is away from the edge, and the size is halved."""
    pool = metric.features[4]
    pooled = pool(torch.full((1, 64, 10, 8), 0.5))
    assert pooled.shape == (1, 64, 5, 4)
    torch.testing.assert_close(pooled[:, :, 1:, 1:], torch.full((1, 64, 4, 3), 0.5))
    spike = torch.zeros(1, 64, 9, 9)
    spike[..., 4, 4] = 1
    assert pool(spike)[0, 0, 2, 2].item() == pytest.approx(0.5)  # the root of 1/4, the middle of [1 2 1] / 4 twice


def test_channels_are_those_of_the_published_weights(metric: DISTS) -> None:
    assert metric.alpha.shape == metric.beta.shape == (1, 1475, 1, 1)
    names = [name for name in metric.state_dict() if name.endswith("weight")]
    assert names == [f"features.{index}.weight" for index in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)]


def test_the_two_published_files_serve(
    metric: DISTS, pictures: tuple[Tensor, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    state = metric.state_dict()
    torch.save({name: state[name] for name in state if name.startswith("features")}, tmp_path / "vgg16-397923af.pth")
    with pytest.raises(WeightsError, match=r"vgg16-\*\.pth and dists\.pt"):
        DISTS.load(tmp_path)
    torch.save({name: state[name] for name in ("alpha", "beta")}, tmp_path / "dists.pt")
    torch.testing.assert_close(DISTS.load(tmp_path)(*pictures), metric(*pictures))
    (tmp_path / "dists.pt").write_bytes(b"garbage")
    with pytest.raises(WeightsError, match="not DISTS weights"):
        DISTS.load(tmp_path)


def test_pictures_that_cannot_be_compared(metric: DISTS) -> None:
    with pytest.raises(UsageError):
        metric(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
    with pytest.raises(UsageError):
        metric(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
