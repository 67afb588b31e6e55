"""Repeated runs of functions and of whole programs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import enhance
from enhance.errors import EnhanceError

Task = Callable[[], object]


def time_interleaved(tasks: Mapping[str, Task], repeats: int, *, warm_up: bool = True) -> dict[str, tuple[float, ...]]:
    """Times tasks in turn, so that a busy minute of the machine falls on all of them.

    Args:
        tasks: by name.
        repeats: timed runs of each.
        warm_up: one untimed run of each before.

    Returns:
        seconds of all runs of each task.
    """
    for task in tasks.values() if warm_up else ():
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - started)
    return {name: tuple(runs) for name, runs in seconds.items()}


def program_environment() -> dict[str, str]:
    """That of programs which are to find this very `enhance`."""
    places = [str(Path(enhance.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}


def with_cpu_seconds(task: Task, spent: list[float]) -> Task:
    """The same task; each run adds the CPU seconds of this process, which a busy machine hardly changes, to `spent`."""

    def counted() -> None:
        started = time.process_time()
        task()
        spent.append(time.process_time() - started)

    return counted


def run_program(command: Sequence[str], *, timeout: float | None = None) -> str:
    """Runs a program that finds this very `enhance`, wherever it is started.

    Args:
        command: the program and its arguments.
        timeout: seconds after which it is ended.

    Returns:
        its stdout.

    Raises:
        EnhanceError: it failed, or took too long.
    """
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=program_environment(),
            timeout=timeout,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise EnhanceError(f"stopped after {error.timeout:.0f} s") from error
    if done.returncode < 0:
        raise EnhanceError(f"ended by signal {-done.returncode}; the system does this when memory is short")
    if done.returncode:
        last = next(reversed(done.stderr.strip().splitlines()), "no message")
        raise EnhanceError(f"failed with status {done.returncode}: {last}")
    return done.stdout
