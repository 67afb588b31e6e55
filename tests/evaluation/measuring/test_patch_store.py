"""Features of patches on disk, and distances between sets of pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from enhance.evaluation.measuring.measurement import Key
from enhance.evaluation.measuring.patch_store import PatchStore, original_of

KEYS = [Key("jpeg", 10, name, "decoded") for name in ("a.png", "b.png")]


class Means(nn.Module):
    """The mean of each colour, in [0, 1]; counts its calls."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return (x.mean((2, 3)) + 1) / 2


def picture(seed: int, offset: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = np.random.default_rng(seed).integers(0, 200, (2, 2, 3)).repeat(256, 0).repeat(256, 1)
    return (pixels + offset).astype(np.uint8)


@pytest.fixture
def network() -> Means:
    return Means()


def test_distances_of_known_sets(tmp_path: Path, network: Means) -> None:
    """Shifted by 51 of 255 in every colour: the covariances are equal, the means differ by 0.2 three times."""
    store = PatchStore(tmp_path, {"alex": network})
    for seed, key in enumerate(KEYS):
        store.keep(original_of(key), picture(seed))
        store.keep(key, picture(seed, 51))
    assert network.calls == 4 * 5
    found = store.distances(["fd_alex", "kd_alex"], KEYS)
    assert found["fd_alex"] == pytest.approx(3 * 0.2**2, abs=1e-5)
    assert list(found) == ["fd_alex", "kd_alex"] and math.isfinite(found["kd_alex"])
    same = store.distances(["fd_alex"], [original_of(key) for key in KEYS])
    assert same["fd_alex"] == pytest.approx(0, abs=1e-9)


def test_features_are_computed_once(tmp_path: Path, network: Means) -> None:
    store = PatchStore(tmp_path / "new", {"alex": network})
    key = KEYS[0]
    assert not store.has(key)
    store.keep(original_of(key), picture(0))
    assert not store.has(key)
    store.keep(key, picture(0))
    assert store.has(key) and not store.has(KEYS[1])
    again = PatchStore(tmp_path / "new", {"alex": network})
    again.keep(key, picture(0))
    assert again.has(key) and network.calls == 2 * 5
    assert PatchStore(tmp_path / "none", {}).has(key)


def test_pictures_that_are_smaller_than_a_patch(tmp_path: Path, network: Means) -> None:
    store = PatchStore(tmp_path, {"alex": network})
    for key in KEYS:
        store.keep(key, np.zeros((255, 600, 3), np.uint8))
        store.keep(original_of(key), np.zeros((255, 600, 3), np.uint8))
    assert math.isnan(store.distances(["fd_alex"], KEYS)["fd_alex"])
    assert torch.is_tensor(network(torch.zeros(1, 3, 2, 2)))
