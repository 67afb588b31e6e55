"""`enhance eval` from its arguments to its table, files and exit status, with the tiny random model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance import cli
from enhance.models.checkpoint import Checkpoint, save_checkpoint

METRICS = Path(__file__).parents[3] / "shared" / "data" / "metrics"


@pytest.fixture(autouse=True)
def no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    for name in ("one", "two"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def model(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    save_checkpoint(tiny_checkpoint, tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def evaluate(*words: object) -> int:
    return cli.main(["eval", *map(str, words)])


def test_table_on_stdout_and_progress_on_stderr(
    originals: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--qualities", 10, 40, "--steps", 1, 2, "--images", "one", "two.png"]
    assert evaluate(originals, "--model", model, *words) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert [line[:2] for line in lines[1:]] == [[q, s] for q in ("10", "40") for s in ("decoded", "steps=1", "steps=2")]
    assert "LPIPS" not in lines[0]
    assert "12/12" in err and "LPIPS is left out" in err


def test_strength_zero_gains_exactly_nothing(originals: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(originals, "--model", model, "--qualities", 10, "--strength", 0, "--quiet") == 0
    jpeg, untouched = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert jpeg[3] == untouched[3] and untouched[4:7] == ["+0.00", "0.00", "+0.00"]


def test_reports_are_written(originals: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = [originals, "--model", model, "--qualities", 10, "--quiet", "--gray", "--consistent", "off"]
    assert evaluate(*common, "-o", tmp_path / "r.json", "--curves", tmp_path / "c.csv") == 0
    assert evaluate(*common, "-o", tmp_path / "r.csv") == 0
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["about"]["gray"] and content["about"]["images"] == 2
    assert [one["setting"] for one in content["summaries"]] == ["decoded", "unprojected"]
    records = [one["record"] for one in content["measurements"] if one["setting"] != "decoded"]
    assert [record["consistent"] for record in records] == [False, False]
    assert records[0]["model"].startswith("tiny ")
    assert (tmp_path / "r.csv").read_text().startswith("level,setting,images,bits_per_pixel,seconds,psnr,")
    assert (tmp_path / "c.csv").read_text().count("\n") == 3
    assert "picture" not in capsys.readouterr().err


@pytest.mark.skipif(not METRICS.exists(), reason="no LPIPS weights here")
def test_lpips_is_measured_where_its_weights_are(
    originals: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--qualities", 10, "--quiet", "--lpips", "squeeze", "--metrics-dir", METRICS]
    assert evaluate(originals, "--model", model, *words) == 0
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
        (["originals", "--lpips", "none", "--model", "absent"], 3, "absent"),
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
