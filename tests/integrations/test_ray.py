"""Ray: a folder on a real cluster of two nodes, one of which is killed in the middle."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from PIL import Image

from enhance.cli.main import main
from enhance.errors import EnhanceError, OutputError, UsageError
from tests.conftest import JpegFactory, time_limit

pyarrow = pytest.importorskip("pyarrow")
OPTIONS: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    with time_limit():
        yield


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
    with pytest.raises(UsageError, match="nothing that pyarrow knows"):
        Store("nothing://at/all").names()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with time_limit():
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 100 << 20})
        ray.init(address=found.address, logging_level="WARNING", log_to_driver=False)
    yield found
    with time_limit():
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


def test_why_workers_never_begin_is_told(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    from enhance.integrations import ray_cluster

    class Died(ray.exceptions.RayActorError):  # type: ignore[misc,name-defined]
        def __str__(self) -> str:
            return "a long story\nNo module named 'enhance'\n"

    cluster = MagicMock(exceptions=ray.exceptions, wait=lambda references, num_returns: (references, []))
    cluster.get.side_effect = Died()
    monkeypatch.setattr(ray_cluster, "ray", cluster)
    plan = ray_cluster.ClusterPlan(str(photos), str(photos / "out"), workers=1)
    with pytest.raises(EnhanceError, match=r"No module named 'enhance' \(ray's logs"):
        list(ray_cluster.run_cluster(plan))


def rows_of(photos: Path) -> list[dict[str, Any]]:
    files = sorted(photos.rglob("[!.]*.jpg"))
    return [{"bytes": file.read_bytes(), "path": str(file), "number": n} for n, file in enumerate(files)]


def check_rows(found: list[dict[str, Any]], photos: Path) -> None:
    """All thirteen, the bad one with its error and the others with a picture, and what else they held still there."""
    assert sorted(row["number"] for row in found) == list(range(13)) and "bytes" not in found[0]
    assert [row["path"] for row in found if row["error"]] == [str(photos / "bad.jpg")]
    done = [row for row in found if not row["error"]]
    assert all(Image.open(io.BytesIO(row["enhanced"])).size == (64, 48) for row in done)
    assert all(json.loads(row["record"])["codec"] == "jpeg" for row in done)


@pytest.mark.slow
def test_a_dataset_of_files_becomes_one_of_enhanced_files(cluster: Any, photos: Path, tiny_model_file: Path) -> None:
    ray_data = pytest.importorskip("ray.data")
    from enhance.integrations.ray import enhance_dataset

    rows = rows_of(photos)
    mixed = [row if n % 2 else row | {"bytes": None} for n, row in enumerate(rows)]  # of a path alone, or with bytes
    dataset = ray_data.from_items(mixed, override_num_blocks=3)
    enhanced = enhance_dataset(dataset, workers=1, batch_size=2, model=str(tiny_model_file), **OPTIONS)
    check_rows(enhanced.take_all(), photos)


@pytest.mark.slow
def test_a_dataset_loses_no_row_when_a_node_is_killed(cluster: Any, photos: Path, tiny_model_file: Path) -> None:
    ray_data = pytest.importorskip("ray.data")
    from enhance.integrations.ray import enhance_dataset

    node = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    cluster.wait_for_nodes()
    rows = rows_of(photos)
    dataset = ray_data.from_items(rows, override_num_blocks=len(rows))
    found = []
    # As many workers as cores: no room is left for another one in the place of the one that dies.
    for row in enhance_dataset(dataset, workers=3, batch_size=1, model=str(tiny_model_file), **OPTIONS).iter_rows():
        found.append(row)
        if len(found) == 3:
            cluster.remove_node(node, allow_graceful=False)
    check_rows(found, photos)


def test_rows_are_read_from_their_paths(photos: Path, tiny_model_file: Path) -> None:
    pytest.importorskip("ray.data")
    from enhance.integrations.ray_dataset import RowEnhancer

    (photos / "ä #1.jpg").write_bytes((photos / "02.jpg").read_bytes())
    paths = [str(photos / "00.jpg"), str(photos / "none.jpg"), (photos / "ä #1.jpg").as_uri()]
    done = RowEnhancer(model=str(tiny_model_file), **OPTIONS)({"path": paths})
    assert [bool(error) for error in done["error"]] == [False, True, False] and "none.jpg" in done["error"][1]
    assert [content[:4] for content in done["enhanced"]] == [b"\x89PNG", b"", b"\x89PNG"]


def test_a_row_says_what_it_lacks(photos: Path, tiny_model_file: Path) -> None:
    pytest.importorskip("ray.data")
    from enhance.integrations.ray_dataset import RowEnhancer

    enhancer = RowEnhancer(model=str(tiny_model_file), **OPTIONS)
    batch = {"bytes": [None, None, b""], "path": [None, "nothing://at/all.jpg", None], "number": [1, 2, 3]}
    done = enhancer(batch)
    assert all(done["error"]) and list(done["enhanced"]) == [b""] * 3 and done["number"] == [1, 2, 3]
    assert "neither" in done["error"][0] and "nothing://at/all.jpg" in done["error"][1]
    with pytest.raises(UsageError, match="column"):
        enhancer({"picture": [b""]})


def test_what_no_worker_can_be_is_said_at_once() -> None:
    pytest.importorskip("ray.data")
    from enhance.integrations.ray import enhance_dataset

    for options in ({"workers": 0}, {"workers": (2, 1)}, {"cpus": 0}, {"gpus": -1}, {"batch_size": 0}):
        with pytest.raises(UsageError, match="1 or more"):
            enhance_dataset(None, **options)


def test_workers_that_leave_no_core_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ray would wait for ever for a core to read files with."""
    ray = pytest.importorskip("ray")
    from enhance.integrations.ray import enhance_dataset

    class Dataset:
        def map_batches(self, *_: Any, **options: Any) -> Any:
            return options["compute"]

    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 4.0})
    pool = enhance_dataset(Dataset(), workers=(1, 4))
    assert (pool.min_size, pool.max_size) == (1, 4) and not caplog.records
    assert enhance_dataset(Dataset(), workers=2, cpus=2.0).max_size == 2
    assert "leave none for Ray" in caplog.text
