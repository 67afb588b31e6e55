"""One picture from file to file: seconds and peak memory by its size, the steps, the arithmetic and the tiles.

One thing at a time is varied around a base case. Every case has a fresh process.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.photos import write_photo
from benchmarks.results import Case
from benchmarks.setup import Setup, tell
from benchmarks.timing import run_program
from enhance.errors import EnhanceError
from enhance.inference.banded_denoiser import BandedDenoiser
from enhance.inference.tiling import TilePlan
from enhance.models.unet import Denoiser
from enhance.runtime import select_dtype

_PROGRAM = Path(__file__).with_name("one_picture.py")
_PATIENCE = 20.0
"""Seconds after which a case is not repeated any more."""
_START = 60.0
"""Seconds that a process may need before its picture, on a busy machine."""
_OTHER_DTYPE = 3.0
"""How much slower than the automatic choice the other arithmetic is expected to be."""
_AUTO_BUDGET = 1500 * 2**20
"""Bytes that a window of automatic tiles is expected to have."""


@dataclass(frozen=True)
class Job:
    """What is done to one picture; names and values as in `enhance.knobs.Knobs`."""

    megapixels: float
    dtype: str
    steps: int = 1
    tile: int | str = "auto"
    consistent: bool = True
    format: str = "png"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, 4:3; not multiples of anything, as pictures are."""
        height = round((self.megapixels * 1e6 * 3 / 4) ** 0.5)
        return round(height * 4 / 3), height


_AXES: dict[str, dict[Any, str]] = {
    "megapixels": {0.1: "0.1 MP", 1.0: "1 MP", 10.0: "10 MP", 100.0: "100 MP"},
    "steps": {1: "1 step", 4: "4 steps", 20: "20 steps"},
    "dtype": {"float32": "float32", "bfloat16": "bfloat16"},
    "tile": {"auto": "automatic tiles", 512: "tiles of 512", 1024: "tiles of 1024", 0: "one piece"},
    "consistent": {False: "without projection"},
    "format": {"jpeg": "to JPEG"},
}
_QUICK_AXES: dict[str, dict[Any, str]] = {"steps": {2: "2 steps"}}


def plan(dtype: str, *, quick: bool = False) -> dict[str, Job]:
    """The cases by name, the base case first; `dtype` is what is chosen automatically."""
    base = Job(0.01 if quick else 1.0, dtype)
    names = {base: "base"}
    for knob, values in (_QUICK_AXES if quick else _AXES).items():
        for value, name in values.items():
            names.setdefault(replace(base, **{knob: value}), name)
    return {name: job for job, name in names.items()}


def measure_pictures(setup: Setup) -> list[Case]:
    """Every case of the plan that stays within the limit."""
    jobs = plan(setup.dtype, quick=setup.quick)
    cases: list[Case] = []
    for name, job in jobs.items():
        expected = estimate(job, jobs["base"], cases[0], setup.checkpoint.denoiser) if cases else 0.0
        if expected > setup.limit:
            reason = f"about {expected:.0f} s a run, more than the limit of {setup.limit:g} s"
            cases.append(Case(name, _settings(job), left_out=reason))
        else:
            tell(f"pictures: {name}" + (f", about {expected:.0f} s a run" if expected >= 1 else ""))
            cases.append(_measure(name, job, setup))
        if cases[-1].left_out:
            tell(f"pictures: {name} left out: {cases[-1].left_out}")
    return cases


def estimate(job: Job, base: Job, measured: Case, network: Denoiser) -> float:
    """Seconds that one run of a job will take, by the measured base case; 0 if that is not known."""
    if measured.left_out:
        return 0.0
    dtype = 1.0 if job.dtype == base.dtype else _OTHER_DTYPE
    return measured.median * dtype * _computed_pixels(job, network) / _computed_pixels(base, network)


def _computed_pixels(job: Job, network: Denoiser) -> int:
    """Pixels that go through the network, those around the tiles included."""
    width, height = job.size
    around = {"radius": network.receptive_radius, "stride": network.stride}
    if isinstance(job.tile, str):
        dtype = select_dtype(job.dtype)

        def affordable(high: int, wide: int) -> bool:
            return BandedDenoiser(network).window_bytes(high, wide, dtype) <= _AUTO_BUDGET

        tiles = TilePlan.within(height, width, affordable, **around)
    else:
        tiles = TilePlan.with_tiles(height, width, job.tile, **around)
    return tiles.pixels * job.steps


def _measure(name: str, job: Job, setup: Setup) -> Case:
    """One case in its own process; one that fails there is left out."""
    with tempfile.TemporaryDirectory() as folder:
        picture, output = Path(folder, "in.jpg"), Path(folder, f"out.{job.format}")
        write_photo(picture, *job.size)
        request = {
            "picture": str(picture),
            "output": str(output),
            "model": str(setup.model),
            "dtype": job.dtype,
            "threads": setup.threads,
            "knobs": {"steps": job.steps, "tile": job.tile, "consistent": job.consistent},
            "repeats": setup.repeats,
            "patience": _PATIENCE,
        }
        # The limit is for what is expected; a run on a machine that has become busy may take longer.
        timeout = _START + _PATIENCE + 3 * setup.limit
        try:
            answer = json.loads(run_program([sys.executable, str(_PROGRAM), json.dumps(request)], timeout=timeout))
        except EnhanceError as error:
            return Case(name, _settings(job), left_out=str(error))
    return _case(name, job, answer)


def _case(name: str, job: Job, answer: Mapping[str, Any]) -> Case:
    seconds = tuple(sum(stages.values()) for stages in answer["runs"])
    width, height = job.size
    megapixels = width * height / 1e6
    before, peak = answer["before"], answer["peak"]
    figures = {
        "seconds_per_megapixel": statistics.median(seconds) / megapixels,
        "stages": {stage: [stages[stage] for stages in answer["runs"]] for stage in answer["runs"][0]},
        "resident_before": before,
        "peak_resident": peak,
        "growth_per_megapixel": None if before is None or peak is None else (peak - before) / megapixels,
        "largest_tile": answer["tile"],
    }
    return Case(name, _settings(job), seconds, figures)


def _settings(job: Job) -> dict[str, Any]:
    width, height = job.size
    return {**asdict(job), "width": width, "height": height}
