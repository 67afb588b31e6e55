"""The script that trains the learned base codec, from photos to a model that codes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import package_learned
import pytest
import train_learned
from PIL import Image

from enhance.learned.model import open_model
from tests.learned.conftest import TINY

pytest.importorskip("constriction")


def test_a_run_is_begun_continued_and_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, photos = np.random.default_rng(0), tmp_path / "photos"
    photos.mkdir()
    coarse = np.kron(rng.integers(40, 200, (20, 20, 3)), np.ones((16, 16, 1)))
    Image.fromarray(np.rint(coarse + rng.normal(0, 8, coarse.shape)).astype(np.uint8)).save(photos / "a.png")
    words = [str(photos), "-o", str(tmp_path / "run"), "--crop", "64", "--batch", "2"]
    assert train_learned.main([*words, "--minutes", "0"], TINY) == 0
    assert train_learned.main([*words, "--minutes", "0.001", "--resume"], TINY) == 0
    packed = tmp_path / "base.safetensors"
    run = str(tmp_path / "run" / "base.safetensors")
    monkeypatch.setattr(sys, "argv", ["package_learned", run, "--photos", str(photos), "-o", str(packed)])
    package_learned.main()
    model = open_model(packed)
    assert model.codec.config == TINY and model.training["minutes"] == 0.001
