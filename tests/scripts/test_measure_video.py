"""`scripts/measure_video.py` on a small clip: gains, stillness, and what the numbers mean."""

from __future__ import annotations

import csv
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "measure_video.py"


@pytest.fixture(scope="module")
def script() -> Iterator[dict[str, Any]]:
    sys.path.insert(0, str(SCRIPT.parent))  # as for a program that is started
    yield runpy.run_path(str(SCRIPT))
    sys.path.remove(str(SCRIPT.parent))


def test_a_clip_is_coded_enhanced_and_measured(tiny_vvc_model_file: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5", "-frames:v", "4"]
    source += ["-pix_fmt", "yuv420p", "-c:v", "ffv1"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(clips / "a.mkv")], check=True)
    command = [sys.executable, str(SCRIPT), str(clips), "--model", str(tiny_vvc_model_file), "--threads", "1"]
    command += [
        "--qps",
        "37",
        "--modes",
        "fidelity",
        "0.4",
        "--csv",
        str(tmp_path / "frames.csv"),
        "--streams",
        str(tmp_path / "streams"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["mode", *["fidelity"] * 3, *["0.4"] * 3]
    assert "worst clip ('a', 37, " in lines[3]
    with (tmp_path / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 4 and {row["adapts"] for row in rows} == {"True", "False"}
    assert all(np.isfinite(float(row["y"])) for row in rows)
    assert [np.isfinite(float(row["dots"])) for row in rows[:4]] == [True, False, False, False]
    streams = sorted((tmp_path / "streams").iterdir())
    assert len(streams) == 2
    # Every second frame of the same streams, which are not coded again.
    before = [path.stat().st_mtime_ns for path in streams]
    subprocess.run([*command, "--every", "2"], capture_output=True, check=True, env=environment)
    with (tmp_path / "frames.csv").open(newline="") as file:
        fewer = list(csv.DictReader(file))
    assert [path.stat().st_mtime_ns for path in streams] == before
    assert [row["y"] for row in fewer] == [row["y"] for row in rows[::2]]


def test_an_enhancement_that_changes_nothing_gains_nothing(script: dict[str, Any]) -> None:
    frame, generator = script["FrameFormat"](16, 16, "4:2:0", 10), np.random.default_rng(0)
    shapes = frame.plane_shapes
    original = [tuple(generator.integers(0, 1024, shape).astype(np.uint16) for shape in shapes)] * 3
    decoded = [tuple(np.clip(plane.astype(int) + offset, 0, 1023).astype(np.uint16) for plane in original[0])
               for offset in (8, 12, 8)]  # fmt: skip
    meter = script["Meter"](frame, original, decoded, None)
    name = script["partial"](script["Frame"], "a", 37, False, "fidelity")
    same, exact = list(meter(name, iter(decoded))), list(meter(name, iter(original)))
    assert all(frame.y == frame.u == frame.v == 0 and frame.moved == frame.moved_before for frame in same)
    assert same[1].moved_before > 0 and all(frame.y > 10 and frame.moved == 0 for frame in exact)


def test_hdr_material_has_the_standards_values(script: dict[str, Any]) -> None:
    """BT.2408, table 1: 203 cd/m² is 58 % in PQ and 75 % in HLG; BT.2100: 1,000 cd/m² is 75 % and 100 %."""
    material = sys.modules["hdr_material"]
    nits = np.array([[0.0] * 3, [203.0] * 3, [1000.0] * 3])
    assert np.round(material.perceptual_quantizer(nits)[:, 0], 2).tolist() == [0.0, 0.58, 0.75]
    assert np.round(material.hybrid_log_gamma(nits)[:, 0], 2).tolist() == [0.0, 0.75, 1.0]


@pytest.mark.parametrize(("transfer", "code"), [("pq", 16), ("hlg", 18)])
def test_hdr_clips_are_tagged_and_their_values_go_through(script: dict[str, Any], transfer: str, code: int) -> None:
    frame = script["FrameFormat"](64, 48, "4:2:0", 10)
    ramp = np.linspace(64, 940, 64).astype(np.uint16)[None].repeat(48, 0)
    planes = (ramp, np.full((24, 32), 460, np.uint16), np.full((24, 32), 560, np.uint16))
    made = script["in_transfer"](planes, frame, transfer)
    assert made[0].min() >= 64 and made[0][0].tolist() == sorted(made[0][0])
    stream = script["coded_stream"](Path("a.mkv"), frame, [made], script["ClipCoding"](12), None, transfer)
    with script["open_vvc"](stream, decoder="ffmpeg") as opened:
        (picture,) = opened
        assert (opened.facts.colour.primaries, opened.facts.colour.transfer) == (9, code)
        assert opened.space.matrix == "bt2020"
    assert script["psnr"](made[0], picture.planes[0]) > 45 and script["psnr"](made[1], picture.planes[1]) > 45
