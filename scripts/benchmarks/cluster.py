#!/usr/bin/env python3
"""Measures what a cluster of Ray costs beside `enhance run`, and computes what a billion pictures would take.

Everything is counted in CPU seconds, so that a busy machine tells nearly the same as a quiet one: for a picture, those
of the workers and of this process, which is the driver; for each second of a node, those of Ray's own processes, which
go on whether or not something is done. Start, models and the first picture of each worker are left out, on both sides.
What all of Ray costs for a file is measured with files that no decoder takes, on which nothing else is spent.

    PYTHONPATH=.:scripts python -m benchmarks.cluster --files 16 --json cluster.json
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
import tracemalloc
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import ray as installed_ray

from benchmarks.cluster_pairs import measure_pairs
from benchmarks.cluster_scale import Costs, Scale
from benchmarks.cpu_time import family, family_seconds
from benchmarks.photos import write_photo
from benchmarks.setup import describe_machine, tell
from enhance.cli.main import main as enhance_main
from enhance.errors import EnhanceError
from enhance.integrations.ray_cluster import ClusterPlan, WorkerPool

ray: Any = installed_ray


def measure_run(files: list[Path], target: Path, options: dict[str, Any]) -> float:
    """CPU seconds of one file by the command with one thread, in this process, start and model left out."""
    settings = ["--device", "cpu", "--threads", "1", "--quiet", "--dtype", options["dtype"]]
    model = ["--model", options["model"]] if "model" in options else []

    def seconds(paths: list[Path], out: Path) -> float:
        began = time.process_time()
        if enhance_main(["run", *map(str, paths), "-o", f"{out}/", *settings, *model]):
            raise EnhanceError("enhance run failed")
        return time.process_time() - began

    first = seconds(files[:1], target / "first")
    return (seconds(files, target / "all") - first) / (len(files) - 1)


class Work(NamedTuple):
    """CPU seconds while workers work.

    Attributes:
        worker: of the workers and this process, the driver, for a file.
        driver: of this process alone, for a file.
        everything: of all processes, for a file.
        ray: of Ray's own processes, each second.
    """

    worker: float
    driver: float
    everything: float
    ray: float


def measure_cluster(source: Path, target: Path, workers: int, options: dict[str, Any]) -> Work:
    """What files cost with so many workers, from when each of them has done one."""
    plan = ClusterPlan(str(source), str(target), workers=workers, options=options)
    names = plan.names()
    pool = WorkerPool(plan, names)
    try:
        pool.assemble()
        if len(list(pool.run(names[:workers]))) != workers:
            raise EnhanceError("a worker is missing")
        began, before, driver = time.perf_counter(), family(), time.process_time()
        if len(list(pool.run())) != len(names):
            raise EnhanceError("a file is missing")
        driver, after, wall = time.process_time() - driver, family(), time.perf_counter() - began
    finally:
        pool.stop()
    spent = {pid: seconds - before.get(pid, ("", 0.0))[1] for pid, (_, seconds) in after.items()}
    spent[os.getpid()] = driver  # the others are counted in hundredths of seconds
    everything = sum(spent.values())
    worker = driver + sum(spent[pid] for pid, (title, _) in after.items() if title.startswith("ray::_Worker"))
    files = len(names)
    return Work(worker / files, driver / files, everything / files, (everything - worker) / wall)


def measure_wait(workers: int, repeats: int = 20) -> float:
    """CPU seconds of a driver for waiting until one of so many calls ends."""

    class Sleeper:
        def sleep(self) -> None:
            time.sleep(3600)

    sleeper = ray.remote(num_cpus=0)(Sleeper).remote()
    busy = {sleeper.sleep.remote(): None for _ in range(workers - 1)} | {ray.put(0): None}
    ray.wait([*busy], num_returns=1)
    began = time.process_time()
    for _ in range(repeats):
        ray.wait([*busy], num_returns=1)
    seconds = time.process_time() - began
    ray.kill(sleeper)
    return seconds / repeats


def measure_idle(seconds: float) -> float:
    """CPU seconds each second of Ray's processes while nothing is done."""
    cpu, wall = family_seconds() - time.process_time(), time.perf_counter()
    time.sleep(seconds)
    return (family_seconds() - time.process_time() - cpu) / (time.perf_counter() - wall)


def bytes_per_name(source: Path, target: Path) -> float:
    """What the driver holds of a file that waits."""
    plan = ClusterPlan(str(source), str(target))
    tracemalloc.start()
    names = plan.names()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(names)


def measure(options: argparse.Namespace, place: Path) -> dict[str, Any]:
    """All of it: plain values for JSON."""
    chosen = {"dtype": options.dtype, "device": "cpu"} | ({"model": options.model} if options.model else {})
    photos, bad = place / "photos", place / "bad"
    photos.mkdir()
    bad.mkdir()
    for number in range(options.files):
        write_photo(photos / f"{number:06}.jpg", options.side, options.side, corner=37 * number)
    for number in range(options.unread):
        (bad / f"{number:06}.jpg").write_bytes(b"no picture")
    files = sorted(photos.iterdir())
    tell("Ray with nothing to do")
    idle = measure_idle(options.idle)
    measure_run(files[:2], place / "warm", chosen)
    runs, ones, twos = list[float](), list[Work](), list[Work]()
    for turn in range(options.turns):
        tell(f"turn {turn + 1} of {options.turns}: enhance run, one worker, two workers")
        runs.append(measure_run(files, place / f"run{turn}", chosen))
        ones.append(measure_cluster(photos, place / f"one{turn}", 1, chosen))
        twos.append(measure_cluster(photos, place / f"two{turn}", 2, chosen))
    tell(f"{options.pairs} pairs of a picture here and in a worker")
    pairs = measure_pairs(photos, place / "pairs", options.pairs, chosen)
    tell("files that no decoder takes")
    unread = measure_cluster(bad, place / "no", 1, chosen)
    scale = Scale()
    wait = {count: measure_wait(count) for count in (scale.cores, scale.nodes * scale.cores)}
    sizes = _mean_size(photos), _mean_size(place / "one0"), bytes_per_name(bad, place / "none")
    costs = Costs(median(runs), unread.everything, unread.driver, wait, idle, *sizes)
    ratios = {
        "one_worker_over_run": median(one.worker / run for one, run in zip(ones, runs)),
        "two_workers_over_run": median(two.worker / run for two, run in zip(twos, runs)),
        "worker_over_here": pairs.worker_over_here,
        "dispatch_over_run": costs.dispatch / costs.picture,
        "ray_each_second": median(work.ray for work in ones + twos),
    }
    turns = {"run": runs, **{name: [w._asdict() for w in works] for name, works in (("one", ones), ("two", twos))}}
    turns["pairs"] = pairs._asdict()
    return {"turns": turns, "costs": asdict(costs), **ratios, "scale": asdict(scale) | scale.describe(costs)}


def _mean_size(folder: Path) -> float:
    sizes = [file.stat().st_size for file in folder.iterdir()]
    return sum(sizes) / len(sizes)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=16, help="pictures (default: 16)")
    parser.add_argument("--side", type=int, default=1000, help="of the pictures, in pixels (default: 1000)")
    parser.add_argument("--turns", type=int, default=3, help="of which the median is taken (default: 3)")
    parser.add_argument("--pairs", type=int, default=14, help="pictures here and in a worker in turn (default: 14)")
    parser.add_argument("--unread", type=int, default=500, help="files that no decoder takes (default: 500)")
    parser.add_argument("--idle", type=float, default=20, help="seconds in which nothing is done (default: 20)")
    parser.add_argument("--model", help="a JPEG checkpoint; default: the one that ships")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16")
    parser.add_argument("--json", type=Path, help="write all of it there")
    options = parser.parse_args(argv)
    os.environ.setdefault("RAY_worker_niceness", "0")  # as this process; by itself Ray's workers step back
    ray.init(address="local", num_cpus=2, logging_level=logging.WARNING, include_dashboard=False, log_to_driver=False)
    try:
        with tempfile.TemporaryDirectory() as place:
            found = {"machine": describe_machine(), **measure(options, Path(place))}
    finally:
        ray.shutdown()
    text = json.dumps(found, indent=1)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
