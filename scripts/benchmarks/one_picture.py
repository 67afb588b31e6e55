"""Enhances one file in a fresh interpreter and prints what it took; `pictures` starts it for every case.

A process of its own, because peak memory never goes down again. The one argument and what is printed are JSON objects.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer
from enhance.images import EnhancementRecord
from enhance.knobs import Knobs
from enhance.output.writer import write_image


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Runs until `repeats` runs are done or `patience` seconds are over, at least once.

    A tiny picture goes first, so that the model and whatever loads with the first convolution are not counted:
    the memory "before" holds them.
    """
    enhancer = Enhancer(request["model"], device="cpu", dtype=request["dtype"], threads=request["threads"])
    knobs = Knobs(**request["knobs"])
    enhancer.run(decode(_tiny()), knobs)
    before = memory("VmRSS")
    runs: list[dict[str, float]] = []
    began = time.perf_counter()
    while not runs or (len(runs) < request["repeats"] and time.perf_counter() - began < request["patience"]):
        stages, record = _run(enhancer, knobs, Path(request["picture"]), Path(request["output"]))
        runs.append(stages)
    return {"runs": runs, "before": before, "peak": memory("VmHWM"), "tile": record.tile}


def _run(enhancer: Enhancer, knobs: Knobs, picture: Path, output: Path) -> tuple[dict[str, float], EnhancementRecord]:
    """Seconds of each stage from file to file, and what was done."""
    times = [time.perf_counter()]
    decoded = decode(picture)
    times.append(time.perf_counter())
    enhanced = enhancer.run(decoded, knobs)
    times.append(time.perf_counter())
    write_image(enhanced, output, overwrite=True)
    times.append(time.perf_counter())
    stages = {name: b - a for name, a, b in zip(("decode", "enhance", "write"), times, times[1:], strict=False)}
    return stages, enhanced.record


def memory(kind: str) -> int | None:
    """Bytes that are resident now (VmRSS), or at most were (VmHWM); None where the system does not tell.

    Not ru_maxrss on Linux: a program inherits that from the one which started it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))
    except (OSError, StopIteration):
        return _peak_elsewhere()


def _peak_elsewhere() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _tiny() -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(stream, "JPEG", quality=20)
    return stream.getvalue()


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
