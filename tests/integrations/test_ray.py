"""Ray: a folder on a real cluster of two nodes, one of which is killed in the middle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from enhance.cli.main import main
from enhance.errors import OutputError, UsageError
from tests.conftest import JpegFactory

pyarrow = pytest.importorskip("pyarrow")
OPTIONS = {"device": "cpu", "dtype": "float32"}


@pytest.fixture
def photos(tmp_path: Path, jpeg_bytes: JpegFactory) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for number in range(12):
        place = folder / "sub" if number % 2 else folder
        (place / f"{number:02}.jpg").write_bytes(jpeg_bytes(20 + number, size=(64, 48)))
    (folder / "bad.jpg").write_bytes(b"no picture")
    (folder / ".hidden.jpg").write_bytes(b"no picture either")
    return folder


def test_a_store_holds_whole_files(tmp_path: Path) -> None:
    from enhance.integrations.ray_storage import Store

    store = Store(str(tmp_path / "out"))
    assert store.names() == set()
    store.write("sub/ä #1.bin", b"content")
    store.write("sub/ä #1.bin", b"newer")
    assert store.names() == {"sub/ä #1.bin"} and store.read("sub/ä #1.bin") == b"newer"
    assert [path.name for path in (tmp_path / "out/sub").iterdir()] == ["ä #1.bin"]
    with pytest.raises(OutputError):
        store.write("sub/ä #1.bin/below.bin", b"")
    with pytest.raises(UsageError, match="no folder that pyarrow knows"):
        Store("nothing://at/all").names()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 100 << 20})
    ray.init(address=found.address, logging_level="WARNING", log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.mark.slow
def test_nothing_is_lost_or_done_twice_when_a_node_is_killed(
    cluster: Any, photos: Path, tiny_model_file: Path, tmp_path: Path
) -> None:
    from enhance.integrations.ray import ClusterPlan, run_cluster

    node = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    cluster.wait_for_nodes()
    options = {"model": str(tiny_model_file), **OPTIONS}
    plan = ClusterPlan(str(photos), str(tmp_path / "out"), workers=3, options=options)
    outcomes = []
    for outcome in run_cluster(plan):
        outcomes.append(outcome)
        if len(outcomes) == 3:
            cluster.remove_node(node, allow_graceful=False)
    assert sorted(outcome.input for outcome in outcomes) == sorted(
        ["bad.jpg", *(f"sub/{n:02}.jpg" if n % 2 else f"{n:02}.jpg" for n in range(12))]
    )
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert [outcome.input for outcome in failed] == ["bad.jpg"] and failed[0].error
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(written) == 12 and all(Image.open(path).size == (64, 48) for path in written)
    with pytest.raises(UsageError, match="holds results already"):
        list(run_cluster(plan))


@pytest.mark.slow
def test_the_command_resumes_and_reports(
    cluster: Any, photos: Path, tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "00.png").write_bytes(b"done before")
    for number in range(2, 12):
        (photos / ("sub" if number % 2 else "") / f"{number:02}.jpg").unlink()
    arguments = ["cluster", str(photos), str(out), "--resume", "--json", "--model", str(tiny_model_file)]
    assert main([*arguments, "--workers", "1"]) == 1  # one is bad
    told = capsys.readouterr()
    assert {row["input"]: row["status"] for row in map(json.loads, told.out.splitlines())} == {
        "bad.jpg": "failed", "sub/01.jpg": "done",
    }  # fmt: skip
    assert "1 done, 1 failed" in told.err and "megapixels" in told.err
    assert (out / "00.png").read_bytes() == b"done before" and (out / "sub/01.png").is_file()


def test_it_starts_a_cluster_of_its_own_beside_others(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself Ray joins whatever cluster was started last on the machine, also one that is gone, and waits for it."""
    ray = pytest.importorskip("ray")
    from enhance.integrations.ray import ClusterPlan, run_cluster

    class Started(Exception):
        pass

    def init(**options: Any) -> None:
        raise Started(options["address"])

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(Started, match="local"):
        list(run_cluster(ClusterPlan(str(photos), str(photos / "out"))))
