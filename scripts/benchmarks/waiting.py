"""What somebody sees while waiting for one large picture: the first word, the first movement, the first part done."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.photos import write_photo
from benchmarks.results import Case
from benchmarks.setup import Setup, tell
from benchmarks.timing import program_environment
from enhance.errors import EnhanceError

_SIZE, _SMALL = (5472, 3648), (640, 480)
_SIGNS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "the first word": lambda told: True,
    "something moves": lambda told: bool(told["done"] or told["seconds"]),
    "a part of the picture is done": lambda told: bool(told["done"]),
}

Seen = dict[str, tuple[float, float | None]]
"""When each sign was seen: seconds since the start, and those of the CPU, None where the system does not tell."""


def measure_waiting(setup: Setup) -> list[Case]:
    """From the start of the interpreter; the CPU's seconds tell something on a busy machine, too."""
    width, height = _SMALL if setup.quick else _SIZE
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "large.jpg")
        write_photo(picture, width, height, quality=85)
        command = [sys.executable, "-m", "enhance", "run", str(picture), "-o", str(Path(folder, "out.png")), "--force"]
        command += ["--json-progress", "--device", "cpu", "--model", str(setup.model), "--threads", str(setup.threads)]
        tell(f"waiting: {width}x{height} pixels, {setup.repeats} run(s)")
        runs = [_watch(command) for _ in range(setup.repeats)]
    return [_case(sign, width, height, [run[sign] for run in runs]) for sign in _SIGNS]


def _case(sign: str, width: int, height: int, seen: list[tuple[float, float | None]]) -> Case:
    cpu = [seconds for _, seconds in seen if seconds is not None]
    figures = {"cpu_seconds": statistics.median(cpu)} if cpu else {}
    seconds = tuple(seconds for seconds, _ in seen)
    return Case(sign, settings={"width": width, "height": height}, seconds=seconds, figures=figures)


def _watch(command: list[str]) -> Seen:
    """Starts the program, and ends it after the last sign. Raises EnhanceError where it ends by itself before that."""
    began, seen = time.perf_counter(), Seen()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=program_environment(),
    ) as program:  # fmt: skip
        try:
            for line in program.stderr or ():
                now = time.perf_counter() - began, _cpu_seconds(program.pid)
                if line.startswith("{"):
                    told = json.loads(line)
                    seen |= {sign: now for sign, shows in _SIGNS.items() if sign not in seen and shows(told)}
                if len(seen) == len(_SIGNS):
                    return seen
        finally:
            program.kill()
    raise EnhanceError("enhance run ended before a part of the picture was done")


def _cpu_seconds(pid: int) -> float | None:
    """Those that a process and its threads have had."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime
    return None
