"""Distances between sets: closed forms, patches as in the literature, and the networks whose features are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from enhance.errors import WeightsError
from enhance.evaluation.metrics.frechet import AlexFeatures, frechet_distance, kernel_distance, patch_features, patches
from enhance.evaluation.metrics.inception import Inception

METRICS = Path(__file__).parents[4] / "shared" / "data" / "metrics"


def normal(count: int, dimensions: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


@given(height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=40)
def test_patches_are_the_whole_ones_and_those_between_them(height: int, width: int) -> None:
    """Mentzer et al. 2020: a b patches, then (a - 1)(b - 1) with the origin shifted by half a patch."""
    pixels = np.arange(height * width * 3, dtype=np.uint16).astype(np.uint8).reshape(height, width, 3)
    found = patches(pixels, side=8)
    a, b = height // 8, width // 8
    assert len(found) == a * b + max(a - 1, 0) * max(b - 1, 0)
    assert all(patch.shape == (8, 8, 3) for patch in found)
    if a and b:
        assert np.array_equal(found[0], pixels[:8, :8])
    if a > 1 and b > 1:
        assert np.array_equal(found[a * b], pixels[4:12, 4:12])


@pytest.mark.parametrize(("count", "dimensions"), [(50, 8), (6, 20)])
def test_a_set_is_at_no_frechet_distance_from_itself(count: int, dimensions: int) -> None:
    x = normal(count, dimensions)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_shifted_and_scaled_sets() -> None:
    """Σy = k² Σx commutes with Σx, so the distance is |shift|² + (k - 1)² tr Σx."""
    x = normal(200, 5) @ np.random.default_rng(1).standard_normal((5, 5)).astype(np.float32)
    mean, shift, factor = x.mean(axis=0), np.array([1, 2, 0, -1, 0.5], np.float32), 3
    y = (x - mean) * factor + mean + shift
    expected = np.square(shift).sum() + (factor - 1) ** 2 * np.trace(np.cov(x, rowvar=False))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-4)


def test_frechet_distance_against_the_root_of_the_matrix() -> None:
    """Covariances that do not commute: tr (Σx Σy)^½ from the eigenvalues of the product."""
    x, y = normal(90, 6), normal(70, 6, 1) * np.array([1, 2, 3, 0.5, 1, 1], np.float32)
    y[:, 0] += y[:, 1]
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(a @ b).real.clip(0)).sum()
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)


def test_kernel_distance_by_hand() -> None:
    """k(a, b) = (ab + 1)³ in one dimension: x = {0, 1}, y = {1, 2}."""
    x, y = np.array([[0.0], [1.0]], np.float32), np.array([[1.0], [2.0]], np.float32)
    assert kernel_distance(x, y) == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_kernel_distance_has_no_bias() -> None:
    pairs = [kernel_distance(normal(20, 3, 2 * seed), normal(30, 3, 2 * seed + 1)) for seed in range(300)]
    assert abs(np.mean(pairs)) < 4 * np.std(pairs) / np.sqrt(300)
    assert kernel_distance(normal(50, 3), normal(50, 3, 1) + 1) > 1


def test_inception_has_the_published_parameters() -> None:
    """Its 2015 network: 23,850,960 with the classifier of 1008 classes, and the names of torchvision's."""
    with torch.device("meta"):
        network = Inception()
    assert sum(p.numel() for p in network.parameters()) == 23_850_960 - 1008 * 2049
    names = {name.removesuffix(".conv.weight") for name in network.state_dict() if name.endswith("conv.weight")}
    assert len(names) == 94
    assert {"Mixed_5b.branch5x5_2", "Mixed_6a.branch3x3", "Mixed_6e.branch7x7dbl_5", "Mixed_7c.branch_pool"} <= names
    assert {"Mixed_7a.branch7x7x3_4", "Mixed_7b.branch3x3dbl_3a", "Mixed_7c.branch3x3_2b"} <= names
    assert network.Mixed_6a.pool == network.Mixed_7a.pool == "halve" and network.Mixed_7c.pool == "maximum"


@pytest.fixture(scope="module")
def alex(tmp_path_factory: pytest.TempPathFactory) -> AlexFeatures:
    torch.manual_seed(0)
    network = AlexFeatures()
    folder = tmp_path_factory.mktemp("weights")
    torch.save(network.state_dict() | {"classifier.1.weight": torch.zeros(1)}, folder / "alexnet-owt-7be5be79.pth")
    return AlexFeatures.load(folder)


def test_features_of_a_pictures_patches(alex: AlexFeatures) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (300, 560, 3), np.uint8)
    features = patch_features(alex, picture)
    assert features.shape == (2, 256) and features.dtype == np.float32
    assert np.allclose(patch_features(alex, picture[:256, 256:512]), features[1:], atol=1e-6)
    gray = picture[..., 0]
    assert np.array_equal(patch_features(alex, gray), patch_features(alex, np.stack([gray] * 3, axis=2)))
    assert len(patch_features(alex, picture[:255])) == 0


@pytest.mark.skipif(not (METRICS / "lpips_alex.safetensors").exists(), reason="no AlexNet here")
def test_the_backbone_inside_lpips_serves() -> None:
    features = patch_features(AlexFeatures.load(METRICS), np.full((256, 256, 3), 90, np.uint8))
    assert features.shape == (1, 256) and features.std() > 0


def test_inception_takes_pictures_of_any_size() -> None:
    torch.manual_seed(0)
    features = patch_features(Inception(), np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    assert features.shape == (1, 2048) and np.isfinite(features).all()


def test_networks_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="pt_inception"):
        Inception.load(tmp_path)
    with pytest.raises(WeightsError, match="alexnet-owt"):
        AlexFeatures.load(tmp_path)
