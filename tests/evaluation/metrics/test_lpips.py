"""LPIPS: the published values, and the properties of a distance."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from enhance.errors import UsageError, WeightsError
from enhance.evaluation.metrics.lpips import LPIPS, Backbone

SHARED = Path(__file__).parents[4] / "shared" / "data"
METRICS = SHARED / "metrics"
needs_weights = pytest.mark.skipif(not (METRICS / "lpips_alex.safetensors").exists(), reason="no LPIPS weights here")


def as_tensor(image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(image.convert("RGB")))
    return pixels.permute(2, 0, 1)[None].float() / 127.5 - 1


@needs_weights
@pytest.mark.parametrize(
    ("backbone", "picture", "known"),
    [("alex", "ex_p0", 0.7219), ("alex", "ex_p1", 0.1376), ("squeeze", "ex_p0", 0.7110), ("squeeze", "ex_p1", 0.1479)],
)
def test_reference_triple_of_the_published_code(backbone: Backbone, picture: str, known: float) -> None:
    metric = LPIPS.load(backbone, METRICS)
    reference, distorted = (as_tensor(Image.open(METRICS / f"{name}.png")) for name in ("ex_ref", picture))
    assert metric(reference, distorted).item() == pytest.approx(known, abs=1e-4)


@needs_weights
@pytest.mark.skipif(not (SHARED / "kodak").exists(), reason="no Kodak images here")
@pytest.mark.parametrize(("backbone", "known"), [("alex", 0.2143), ("squeeze", 0.2835)])
def test_known_value_of_a_jpeg(backbone: Backbone, known: float) -> None:
    original = Image.open(next((SHARED / "kodak").glob("kodim05*"))).convert("RGB")
    coded = BytesIO()
    original.save(coded, "JPEG", quality=10)
    distance = LPIPS.load(backbone, METRICS)(as_tensor(original), as_tensor(Image.open(coded)))
    assert distance.item() == pytest.approx(known, abs=1e-4)


@pytest.mark.parametrize("backbone", ["alex", "squeeze"])
def test_equal_pictures_have_distance_zero_and_a_finite_gradient(backbone: Backbone) -> None:
    metric = LPIPS(backbone)
    x = torch.zeros(2, 3, 48, 40, requires_grad=True)
    distance = metric(x, torch.zeros(2, 3, 48, 40))
    distance.sum().backward()
    assert distance.tolist() == [0, 0]
    assert x.grad is not None and torch.isfinite(x.grad).all()
    assert all(parameter.grad is None for parameter in metric.parameters())


@pytest.mark.parametrize("backbone", ["alex", "squeeze"])
def test_each_picture_of_a_batch_is_measured_alone(backbone: Backbone) -> None:
    torch.manual_seed(0)
    metric = LPIPS(backbone)
    x, y = torch.rand(2, 3, 32, 35) * 2 - 1, torch.rand(2, 3, 32, 35) * 2 - 1
    together = metric(x, y)
    alone = torch.cat([metric(x[:1], y[:1]), metric(x[1:], y[1:])])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together, metric(y, x))


def test_missing_weights_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="ENHANCE_METRICS_DIR"):
        LPIPS.load("alex")
    monkeypatch.setenv("ENHANCE_METRICS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match=r"lpips_squeeze\.safetensors"):
        LPIPS.load("squeeze")


def test_weights_of_another_backbone_or_garbage_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "lpips_alex.safetensors"
    save_file(LPIPS("squeeze").state_dict(), file)
    with pytest.raises(WeightsError, match=r"lpips_alex.*not LPIPS \(alex\) weights"):
        LPIPS.load("alex", tmp_path)
    file.write_bytes(b"garbage")
    with pytest.raises(WeightsError, match="not LPIPS"):
        LPIPS.load("alex", file)


@pytest.mark.parametrize(
    ("backbone", "published"), [("alex", "alexnet-owt-7be5be79.pth"), ("squeeze", "squeezenet1_1-b8a52dc0.pth")]
)
def test_the_two_published_files_serve_as_well(
    backbone: Backbone, published: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision's file among its downloads, with a classifier that is not needed, and the heads in the folder."""
    torch.manual_seed(0)
    metric = LPIPS(backbone)
    state = metric.state_dict()
    downloads, folder = tmp_path / "home" / "hub" / "checkpoints", tmp_path / "metrics"
    downloads.mkdir(parents=True)
    folder.mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    convolutions = {name: tensor for name, tensor in state.items() if name.startswith("features.")}
    torch.save({**convolutions, "classifier.1.weight": torch.zeros(2)}, downloads / published)
    with pytest.raises(WeightsError, match=rf"{backbone}\.pth"):
        LPIPS.load(backbone, folder)
    torch.save({name: state[name] for name in state.keys() - convolutions.keys()}, folder / f"{backbone}.pth")
    x, y = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(LPIPS.load(backbone, folder)(x, y), metric(x, y))


def test_weights_round_trip_through_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    metric = LPIPS("alex")
    save_file(metric.state_dict(), tmp_path / "lpips_alex.safetensors")
    x, y = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(LPIPS.load("alex", tmp_path)(x, y), metric(x, y))


@pytest.mark.parametrize("shape", [(1, 3, 31, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_pictures_that_cannot_be_measured_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        LPIPS("alex")(torch.zeros(shape), torch.zeros(shape))
