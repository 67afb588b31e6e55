"""What the benchmark of the cluster computes, and that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytest.importorskip("pyarrow")

from benchmarks.cluster import main
from benchmarks.cluster_scale import Costs, Scale
from benchmarks.cpu_time import family_seconds

from tests.conftest import time_limit


def test_hours_cost_and_bottlenecks_follow_from_the_costs() -> None:
    costs = Costs(1.5, 0.5, 0.1, {5: 0.1, 10: 0.3}, 1.0, 1e6, 1e7, 100.0)
    assert Scale(pictures=3600, nodes=2, cores=5, price=0.5).describe(costs) == pytest.approx({
        "hours": 0.25, "core_hours": 2.5, "cost": 1.25, "pictures_a_second": 4.0,
        "pictures_a_second_of_one_driver": 2.5, "cores_of_a_driver_for_each_node": 0.4, "gigabytes_of_names": 3.6e-4,
        "gigabytes_a_second_read": 4e-3, "gigabytes_a_second_written": 4e-2, "terabytes_written": 3.6e-2,
    })  # fmt: skip


def test_cpu_time_of_this_process_and_its_children_counts() -> None:
    spin = "import time\nwhile time.process_time() < 0.5: pass"
    before = family_seconds()
    while family_seconds() - before < 0.05:
        sum(range(10_000))
    before = family_seconds()
    subprocess.run([sys.executable, "-c", spin], check=True)
    assert family_seconds() - before >= 0.45


@pytest.mark.slow
def test_all_of_it_runs(tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--files", "4", "--side", "64", "--unread", "5", "--turns", "1", "--idle", "1", "--dtype", "float32"]
    words += ["--pairs", "2"]
    with time_limit():
        main([*words, "--model", str(tiny_model_file), "--json", str(tmp_path / "found.json")])
    text = (tmp_path / "found.json").read_text()
    assert text in capsys.readouterr().out
    found = json.loads(text)
    assert set(found["turns"]) == {"run", "one", "two", "pairs"} and len(found["costs"]["wait"]) == 2
    assert all(turn["worker"] >= turn["driver"] > 0 for turn in found["turns"]["two"])
    pairs = found["turns"]["pairs"]
    assert len(pairs["here"]) == len(pairs["worker"]) == 2 and min(pairs["threads"], pairs["driver"]) >= 0
    assert found["worker_over_here"] > 0
    assert found["costs"]["bytes_out"] > found["costs"]["bytes_in"] > 0 and found["dispatch_over_run"] > 0
    assert found["scale"]["hours"] > 0 and found["scale"]["nodes"] == 1000
