"""Which arithmetic this processor is faster at: measured once, in some milliseconds, and remembered.

What a processor's flags promise is not what it keeps: one with instructions for bfloat16, but without matrix units,
took a third longer in bfloat16 than in float32, another of that kind less. So a small convolution is timed in both. The
times are kept in the user's cache folder, for each processor and version of torch; where there is no such folder, or
what lies there is damaged, they are measured again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from enhance.errors import OutputError
from enhance.system.atomic_file import atomic_file
from enhance.system.cache import cache_folder

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_GAIN = 1.2  # bfloat16 is less exact, so it has to be worth it
_CHANNELS, _SIDE = 64, 64
_ROUNDS = 5
_HOPELESS = 3.0


def is_fast_in_bfloat16() -> bool:
    """Whether the CPU is clearly faster in bfloat16 than in float32."""
    seconds = convolution_seconds()
    return seconds["bfloat16"] * _GAIN < seconds["float32"]


@lru_cache(maxsize=1)
def convolution_seconds() -> dict[str, float]:
    """The time of a small convolution in one thread, in "float32" and in "bfloat16": remembered, or measured now."""
    folder, name = cache_folder(), _processor()
    known = {} if folder is None else _read(folder / "arithmetic.json")
    if name not in known:
        known[name] = _measure()
        if folder is not None:
            _write(folder / "arithmetic.json", known)
    return known[name]


def _processor() -> str:
    """What the times depend on, as a name: the processor with what it can do, torch, and what its kernels may use."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    facts = [next((line for line in lines if line.startswith(kind)), "") for kind in ("flags", "Features")]
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    told = hashlib.sha256(" ".join([*facts, os.environ.get("ONEDNN_MAX_CPU_ISA", "")]).encode()).hexdigest()[:8]
    return f"{model or platform.processor() or platform.machine()} {told}, torch {torch.__version__}"


@torch.inference_mode()
def _measure() -> dict[str, float]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what else the machine does disturbs one less than several that wait for each other
    try:
        image, kernel = torch.ones(1, _CHANNELS, _SIDE, _SIDE), torch.ones(_CHANNELS, _CHANNELS, 3, 3)
        pairs = {
            name: [tensor.to(dtype, memory_format=torch.channels_last) for tensor in (image, kernel)]
            for name, dtype in _DTYPES.items()
        }
        best = {name: _time(*pair) for name, pair in pairs.items()}  # the first one also prepares
        for _ in range(_ROUNDS):
            best = {name: min(best[name], _time(*pair)) for name, pair in pairs.items()}
            if best["bfloat16"] > _HOPELESS * best["float32"]:  # emulated, which can take long
                break
        return best
    finally:
        torch.set_num_threads(threads)


def _time(image: torch.Tensor, kernel: torch.Tensor) -> float:
    began = time.perf_counter()
    F.conv2d(image, kernel, padding=1)
    return time.perf_counter() - began


def _read(path: Path) -> dict[str, dict[str, float]]:
    """What is remembered and can be understood."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): {kind: float(seconds[kind]) for kind in _DTYPES}
            for name, seconds in found.items()
            if all(0 < float(seconds[kind]) < 60 for kind in _DTYPES)
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _write(path: Path, known: dict[str, dict[str, float]]) -> None:
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path, overwrite=True) as file:
            file.write((json.dumps(known, indent=1) + "\n").encode())
