"""The metrics that need weights, as functions of arrays."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from enhance.errors import UsageError, WeightsError
from enhance.evaluation.metrics.distortion import Pixels, luma
from enhance.evaluation.metrics.dists import DISTS
from enhance.evaluation.metrics.lpips import LPIPS
from enhance.evaluation.metrics.niqe import NIQE
from enhance.evaluation.metrics.perceptual import DistsDistance, LpipsDistance, Naturalness

METRICS = Path(__file__).parents[4] / "shared" / "data" / "metrics"
needs_weights = pytest.mark.skipif(not METRICS.exists(), reason="no weights of metrics here")


@pytest.fixture(scope="module")
def photo() -> Pixels:
    astronaut: Any = data.astronaut()
    return np.asarray(astronaut[:200, :184])


def coded(pixels: Pixels, quality: int) -> Pixels:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


@needs_weights
def test_lpips_of_arrays(photo: Pixels) -> None:
    distance = LpipsDistance("alex", METRICS)
    gray = photo[..., 0]
    as_rgb = np.stack([gray] * 3, axis=2)
    assert distance(photo, photo) == 0
    assert 0.1 < distance(photo, coded(photo, 10)) < distance(photo, coded(photo, 3)) < 1
    assert distance(gray, coded(gray, 10)) == distance(as_rgb, np.stack([coded(gray, 10)] * 3, axis=2))
    assert math.isnan(distance(photo[:31], photo[:31]))
    with pytest.raises(UsageError, match="different shapes"):
        distance(photo, photo[1:])


def test_lpips_keeps_features_of_the_right_original(photo: Pixels, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(LPIPS("alex").state_dict(), tmp_path / "lpips_alex.safetensors")
    distance = LpipsDistance("alex", tmp_path)
    first, second = photo[:64, :64], photo[64:128, :64]
    values = [distance(original, coded(original, 10)) for original in (first, second, first, first.copy())]
    assert values[0] == values[2] == values[3] != values[1]
    assert distance(first, first) == 0


@needs_weights
def test_niqe_is_of_the_measured_picture_alone(photo: Pixels) -> None:
    naturalness = Naturalness(METRICS)
    y = coded(photo, 5)
    assert naturalness(photo, y) == naturalness(y, y) == NIQE.load(METRICS)(luma(y))
    assert naturalness(photo, y) > naturalness(photo, photo)


def test_dists_of_arrays(photo: Pixels, tmp_path: Path) -> None:
    photo = photo[:64, :48]
    torch.manual_seed(0)
    save_file(DISTS().state_dict(), tmp_path / "dists.safetensors")
    distance = DistsDistance(tmp_path)
    assert distance(photo, photo) == pytest.approx(0, abs=1e-6)
    assert 0 < distance(photo, coded(photo, 10)) < distance(photo, 255 - photo)
    gray = photo[..., 0]
    assert distance(gray, coded(gray, 10)) > 0


@pytest.mark.parametrize("kind", [LpipsDistance, DistsDistance, Naturalness])
def test_missing_weights_are_explained(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="ENHANCE_METRICS_DIR"):
        kind()
