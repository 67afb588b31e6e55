"""Small originals, measurements of two pictures, and nothing of this machine's weights of metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance.evaluation.measuring.measurement import BASELINE, Key, Measurement


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of metrics but those that a test names."""
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing-downloaded"))


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A folder with one.png and two.png, 48x40 pixels, and a text file."""
    folder = tmp_path / "originals"
    folder.mkdir()
    for seed, name in enumerate(("one", "two")):
        small = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
        Image.fromarray(small).resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    (folder / "notes.txt").write_text("not an image", encoding="utf-8")
    return folder


@pytest.fixture
def two_pictures() -> Callable[..., list[Measurement]]:
    """Measurements of the pictures "a" and "b", decoded and under the setting "x"; called with a codec and a level."""
    values = {
        ("a", BASELINE): (30.0, 0.3),
        ("a", "x"): (31.0, 0.2),
        ("b", BASELINE): (20.0, 0.5),
        ("b", "x"): (23.0, 0.6),
    }

    def measured(codec: str = "jpeg", level: int = 10) -> list[Measurement]:
        return [
            Measurement(
                Key(codec, level, image, setting),
                0.5,
                2.0 * (setting != BASELINE),
                {"psnr": decibels, "lpips_alex": lpips},
            )
            for (image, setting), (decibels, lpips) in values.items()
        ]

    return measured
