"""A picture by a worker of Ray beside the same one by the same calls in this process, in turn.

Two long measurements one after the other differ by more than what is asked for where the machine does other work;
pairs of single pictures do not. Threads are counted apart: those of Ray work by the clock, not by pictures.
"""

from __future__ import annotations

import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import ray as installed_ray

from enhance.integrations.file_enhancer import FileEnhancer
from enhance.integrations.ray_cluster import ClusterPlan, _Worker
from enhance.output.writer import write_bytes

ray: Any = installed_ray


class Pairs(NamedTuple):
    """CPU seconds.

    Attributes:
        here: of each picture in this process.
        worker: of the same picture in the thread of the worker that does it.
        threads: of all other threads of the worker, each second by the clock.
        driver: of this process while it waits for the worker, each second by the clock.
    """

    here: list[float]
    worker: list[float]
    threads: float
    driver: float

    @property
    def worker_over_here(self) -> float:
        """The median of the pairs' ratios."""
        return median(worker / here for here, worker in zip(self.here, self.worker, strict=True))


class _Spent(NamedTuple):
    thread: float
    others: float
    wall: float


def measure_pairs(source: Path, target: Path, count: int, options: dict[str, Any]) -> Pairs:
    """So many pictures, those of a folder again and again; the first pair is not counted."""
    plan = ClusterPlan(str(source), str(target / "worker"), options=options)
    local = target / "here"
    local.mkdir(parents=True)

    class Timed:
        """Defined in here, so that Ray sends it along."""

        def __init__(self) -> None:
            self._worker = _Worker(plan)

        def work(self, name: str, output: str) -> tuple[float, float, float]:
            wall, thread, process = time.perf_counter(), time.thread_time(), time.process_time()
            self._worker.work(name, output)
            thread, process = time.thread_time() - thread, time.process_time() - process
            return thread, process - thread, time.perf_counter() - wall

    enhancer = FileEnhancer(threads=1, **options)
    worker = ray.remote(num_cpus=1)(Timed).remote()
    here, there, driver = list[float](), list[_Spent](), 0.0
    for index, (name, output) in enumerate(islice(cycle(plan.names()), count + 1)):
        began = time.thread_time()
        write_bytes(enhancer.enhance((source / name).read_bytes(), name).content or b"", local / f"{index}.png")
        middle, waiting = time.thread_time(), time.process_time()
        spent = _Spent(*ray.get(worker.work.remote(name, output)))
        if index:
            here.append(middle - began)
            there.append(spent)
            driver += time.process_time() - waiting
    ray.kill(worker)
    wall = sum(spent.wall for spent in there)
    return Pairs(here, [spent.thread for spent in there], sum(spent.others for spent in there) / wall, driver / wall)
