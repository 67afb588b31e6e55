"""scripts/benchmark.py: a quick run of everything, its JSON file and its tables, and what is left out."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from report.pages import Marker

from enhance.errors import EnhanceError, OutputError, UsageError
from enhance.models.checkpoint import Checkpoint

SCRIPTS = Path(__file__).parents[3] / "scripts"
PARTS = ["cost", "step", "threads", "bands", "start", "waiting", "folder", "processes", "backends", "pictures"]


class Quick(NamedTuple):
    """A quick run of all parts."""

    path: Path
    printed: str
    progress: str


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Iterator[None]:
    """The scripts' modules find each other, as they do beside the script that is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def quick(scripts: None, tiny_model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Quick:
    path = tmp_path_factory.mktemp("benchmark") / "results.json"
    out, err = io.StringIO(), io.StringIO()
    small = partial(module("benchmarks.peers").FBCNN, widths=(4, 6, 8, 10), blocks=1)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(module("benchmarks.networks"), "FBCNN", small)
        arguments = ["--quick", "--model", str(tiny_model_file), "--json", str(path)]
        assert module("benchmark").main(arguments) == 0
    return Quick(path, out.getvalue(), err.getvalue())


@pytest.fixture
def setup(tiny_checkpoint: Checkpoint, tmp_path: Path) -> Any:
    """Choices as they are by default, of a model whose file does not exist."""
    return module("benchmarks.setup").Setup(
        tmp_path / "no.safetensors", tiny_checkpoint, threads=1, repeats=5, size=(64, 48), limit=30.0, quick=False
    )


def measured_in(seconds: float) -> Any:
    """A stand-in for a picture's own process."""
    answer = {
        "runs": [{"decode": 0.1, "enhance": seconds - 0.3, "write": 0.2}] * 3,
        "before": 2**28, "peak": 2**29, "tile": 0,
    }  # fmt: skip
    return lambda command, timeout: json.dumps(answer)


@pytest.mark.slow
def test_a_quick_run_measures_every_part(quick: Quick, tiny_model_file: Path) -> None:
    document = json.loads(quick.path.read_text(encoding="utf-8"))
    assert list(document["parts"]) == PARTS
    cases = [(part, case) for part in PARTS for case in document["parts"][part]]
    assert [case["name"] for _, case in cases if case["left_out"]] == []
    for part, case in cases:
        assert (len(case["seconds"]), min(case["seconds"], default=1) > 0) == (0 if part == "cost" else 1, True)
    assert document["model"]["sha256"] == hashlib.sha256(tiny_model_file.read_bytes()).hexdigest()
    assert document["machine"]["cpu"] and document["machine"]["cores"] >= 1
    assert document["machine"]["fast_bfloat16"] in (True, False)
    assert {"enhance", "torch", "python"} <= document["versions"].keys()
    assert document["options"]["quick"] is True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere only the peak is known, or nothing")
def test_a_picture_tells_its_memory_and_stages(quick: Quick) -> None:
    for case in module("benchmarks.results").Report.read(quick.path).parts["pictures"]:
        before, peak = case.figures["resident_before"], case.figures["peak_resident"]
        assert 2**26 < before <= peak < 2**32
        stages = case.figures["stages"]
        assert case.seconds[0] == pytest.approx(sum(runs[0] for runs in stages.values()))
        megapixels = case.settings["width"] * case.settings["height"] / 1e6
        assert case.figures["growth_per_megapixel"] == pytest.approx((peak - before) / megapixels)
        assert case.figures["seconds_per_megapixel"] == pytest.approx(case.median / megapixels)


def test_stdout_holds_the_tables_and_stderr_the_progress(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    assert "benchmark:" not in quick.printed
    assert all(line.startswith("benchmark: ") for line in quick.progress.splitlines())
    assert module("benchmark").main(["--from", str(quick.path)]) == 0
    assert capsys.readouterr().out == quick.printed


def test_markdown_of_a_file(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    assert module("benchmark").main(["--from", str(quick.path), "--markdown", "--only", "pictures", "step"]) == 0
    printed = capsys.readouterr().out
    tables = [block.splitlines() for block in printed.split("\n\n") if block.startswith("|")]
    assert [len(table) - 2 for table in tables] == [5, 2]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
        assert table[1].startswith("| --- | ---: |")
    assert printed.count("**") == 4 and "torch" in printed.splitlines()[-1]


def test_a_picture_in_this_process_is_repeated_until_time_is_up(tiny_model_file: Path, tmp_path: Path) -> None:
    module("benchmarks.photos").write_photo(tmp_path / "in.jpg", 70, 50)
    request = {
        "picture": str(tmp_path / "in.jpg"), "output": str(tmp_path / "out.jpeg"), "model": str(tiny_model_file),
        "dtype": "float32", "threads": None, "knobs": {"steps": 2, "tile": 64, "consistent": False}, "repeats": 3,
    }  # fmt: skip
    measure = module("benchmarks.one_picture").measure
    assert len(measure(request | {"patience": 60})["runs"]) == 3
    answer = measure(request | {"patience": 0})
    assert len(answer["runs"]) == 1 and (tmp_path / "out.jpeg").exists()
    assert list(answer["runs"][0]) == ["decode", "enhance", "write"]


def test_the_plan_varies_one_thing_at_a_time() -> None:
    jobs = module("benchmarks.pictures").plan("bfloat16")
    base = asdict(jobs["base"])
    assert next(iter(jobs)) == "base" and base["megapixels"] == 1
    for name, job in jobs.items():
        changed = [knob for knob, value in asdict(job).items() if value != base[knob]]
        assert len(changed) == (0 if name == "base" else 1)
    assert {job.megapixels for job in jobs.values()} == {0.1, 1, 10, 100}
    assert {job.steps for job in jobs.values()} == {1, 4, 20}
    assert {job.dtype for job in jobs.values()} == {"float32", "bfloat16"}
    assert {job.tile for job in jobs.values()} == {"auto", 512, 1024, 0}
    width, height = jobs["100 MP"].size
    assert width * height == pytest.approx(100e6, rel=1e-3)


def test_pictures_beyond_the_limit_are_left_out_and_named(
    setup: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pictures, results = module("benchmarks.pictures"), module("benchmarks.results")
    monkeypatch.setattr(pictures, "run_program", measured_in(1.0))
    monkeypatch.setattr(pictures, "write_photo", lambda *arguments: None)
    cases = pictures.measure_pictures(setup)
    left_out = {case.name: case.left_out for case in cases if case.left_out}
    assert list(left_out) == ["100 MP"] and "more than the limit of 30 s" in left_out["100 MP"]
    assert "100 MP left out" in capsys.readouterr().err
    results.Report(setup.describe(), {"pictures": cases}).write(tmp_path / "some.json")
    written = json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))["parts"]["pictures"]
    assert [case["left_out"] for case in written if case["name"] == "100 MP"] == [left_out["100 MP"]]
    for markdown in (False, True):
        text = module("benchmarks.table").render_part("pictures", cases, markdown=markdown)
        assert text.splitlines()[-1] == f"Left out: 100 MP ({left_out['100 MP']})."


def test_estimates_follow_the_work(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = module("benchmarks.pictures")
    jobs = pictures.plan("float32")
    base = module("benchmarks.results").Case("base", seconds=(2.0,))
    expected = {
        name: pictures.estimate(job, jobs["base"], base, setup.checkpoint.denoiser) for name, job in jobs.items()
    }
    assert expected["base"] == 2
    assert expected["20 steps"] == 40
    assert expected["0.1 MP"] == pytest.approx(0.2, rel=0.1)
    assert 190 <= expected["100 MP"] < 400  # a tiny network needs no tiles, and small pictures are padded more
    assert expected["tiles of 512"] > expected["tiles of 1024"] > expected["one piece"]


def test_a_picture_that_fails_is_left_out(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], timeout: float) -> str:
        raise EnhanceError("ended by signal 9")

    pictures = module("benchmarks.pictures")
    monkeypatch.setattr(pictures, "run_program", fail)
    monkeypatch.setattr(pictures, "write_photo", lambda *arguments: None)
    cases = pictures.measure_pictures(setup)
    assert len(cases) == len(pictures.plan(setup.dtype))
    assert {case.left_out for case in cases} == {"ended by signal 9"}


def test_programs_that_fail_say_why() -> None:
    run = partial(module("benchmarks.timing").run_program)
    assert run([sys.executable, "-c", "import enhance; print(enhance.__name__)"]).strip() == "enhance"
    with pytest.raises(EnhanceError, match="status 3: no room"):
        run([sys.executable, "-c", "import sys; print('no room', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(EnhanceError, match="stopped after 0 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_programs_that_are_killed_say_so() -> None:
    with pytest.raises(EnhanceError, match=r"signal 9.*memory"):
        module("benchmarks.timing").run_program([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])


def test_tasks_are_timed_in_turn() -> None:
    calls: list[str] = []
    tasks = {name: partial(calls.append, name) for name in "ab"}
    seconds = module("benchmarks.timing").time_interleaved(tasks, 2)
    assert "".join(calls) == "ababab"  # the first two warm up
    assert [len(runs) for runs in seconds.values()] == [2, 2]


def test_results_that_cannot_be_written_show_before_the_work(
    tiny_model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OutputError, match="folder does not exist"):
        module("benchmark").main(
            ["--quick", "--model", str(tiny_model_file), "--json", str(tmp_path / "no" / "x.json")]
        )
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0, "parts": {}}', '{"format": 1, "parts": {"a": [1]}}'])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="not the results of a benchmark"):
        module("benchmark").main(["--from", str(path)])


def test_a_page_shows_the_parts_it_asks_for(quick: Quick) -> None:
    tables = module("benchmarks.page").benchmark_tables(quick.path.parent)
    text = tables(Marker.parse(f'{quick.path.name} parts="step start" machine'))
    assert "**Start-up" in text and "**One step" in text and "**A folder" not in text
    assert text.splitlines()[-1].startswith("*") and "A quick run" in text
    with pytest.raises(UsageError, match="no part 'speed'"):
        tables(Marker.parse(f"{quick.path.name} parts=speed"))


def test_thread_counts() -> None:
    counts = module("benchmarks.networks").thread_counts
    assert list(counts(1)) == [1]
    assert list(counts(6)) == [1, 2, 3, 4, 5, 6]
    assert list(counts(24)) == [1, 2, 4, 8, 16, 24]
    assert list(counts(64)) == [1, 2, 4, 8, 16, 32, 64]


def test_photos_are_mirrored_where_the_noise_ends() -> None:
    synthetic = module("benchmarks.photos").synthetic_photo
    photo = synthetic(20, 2100)
    assert photo.shape == (20, 2100, 3) and photo.dtype == np.uint8 and photo.std() > 30
    assert np.array_equal(photo[:, 1024:1034], photo[:, 1014:1024][:, ::-1])
    assert np.array_equal(synthetic(8, 8, corner=5), synthetic(20, 20)[5:13, 5:13])
