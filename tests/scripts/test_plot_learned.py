"""One plot of several runs: means over the pictures that all of them measured."""

from __future__ import annotations

from pathlib import Path

import plot_learned
import pytest
from PIL import Image
from plot_learned import curves

HEAD = "codec,level,image,setting,bits_per_pixel,psnr,lpips_alex"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """JPEG measured on two pictures, the learned codec on one of them, its rates in no order."""
    jpeg = ["jpeg,10,a.png,decoded,0.3,26,0.3", "jpeg,10,b.png,decoded,0.5,28,0.5", "jpeg,10,a.png,fidelity,0.3,27,0.2"]
    learned = [
        "learned,8,b.png,decoded,0.8,35,0.1",
        "learned,1,b.png,decoded,0.1,25,0.4",
        "learned,1,b.png,steps=2,0.1,25,0.3",
    ]
    folders = [tmp_path / "jpeg", tmp_path / "learned"]
    for folder, rows in zip(folders, (jpeg, learned)):
        folder.mkdir()
        (folder / "measurements.csv").write_text("\n".join([HEAD, *rows]), encoding="utf-8")
    return folders


def test_only_pictures_that_all_runs_have_count(runs: list[Path]) -> None:
    found = {(curve.codec, curve.setting): curve.points for curve in curves(runs)}
    assert found["jpeg", "decoded"] == {"bits_per_pixel": [0.5], "psnr": [28], "lpips_alex": [0.5]}
    assert found["learned", "decoded"]["psnr"] == [25, 35]
    assert ("jpeg", "fidelity") not in found, "b.png has it not"


def test_a_rate_at_which_pictures_are_missing_is_left_out(runs: list[Path]) -> None:
    assert {curve.setting for curve in curves(runs[:1])} == {"decoded"}, "b.png has no other"
    with (runs[0] / "measurements.csv").open("a", encoding="utf-8") as file:
        file.write("\njpeg,20,b.png,decoded,0.6,30,0.3")
    (found,) = (curve for curve in curves(runs[:1]) if curve.setting == "decoded")
    assert found.points["psnr"] == [27], "at quality 20 a.png is missing"


def test_settings_can_be_chosen(runs: list[Path]) -> None:
    assert {curve.setting for curve in curves(runs[1:], ["fidelity"])} == {"decoded"}
    assert {curve.setting for curve in curves(runs[1:], ["steps=2"])} == {"decoded", "steps=2"}


def test_it_draws_a_picture(runs: list[Path], tmp_path: Path) -> None:
    plot_learned.main([*map(str, runs), "-o", str(tmp_path / "plane.webp")])
    with Image.open(tmp_path / "plane.webp") as image:
        assert image.format == "WEBP" and image.width > 1000
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20, "curves and text are there"
