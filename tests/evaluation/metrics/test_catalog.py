"""Which metrics can be measured here, and what is said of those that cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from enhance.errors import UsageError
from enhance.evaluation.metrics import catalog
from enhance.evaluation.metrics.catalog import KINDS, USUAL, choose

METRICS = Path(__file__).parents[4] / "shared" / "data" / "metrics"


@pytest.fixture(autouse=True)
def nothing_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))


def test_metrics_without_weights_are_left_out_with_the_reason() -> None:
    found = choose(list(KINDS))
    assert list(found.of_pictures) == ["psnr", "psnr_y", "psnr_b", "ssim", "ms_ssim"]
    assert found.of_sets == [] and found.networks == {}
    without = ["lpips_alex", "lpips_squeeze", "dists", "niqe", "fid", "kid", "fd_alex", "kd_alex"]
    assert list(found.left_out) == without
    assert "lpips_squeeze.safetensors" in found.left_out["lpips_squeeze"]
    assert "ENHANCE_METRICS_DIR" in found.left_out["fid"]


@pytest.mark.skipif(not METRICS.exists(), reason="no weights of metrics here")
def test_a_stand_in_is_never_called_fid() -> None:
    found = choose(["fid", "kid", "fd_alex", "kd_alex", "niqe"], METRICS)
    assert found.of_sets == ["fd_alex", "kd_alex"] and list(found.networks) == ["alex"]
    assert list(found.left_out) == ["fid", "kid"] and list(found.of_pictures) == ["niqe"]


def test_a_metric_without_its_library_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "find_spec", lambda name: None)
    found = choose(USUAL)
    assert list(found.of_pictures) == ["psnr", "psnr_b"]
    assert "enhance[eval]" in found.left_out["ssim"] and "scikit-image" in found.left_out["ssim"]


def test_names_that_are_none_and_choices_that_leave_nothing() -> None:
    with pytest.raises(UsageError, match=r"'vmaf'.*there are psnr"):
        choose(["psnr", "vmaf"])
    with pytest.raises(UsageError, match="DISTS needs weights"):
        choose(["dists"])


def test_every_metric_of_pictures_takes_gray_and_colour() -> None:
    x = np.random.default_rng(0).integers(0, 256, (170, 180, 3), np.uint8)
    for name, metric in choose(list(KINDS)).of_pictures.items():
        for original in (x, x[..., 0]):
            better, worse = original ^ np.uint8(1), original ^ np.uint8(16)
            assert metric(original, better) > metric(original, worse), name
