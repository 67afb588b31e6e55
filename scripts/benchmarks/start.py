"""Start-up: from the interpreter to the first picture, each in a fresh process, with warm file caches."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.photos import write_photo
from benchmarks.results import Case
from benchmarks.setup import Setup, tell
from benchmarks.timing import run_program, time_interleaved

_LOAD = "import sys; from enhance.models.checkpoint import load_checkpoint; load_checkpoint(sys.argv[1])"


def measure_start(setup: Setup) -> list[Case]:
    """Every line does what the lines above it do, and more."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "tiny.jpg")
        write_photo(picture, 64, 64)
        run = ["-m", "enhance", "run", str(picture), "-o", str(Path(folder, "out.png")), "--force", "--quiet"]
        run += ["--device", "cpu", "--model", str(setup.model), "--threads", str(setup.threads)]
        commands = {
            "python": ["-c", ""],
            "import enhance": ["-c", "import enhance"],
            "enhance --version": ["-m", "enhance", "--version"],
            "import torch": ["-c", "import torch"],
            "load the model": ["-c", _LOAD, str(setup.model)],
            "enhance run, 64x64 pixels": run,
        }
        tell(f"start: {len(commands)} programs, {setup.repeats} run(s) each")
        tasks = {name: partial(run_program, [sys.executable, *command]) for name, command in commands.items()}
        seconds = time_interleaved(tasks, setup.repeats, warm_up=not setup.quick)
    return [Case(name, seconds=runs) for name, runs in seconds.items()]
