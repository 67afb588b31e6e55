"""What every part of the benchmark is given, and what is known about the machine it runs on."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from enhance import __version__
from enhance.models.checkpoint import Checkpoint
from enhance.runtime import select_dtype
from enhance.system.arithmetic import is_fast_in_bfloat16


@dataclass(frozen=True)
class Setup:
    """The choices of one call.

    Attributes:
        model: the checkpoint's file.
        checkpoint: what is in it, on the CPU.
        threads: for everything but the part that varies them.
        repeats: timed runs of a case, where they are short.
        size: width and height of the picture for single steps; multiples of the network's stride.
        limit: seconds; a picture that would take longer is left out.
        quick: tiny sizes and single runs.
    """

    model: Path
    checkpoint: Checkpoint
    threads: int
    repeats: int
    size: tuple[int, int]
    limit: float
    quick: bool

    @property
    def dtype(self) -> str:
        """The arithmetic that is chosen where nobody asks for another: "float32" or "bfloat16"."""
        return str(select_dtype("auto", torch.device("cpu"))).removeprefix("torch.")

    def describe(self) -> dict[str, Any]:
        """Date, machine, versions, model and options, as plain JSON values."""
        return {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": describe_machine(),
            "versions": {
                "enhance": __version__, "torch": torch.__version__, "python": platform.python_version(),
            },
            "model": {"name": self.checkpoint.name, "sha256": self.checkpoint.sha256},
            "options": {
                "threads": self.threads, "repeats": self.repeats, "size": list(self.size), "limit": self.limit,
                "quick": self.quick,
            },
        }  # fmt: skip


def describe_machine() -> dict[str, Any]:
    """CPU, cores, memory, and which instructions torch uses."""
    return {
        "cpu": _cpu_name(),
        "cores": core_count(),
        "memory": _memory(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "fast_bfloat16": is_fast_in_bfloat16(),
        "system": platform.platform(),
    }


def core_count() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def tell(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"benchmark: {text}", file=sys.stderr, flush=True)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _memory() -> int | None:
    """Bytes; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
