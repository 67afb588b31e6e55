"""`scripts/measure_video.py` on a small clip: gains, stillness, and what the numbers mean."""

from __future__ import annotations

import csv
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "measure_video.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


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
