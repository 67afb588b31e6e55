"""The protocol, the settings and the report, with an enhancer whose gain is known."""

from __future__ import annotations

import csv
import json
import math
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance.codecs.jpeg_rate import JpegRate
from enhance.errors import DecodeError, UnsupportedImageError, UsageError
from enhance.evaluation import report
from enhance.evaluation.measuring import BASELINE, Measurement, measure
from enhance.evaluation.metrics import psnr
from enhance.evaluation.originals import find_originals, load_original
from enhance.evaluation.protocol import JpegProtocol
from enhance.evaluation.settings import combine, parse_switch
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.knobs import Knobs

RECORD = EnhancementRecord("jpeg", {}, False, 1, "one-step", 0, 1, 0, 1, 1, True, "", "cpu", "float32", 0, 0)


def decode(stream: bytes) -> DecodedImage:
    return DecodedImage(np.array(Image.open(BytesIO(stream))), JpegRate.from_quality(50))


def make_original(path: Path, seed: int, mode: str = "RGB") -> None:
    small = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)
    Image.fromarray(small).resize((40, 48), Image.Resampling.BICUBIC).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(("b.png", "a.bmp")):
        make_original(tmp_path / name, seed)
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_originals_are_found_by_name(folder: Path) -> None:
    assert [path.name for path in find_originals(folder)] == ["a.bmp", "b.png"]
    assert [path.name for path in find_originals(folder, ["b"])] == ["b.png"]
    assert [path.name for path in find_originals(folder, ["a.bmp"])] == ["a.bmp"]
    with pytest.raises(UsageError, match="no image is called c"):
        find_originals(folder, ["a", "c"])


def test_folders_without_originals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no originals"):
        find_originals(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        find_originals(tmp_path / "missing")


def test_originals_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"garbage")
    with pytest.raises(DecodeError, match=r"broken\.png"):
        load_original(tmp_path / "broken.png")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UnsupportedImageError, match="8 bits"):
        load_original(tmp_path / "deep.png")


def test_a_webp_is_an_original_only_without_loss(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    for name, lossless in (("good", True), ("bad", False)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.webp", lossless=lossless)
    assert np.array_equal(load_original(tmp_path / "good.webp"), pixels)
    with pytest.raises(UnsupportedImageError, match="lossy"):
        load_original(tmp_path / "bad.webp")


@pytest.mark.parametrize(
    ("mode", "gray", "shape"),
    [("RGB", False, (48, 40, 3)), ("RGB", True, (48, 40)), ("L", False, (48, 40)), ("RGBA", False, (48, 40, 3))],
)
def test_kinds_of_originals(tmp_path: Path, mode: str, gray: bool, shape: tuple[int, ...]) -> None:
    make_original(tmp_path / "x.png", 0, mode)
    assert load_original(tmp_path / "x.png", gray).shape == shape


@pytest.mark.parametrize(("subsampling", "factors"), [("4:4:4", (1, 1)), ("4:2:2", (2, 1)), ("4:2:0", (2, 2))])
def test_coding_follows_the_protocol(subsampling: str, factors: tuple[int, int]) -> None:
    stream = JpegProtocol(subsampling=subsampling).code(np.zeros((32, 32, 3), np.uint8), 30, "name")
    image: Any = Image.open(BytesIO(stream))
    assert image.layer[0][1:3] == factors
    assert sorted(image.quantization[0]) == sorted(JpegRate.from_quality(30).luma.reshape(-1).tolist())
    assert Image.open(BytesIO(JpegProtocol(gray=True).code(np.zeros((8, 8), np.uint8), 30, "name"))).mode == "L"


@pytest.mark.parametrize("wrong", [{"levels": (10, 101)}, {"subsampling": "4:1:0"}])
def test_protocols_that_cannot_be_coded(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        JpegProtocol(**wrong)


def test_gain_of_an_enhancer_that_halves_the_error(folder: Path) -> None:
    """Halving every error is 6.02 dB; `strength` says which share of the way to the original is gone."""
    originals = {path.name: load_original(path).astype(np.float32) for path in find_originals(folder)}

    def enhance(decoded: DecodedImage, knobs: Knobs) -> EnhancedImage:
        nearest = min(originals.values(), key=lambda x: float(np.abs(x - decoded.pixels).sum()))
        mixed = decoded.pixels + np.float32(knobs.strength) * (nearest - decoded.pixels)
        return EnhancedImage(mixed / np.float32(255), RECORD)

    settings = combine({"strength": [0.0, 0.5]})
    found = list(measure(find_originals(folder), JpegProtocol((5, 50)), settings, decode, enhance, {"psnr": psnr}))
    assert len(found) == 2 * 2 * 3
    summaries = report.summarize(found)
    assert [(one.level, one.setting) for one in summaries] == [
        (quality, setting) for quality in (5, 50) for setting in (BASELINE, "strength=0", "strength=0.5")
    ]
    assert summaries[0].gains == {}
    for one in summaries:
        if one.setting == "strength=0":
            assert one.gains["psnr"] == report.Gain(0, 0, 0)
        if one.setting == "strength=0.5":
            assert one.gains["psnr"].mean == pytest.approx(6.02, abs=0.3)
    assert summaries[0].bits_per_pixel < summaries[-1].bits_per_pixel


def two_pictures() -> list[Measurement]:
    values = {
        ("a", BASELINE): (30.0, 0.3),
        ("a", "x"): (31.0, 0.2),
        ("b", BASELINE): (20.0, 0.5),
        ("b", "x"): (23.0, 0.6),
    }
    return [
        Measurement(image, 10, setting, 0.5, 2.0 * (setting != BASELINE), {"psnr": decibels, "lpips": lpips})
        for (image, setting), (decibels, lpips) in values.items()
    ]


def test_means_and_gains_against_hand_computed_values() -> None:
    baseline, enhanced = report.summarize(two_pictures())
    assert baseline.means == {"psnr": 25.0, "lpips": 0.4}
    assert enhanced.images == 2
    assert enhanced.gains["psnr"] == report.Gain(2.0, 1.0, 1.0)
    gain = enhanced.gains["lpips"]
    assert (gain.mean, gain.std, gain.worst) == pytest.approx((0.0, 0.1, -0.1))


def test_table() -> None:
    table = report.to_table(report.summarize(two_pictures())).splitlines()
    assert table[0].split() == ["level", "setting", "bpp", "PSNR", "gain", "std", "worst", "LPIPS", "gain", "s"]
    assert table[1].split() == ["10", "decoded", "0.500", "25.00", "0.4000"]
    assert table[2].split() == ["10", "x", "0.500", "27.00", "+2.00", "1.00", "+1.00", "0.4000", "+0.0000", "2.00"]


def test_csv_json_and_curves_hold_the_same_numbers() -> None:
    found = two_pictures()
    summaries = report.summarize(found)
    rows = list(csv.DictReader(StringIO(report.to_csv(report.to_rows(summaries)))))
    assert float(rows[1]["psnr_gain_worst"]) == 1.0 and rows[0]["psnr_gain_mean"] == ""
    content = json.loads(report.to_json(summaries, found, {"subsampling": "4:2:0"}))
    assert content["summaries"][1]["gains"]["psnr"] == {"mean": 2.0, "std": 1.0, "worst": 1.0}
    assert len(content["measurements"]) == 4
    curves = list(csv.DictReader(StringIO(report.to_csv(report.to_curves(summaries)))))
    assert [(row["setting"], float(row["psnr"])) for row in curves] == [(BASELINE, 25.0), ("x", 27.0)]


def test_a_perfect_picture_has_no_finite_gain_and_still_makes_a_report() -> None:
    found = [Measurement("a", 100, setting, 1, 0, {"psnr": math.inf}) for setting in (BASELINE, "x")]
    summaries = report.summarize(found)
    assert "inf" in report.to_table(summaries)
    assert json.loads(report.to_json(summaries, found, {}))["summaries"][1]["means"]["psnr"] is None


def test_settings_are_all_combinations() -> None:
    settings = combine({"steps": [1, 4], "perception": [0.5, 1], "consistent": parse_switch(["both"])})
    assert list(settings) == [
        "steps=1", "steps=1 unprojected",
        "steps=4 perception=0.5", "steps=4 perception=0.5 unprojected",
        "steps=4 perception=1", "steps=4 perception=1 unprojected",
    ]  # fmt: skip
    assert settings["steps=1"] == Knobs(steps=1)
    assert settings["steps=4 perception=1 unprojected"] == Knobs(steps=4, perception=1, consistent=False)
    assert combine({}) == {"default": Knobs()}
    assert combine({"mode": ["fidelity", "perceptual"]}) == {m: Knobs(mode=m) for m in ("fidelity", "perceptual")}


@pytest.mark.parametrize("wrong", [{"perception": [2]}, {"steps": [0]}, {"steps": [1], "mode": ["perceptual"]}])
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        combine(wrong)
    with pytest.raises(UsageError):
        parse_switch(["perhaps"])
