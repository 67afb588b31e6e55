"""`enhance eval` from its arguments to its table, files and exit status, with an enhancer that changes nothing."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance import cli
from enhance.codecs import base
from enhance.codecs.jpeg_rate import JpegRate
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.knobs import Knobs

METRICS = Path(__file__).parents[3] / "shared" / "data" / "metrics"
RECORD = EnhancementRecord("jpeg", {}, False, 1, "one-step", 0, 1, 0, 1, 1, True, "", "cpu", "float32", 0, 0)


class Untouched:
    """Stands in for the enhancer."""

    def __init__(self, **options: Any) -> None:
        assert set(options) == {"model", "device", "dtype", "threads"}

    def run(self, decoded: DecodedImage, knobs: Knobs) -> EnhancedImage:
        return EnhancedImage(decoded.pixels, RECORD)


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("enhance.enhancer")
    module.__dict__["Enhancer"] = Untouched
    monkeypatch.setitem(sys.modules, "enhance.enhancer", module)
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)

    def decode(stream: bytes) -> DecodedImage:
        return DecodedImage(np.array(Image.open(BytesIO(stream))), JpegRate.from_quality(50))

    monkeypatch.setattr(base, "decode", decode)


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    for name in ("one", "two"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def evaluate(*words: object) -> int:
    return cli.main(["eval", *map(str, words)])


def test_table_on_stdout_and_progress_on_stderr(originals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(originals, "--qualities", 10, 40, "--steps", 1, 4, "--images", "one", "two.png") == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert [line[:2] for line in lines[1:]] == [[q, s] for q in ("10", "40") for s in ("jpeg", "steps=1", "steps=4")]
    assert "LPIPS" not in lines[0] and "+0.00" in lines[2]
    assert "12/12" in err


def test_reports_are_written(originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = [originals, "--qualities", 10, "--quiet", "--gray", "--consistent", "off"]
    assert evaluate(*common, "-o", tmp_path / "r.json", "--curves", tmp_path / "c.csv") == 0
    assert evaluate(*common, "-o", tmp_path / "r.csv") == 0
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["about"]["gray"] and content["about"]["images"] == 2
    assert [one["setting"] for one in content["summaries"]] == ["jpeg", "unprojected"]
    assert (tmp_path / "r.csv").read_text().startswith("quality,setting,images,bits_per_pixel,seconds,psnr,")
    assert (tmp_path / "c.csv").read_text().count("\n") == 3
    assert "it/s" not in capsys.readouterr().err


@pytest.mark.skipif(not METRICS.exists(), reason="no LPIPS weights here")
def test_lpips_is_measured_where_its_weights_are(originals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(originals, "--qualities", 10, "--quiet", "--lpips", "squeeze", "--metrics-dir", METRICS) == 0
    assert "LPIPS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["missing"], 2, "no such folder"),
        (["."], 2, "no originals"),
        (["originals", "--qualities", "0"], 2, "from 1 to 100"),
        (["originals", "--perception", "3"], 2, "perception"),
        (["originals", "--images", "three"], 2, "three"),
        (["originals", "-o", "report.txt"], 2, ".json or .csv"),
        (["originals", "--curves", "nowhere/c.csv"], 2, "no such folder"),
        (["originals", "--lpips", "alex"], 3, "ENHANCE_METRICS_DIR"),
    ],
)
def test_mistakes_get_one_line_and_their_exit_status(
    originals: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], status: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(originals.parent)
    assert evaluate(*words) == status
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1
