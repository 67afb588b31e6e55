"""Bits beside JPEG's at the same error."""

from __future__ import annotations

from pathlib import Path

import measure_learned
import numpy as np
import pytest
from measure_learned import jpeg_curve, mean_saving, savings
from PIL import Image


def test_half_the_bits_are_half_the_bits_at_every_error() -> None:
    jpeg = np.array([[0.2, 25.0], [0.4, 30.0], [0.8, 35.0]])
    half = np.array([[0.1, 25.0], [0.2, 30.0], [0.3, 34.0], [0.5, 40.0]])
    saved = savings(half, jpeg)
    assert saved[:2] == pytest.approx([-0.5, -0.5]) and np.isnan(saved[3]), "JPEG was not measured so far"
    assert mean_saving(half[:2], jpeg) == pytest.approx(-0.5)


def test_it_tells_each_rate(originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted(path.name for path in originals.glob("*.png"))
    jpeg = jpeg_curve([originals / name for name in names])
    lines = ["codec,level,image,setting,bits_per_pixel,psnr"]
    for level, (bits, psnr) in zip((1, 2), jpeg[[2, 8]]):
        lines += [f"learned,{level},{name},decoded,{0.7 * bits},{psnr}" for name in names]
        lines += [f"learned,{level},{name},fidelity,9,9" for name in names]
    (tmp_path / "measurements.csv").write_text("\n".join(lines), encoding="utf-8")
    assert measure_learned.main([str(tmp_path), str(originals)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in out[:2]] == ["1:", "2:"] and all(line.endswith("-30.0%") for line in out[:2])
    assert out[2].startswith("mean over")
    assert measure_learned.main([str(tmp_path), str(originals), "--usual-tables"]) == 0
    assert "-30.0%" not in capsys.readouterr().out


def test_jpegs_bits_and_errors_grow_together(originals: Path) -> None:
    path = sorted(originals.glob("*.png"))[0]
    curve = jpeg_curve([path])
    assert (np.diff(curve, axis=0) > 0).all()
    with Image.open(path) as image:
        assert curve[0, 0] < 24 * image.width * image.height
