"""A folder of small files through `enhance run`, beside the bare network on the same pixels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.networks import one_step
from benchmarks.photos import write_folder
from benchmarks.results import Case
from benchmarks.setup import Setup, tell
from benchmarks.timing import Task, time_interleaved, with_cpu_seconds
from enhance.cli.main import INTERRUPTED, main
from enhance.errors import EnhanceError
from enhance.inference.rounded_weights import RoundedWeights
from enhance.inference.tiling import padded

_FILES, _QUICK_FILES = 200, 6
_MOST_REPEATS = 3
_BARE = "bare network"


def measure_folder(setup: Setup) -> list[Case]:
    """The command as it is, less the start of Python and torch, in turn with the network's one step alone."""
    count, scale = (_QUICK_FILES, 0.2) if setup.quick else (_FILES, 1.0)
    repeats = min(setup.repeats, _MOST_REPEATS)
    tell(f"folder: {count} files, {repeats} run(s) of the command and of the bare network")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "in")
        folder.mkdir()
        write_folder(folder, count, scale)
        steps = _bare_steps(folder, setup)
        out = Path(place, "out")
        tasks: dict[str, Task] = {
            "enhance run -r": lambda: _enhance(folder, out, setup),
            "enhance run -r --quality file": lambda: _enhance(folder, out, setup, "--quality", "file"),
            _BARE: lambda: [step() for step in steps],
        }
        # Not warmed up: what loads with the first file is nothing beside all of them.
        cpu: dict[str, list[float]] = {name: [] for name in tasks}
        counted = {name: with_cpu_seconds(task, cpu[name]) for name, task in tasks.items()}
        seconds = time_interleaved(counted, repeats, warm_up=False)
        megapixels = sum(_pixels(path) for path in folder.iterdir()) / 1e6
    settings = {"files": count, "megapixels": megapixels, "dtype": setup.dtype, "threads": setup.threads}
    wall, work = median(seconds[_BARE]), median(cpu[_BARE])
    return [
        Case(
            name, settings, runs,
            {
                "times_the_bare_network": median(runs) / wall, "cpu_seconds": median(cpu[name]),
                "cpu_times_the_bare_network": median(cpu[name]) / work,
            },
        )
        for name, runs in seconds.items()
    ]  # fmt: skip


def _bare_steps(folder: Path, setup: Setup) -> list[Task]:
    """One step for every file, with its pixels in memory already."""
    denoiser, bf16 = setup.checkpoint.denoiser, setup.dtype == "bfloat16"
    network = RoundedWeights(denoiser.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    return [one_step(network, _picture(path, denoiser.stride), bf16=bf16) for path in sorted(folder.iterdir())]


def _picture(path: Path, stride: int) -> Tensor:
    """A file's pixels, [1, 3, H, W] in [-1, 1], its sides padded to multiples of the stride."""
    with Image.open(path) as image:
        pixels = np.asarray(image, np.float32)
    missing = [(0, padded(side, stride) - side) for side in pixels.shape[:2]]
    values = torch.from_numpy(np.pad(pixels, [*missing, (0, 0)], mode="edge")) / 127.5 - 1
    return values.permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)


def _enhance(folder: Path, out: Path, setup: Setup, *options: str) -> None:
    command = ["run", "-r", str(folder), "-o", str(out), "--force", "--quiet", "--device", "cpu"]
    status = main([*command, "--model", str(setup.model), "--threads", str(setup.threads), *options])
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise EnhanceError(f"enhance run ended with status {status}")


def _pixels(path: Path) -> int:
    with Image.open(path) as image:
        return image.width * image.height
