"""`enhance eval` from its arguments to its table, its folder and its exit status, with tiny random models."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from enhance.cli.main import main
from enhance.evaluation.measuring import measurement
from enhance.evaluation.measuring.originals import load_original
from enhance.evaluation.metrics.lpips import LPIPS
from enhance.models.checkpoint import Checkpoint, save_checkpoint

METRICS = Path(__file__).parents[3] / "shared" / "data" / "metrics"
PLOTS = ["distortion_perception.png", "rate_distortion.png", "rate_perception.png"]

pytestmark = pytest.mark.usefixtures("no_weights")


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of metrics but those that a test names."""
    monkeypatch.delenv("ENHANCE_METRICS_DIR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing-downloaded"))


def evaluate(*words: object) -> int:
    return main(["eval", *map(str, words)])


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "measurements.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def random_lpips(tmp_path: Path) -> Path:
    """A folder with an LPIPS of random weights, whose AlexNet serves for distances between sets, too."""
    torch.manual_seed(0)
    folder = tmp_path / "metrics"
    folder.mkdir()
    save_file(LPIPS("alex").state_dict(), folder / "lpips_alex.safetensors")
    return folder


def test_table_on_stdout_and_progress_on_stderr(
    originals: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--qualities", 10, 40, "--steps", 1, 2, "--images", "one", "two.png"]
    assert evaluate(originals, "--model", tiny_model_file, *words) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == [
        "level",
        "setting",
        "bpp",
        "PSNR",
        "gain",
        "std",
        "worst",
        "PSNR-B",
        "gain",
        "SSIM",
        "gain",
        "s",
    ]
    assert [line[:2] for line in lines[1:]] == [[q, s] for q in ("10", "40") for s in ("decoded", "steps=1", "steps=2")]
    assert "12/12" in err and "not measured: LPIPS:" in err


def test_strength_zero_gains_exactly_nothing(
    originals: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(originals, "--model", tiny_model_file, "--qualities", 10, "--strength", 0, "--quiet") == 0
    jpeg, untouched = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert jpeg[3] == untouched[3] and untouched[4:7] == ["+0.00", "0.00", "+0.00"]


def test_chosen_metrics_are_shown_and_missing_ones_told(
    originals: Path, tiny_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--qualities", 10, "--quiet", "--metrics", "psnr_y", "dists", "niqe"]
    assert evaluate(originals, "--model", tiny_model_file, *words) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["level", "setting", "bpp", "PSNR-Y", "gain", "s"]
    assert "not measured: DISTS:" in err and "dists.safetensors" in err
    assert "not measured: NIQE:" in err and "niqe_pris_params.npz" in err


def test_a_folder_of_results(
    originals: Path, tiny_model_file: Path, random_lpips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "out"
    words = ["--qualities", 10, 40, "--steps", 1, 2, "--setting", "steps=2 eta=1 unprojected", "--quiet"]
    common = [originals, "--model", tiny_model_file, "--metrics-dir", random_lpips, "-o", folder]
    assert evaluate(*common, *words) == 0
    assert "LPIPS" in capsys.readouterr().out.splitlines()[0]
    table = rows(folder)
    settings = ["decoded", "steps=1", "steps=2", "steps=2 eta=1 unprojected"]
    assert [(row["image"], row["level"], row["setting"]) for row in table] == [
        (f"{name}.png", level, setting) for name in ("one", "two") for level in ("10", "40") for setting in settings
    ]
    assert [(row["steps"], row["eta"], row["consistent"]) for row in table[:4]] == [
        ("", "", ""), ("1", "", "True"), ("2", "0", "True"), ("2", "1", "False")
    ]  # fmt: skip
    assert float(table[3]["lpips_alex"]) > 0 and float(table[3]["ssim"]) < 1 and float(table[3]["seconds"]) > 0
    assert [path.name for path in sorted(folder.glob("*.png"))] == PLOTS
    about = json.loads((folder / "about.json").read_text())
    assert about["fixed"]["codecs"]["jpeg"]["subsampling"] == "4:2:0"
    assert about["fixed"]["codecs"]["jpeg"]["model"].startswith("tiny ")
    assert len(about["fixed"]["codecs"]["jpeg"]["model"].split()[1]) == 64
    (run,) = about["runs"]
    assert run["options"]["qualities"] == [10, 40] and "torch" in run["versions"] and run["machine"]["device"]
    summary = (folder / "summary.md").read_text()
    assert "- not measured: FID/256, KID/256: " in summary and "| 40 | steps=2 | 2 |" in summary
    with (folder / "summary.csv").open(encoding="utf-8", newline="") as file:
        assert {"psnr", "lpips_alex", "fd_alex", "kd_alex"} <= {row["metric"] for row in csv.DictReader(file)}


def test_a_rerun_measures_what_is_missing(
    originals: Path, tiny_model_file: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path / "out"
    common = [originals, "--model", tiny_model_file, "--metrics", "psnr", "--qualities", 10, "-o", folder]
    assert evaluate(*common, "--images", "one") == 0
    first = (folder / "measurements.csv").read_text()
    assert evaluate(*common) == 0
    grown = (folder / "measurements.csv").read_text()
    assert grown.startswith(first) and [row["image"] for row in rows(folder)] == ["one.png"] * 2 + ["two.png"] * 2
    assert "4/4" in capsys.readouterr().err

    def fail(*anything: object, **named: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(measurement, "load_original", fail)
    assert evaluate(*common) == 0
    out, err = capsys.readouterr()
    assert (folder / "measurements.csv").read_text() == grown and "4/4" in err
    assert out.count("\n") == 3 and len(json.loads((folder / "about.json").read_text())["runs"]) == 3


def test_an_interrupted_run_goes_on(
    originals: Path, tiny_model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    common = [
        originals,
        "--model",
        tiny_model_file,
        "--metrics",
        "psnr",
        "--qualities",
        10,
        40,
        "-o",
        folder,
        "--quiet",
    ]
    real = load_original

    def interrupted(path: Path, mode: str | None) -> object:
        if path.name == "two.png":
            raise KeyboardInterrupt
        return real(path, mode)

    monkeypatch.setattr(measurement, "load_original", interrupted)
    assert evaluate(*common) == 130
    kept = rows(folder)
    assert len(kept) == 4
    monkeypatch.setattr(measurement, "load_original", real)
    assert evaluate(*common) == 0
    assert rows(folder)[:4] == kept and len(rows(folder)) == 8


def test_other_models_protocols_and_originals_are_refused(
    originals: Path, tiny_model_file: Path, tiny_checkpoint: Checkpoint, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    other = tmp_path / "other.safetensors"
    save_checkpoint(tiny_checkpoint, other, half=False)
    common = [originals, "--metrics", "psnr", "--qualities", 10, "-o", tmp_path / "out", "--quiet"]
    common += ["--dtype", "float32"]
    assert evaluate(*common, "--model", tiny_model_file) == 0
    capsys.readouterr()
    for words, message in [
        (["--model", other], "another codecs jpeg model"),
        (["--model", tiny_model_file, "--subsampling", "4:4:4"], "another codecs jpeg subsampling"),
        (["--model", tiny_model_file, "--dtype", "bfloat16"], "another codecs jpeg arithmetic"),
        (["--model", tiny_model_file, "--metrics", "ssim"], "another metrics"),
    ]:
        assert evaluate(*common, *words) == 2
        out, err = capsys.readouterr()
        assert out == "" and message in err and err.count("\n") == 1
    Image.new("RGB", (48, 40)).save(originals / "one.png")
    assert evaluate(*common, "--model", tiny_model_file) == 2
    assert "another originals one.png" in capsys.readouterr().err


def test_peers_run_beside_ours(
    originals: Path, tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One gives the decoded picture, one fails on one of the two originals; that makes the exit status 1."""
    script = tmp_path / "peer.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom PIL import Image\n"
        "left = Path(__file__).with_name('left')\n"
        "if 'once' in sys.argv and left.exists(): sys.exit('out of luck')\n"
        "left.touch() if 'once' in sys.argv else None\n"
        "Image.open(sys.argv[1]).save(sys.argv[2])\n",
        encoding="utf-8",
    )
    command = f"{sys.executable} {script} {{in}} {{out}}"
    words = ["--model", tiny_model_file, "--qualities", 10, "-o", tmp_path / "out", "--metrics", "psnr"]
    peers = ["--peer", f"same={command}", "--peer", f"half={command} once"]
    assert evaluate(originals, *words, *peers) == 1
    out, err = capsys.readouterr()
    assert "two.png, level 10: half failed with status 1: out of luck" in err and "8/8" in err
    lines = {line.split()[1]: line.split() for line in out.splitlines()}
    assert lines["same"][3] == lines["decoded"][3] and lines["same"][4:6] == ["+0.00", "0.00"]
    assert len(rows(tmp_path / "out")) == 7
    assert f"- peer same: {command}" in (tmp_path / "out" / "summary.md").read_text()
    (tmp_path / "left").unlink()
    assert evaluate(originals, *words, *peers, "--quiet") == 0
    assert len(rows(tmp_path / "out")) == 8
    assert evaluate(originals, *words, "--peer", f"same={command} other", "--quiet") == 2
    assert "another peers same" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_weights")
def test_both_codecs_in_one_run(originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    words = ["--codec", "jpeg", "vvc", "--qualities", 20, "--qps", 37, "--preset", "faster", "--metrics", "psnr", "-o"]
    assert evaluate(originals, *words, folder) == 0
    out, err = capsys.readouterr()
    assert [table.split()[0] for table in out.split("\n\n")] == ["jpeg", "vvc"]
    assert "8/8" in err or "4/4" in err
    found = rows(folder)
    assert [(row["codec"], row["level"]) for row in found] == [("jpeg", "20")] * 4 + [("vvc", "37")] * 4
    sizes = sorted(8 * path.stat().st_size / (48 * 40) for path in (folder / "streams").glob("*.266"))
    assert sizes == pytest.approx(sorted(float(row["bits_per_pixel"]) for row in found[4::2]))
    assert (folder / "summary.md").read_text().count("\n## ") == 2


def test_given_vvc_streams(
    originals: Path, tiny_vvc_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from enhance.codecs.vvc.encoding import encode_vvc

    streams = tmp_path / "streams"
    streams.mkdir()
    pixels = np.array(Image.open(originals / "one.png"))
    (streams / "one_qp40.266").write_bytes(encode_vvc(pixels, 40, preset="faster"))
    words = ["--codec", "vvc", "--streams", streams, "--qps", 40, "--model", tiny_vvc_model_file, "--quiet"]
    assert evaluate(originals, *words, "--images", "one") == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["40", "decoded"],
        ["40", "default"],
    ]
    assert evaluate(originals, *words) == 1
    assert "two_qp40.266" in capsys.readouterr().err


def test_without_matplotlib_the_run_goes_on(
    originals: Path, tiny_model_file: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    words = ["--qualities", 10, "--metrics", "psnr", "--quiet", "-o", tmp_path / "out"]
    assert evaluate(originals, "--model", tiny_model_file, *words) == 0
    assert "plots are left out" in capsys.readouterr().err
    assert (tmp_path / "out" / "summary.md").exists() and not list((tmp_path / "out").glob("*.png"))


@pytest.mark.skipif(not METRICS.exists(), reason="no weights of metrics here")
def test_metrics_are_measured_where_their_weights_are(
    originals: Path, tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LPIPS and NIQE of a picture that is large enough for them, and the stand-in for FID."""
    Image.open(originals / "one.png").resize((288, 256)).save(originals / "large.png")
    words = ["--qualities", 10, "--quiet", "--images", "large", "--metrics-dir", METRICS, "-o", tmp_path / "out"]
    assert evaluate(originals, "--model", tiny_model_file, *words) == 0
    (base, _) = rows(tmp_path / "out")
    for name in ("psnr", "psnr_y", "psnr_b", "ssim", "ms_ssim", "lpips_alex", "lpips_squeeze", "niqe"):
        assert float(base[name]) > 0, name
    err = capsys.readouterr().err
    assert "not measured: FID/256, KID/256:" in err and "not measured: DISTS:" in err and err.count("\n") == 2


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["missing"], 2, "no such folder"),
        (["."], 2, "no originals"),
        (["originals", "--qualities", "0"], 2, "from 1 to 100"),
        (["originals", "--perception", "3"], 2, "perception"),
        (["originals", "--setting", "speed=3"], 2, "a setting cannot hold 'speed=3'"),
        (["originals", "--images", "three"], 2, "three"),
        (["originals", "-o", "report.csv"], 2, "--output is a folder"),
        (["originals", "--metrics-dir", "nowhere"], 2, "no such folder of weights"),
        (["originals", "--metrics", "vmaf"], 2, "there is no metric 'vmaf'"),
        (["originals", "--metrics", "psnr", "fid"], 2, "needs --output"),
        (["originals", "--model", "absent"], 3, "absent"),
        (["originals", "--qps", "37"], 2, "--qps is not for jpeg"),
        (["originals", "--codec", "vvc", "--gray"], 2, "--gray is not for vvc"),
        (["originals", "--peer", "x=nothing"], 2, "{in} and {out}"),
        (["originals", "--peer", "default=python3 {in} {out}"], 2, "two things cannot be called 'default'"),
        (["originals", "--peer-time", "0"], 2, "--peer-time"),
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


def test_a_model_of_another_codec_is_refused(
    originals: Path, tiny_model_file: Path, tiny_vvc_model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(originals, "--model", tiny_vvc_model_file) == 2
    assert "is for vvc, not for jpeg" in capsys.readouterr().err
    assert evaluate(originals, "--model", tiny_model_file, tiny_model_file) == 2
    assert "one checkpoint for a codec" in capsys.readouterr().err
