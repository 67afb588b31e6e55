"""A folder that is shared between processes of `enhance run`, as somebody does with a list and xargs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import enhance
from benchmarks.photos import write_photo
from benchmarks.results import Case
from benchmarks.setup import Setup, tell
from enhance.errors import EnhanceError

_FILES, _MOST_REPEATS = 8, 3
_WIDTH, _HEIGHT = 1216, 912
"""More than the pixels that a thread works on alone, so that threads wait for each other."""

_PASSIVE, _ACTIVE = "PASSIVE", "ACTIVE"
_ENHANCE = "from enhance.cli.main import entry_point; entry_point()"


class _Cost(NamedTuple):
    wall: float
    cpu: float


def measure_processes(setup: Setup) -> list[Case]:
    """Wall time and CPU time of all processes until the last one is done."""
    count, repeats = (4, 1) if setup.quick else (_FILES, min(setup.repeats, _MOST_REPEATS))
    width, height = (64, 48) if setup.quick else (_WIDTH, _HEIGHT)
    ways = {
        "1 process, 2 threads": (1, 2, _PASSIVE),
        "1 process, 2 threads that spin while they wait": (1, 2, _ACTIVE),
        "2 processes, 1 thread each": (2, 1, _PASSIVE),
        "4 processes, 1 thread each": (4, 1, _PASSIVE),
        "4 processes, 2 threads each": (4, 2, _PASSIVE),
        "4 processes, 2 threads each that spin": (4, 2, _ACTIVE),
    }
    tell(f"processes: {count} files, {repeats} run(s) each of {len(ways)} ways to share them")
    costs: dict[str, list[_Cost]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place, f"{index}.jpg") for index in range(count)]
        for index, file in enumerate(files):
            write_photo(file, width, height, corner=37 * index)
        share = partial(_share, out=Path(place, "out"), setup=setup)
        tiny = Path(place, "tiny.jpg")
        write_photo(tiny, 16, 16)
        start = _cost(partial(share, [tiny], 1, 1, _PASSIVE)).cpu
        for _ in range(repeats):
            for name, (processes, threads, waiting) in ways.items():
                costs[name].append(_cost(partial(share, files, processes, threads, waiting)))
    settings = {"files": count, "megapixels": count * width * height / 1e6}
    return [
        Case(
            name, settings, tuple(cost.wall for cost in found),
            {"cpu_seconds": median(cost.cpu for cost in found), "cpu_seconds_to_start": start * ways[name][0]},
        )
        for name, found in costs.items()
    ]  # fmt: skip


def _share(files: Sequence[Path], processes: int, threads: int, waiting: str, *, out: Path, setup: Setup) -> None:
    """Every process gets every so many-th file."""
    command = [sys.executable, "-c", _ENHANCE, "run", "-o", f"{out}{os.sep}", "--force", "--quiet", "--quality", "file"]
    command += ["--device", "cpu", "--model", str(setup.model), "--threads", str(threads)]
    started = [
        subprocess.Popen([*command, *map(str, files[first::processes])], env=_environment(waiting))
        for first in range(processes)
    ]
    statuses = [process.wait() for process in started]
    if any(statuses):
        raise EnhanceError("a process of the benchmark failed")


def _environment(waiting: str) -> Mapping[str, str]:
    places = [str(Path(enhance.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    # Threads of both kinds of OpenMP: GNU's spins as long as this says, Intel's for KMP_BLOCKTIME milliseconds.
    spin = {"OMP_WAIT_POLICY": waiting, "KMP_BLOCKTIME": "0" if waiting == _PASSIVE else "200"}
    found = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT")}
    return {**found, **spin, "PYTHONPATH": os.pathsep.join(filter(None, places))}


def _cost(work: Callable[[], None]) -> _Cost:
    began, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return _Cost(time.perf_counter() - began, cpu)
