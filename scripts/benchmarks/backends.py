"""One step of the network in torch, and in the libraries that can compute it in torch's place."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.photos import synthetic_photo
from benchmarks.results import Case
from benchmarks.setup import Setup, tell
from benchmarks.timing import Task, time_interleaved, with_cpu_seconds
from enhance import runtime
from enhance.backends.runtimes import ARITHMETIC, BACKENDS, Backend, OnnxNetwork
from enhance.inference.rounded_weights import RoundedWeights

_SIDES = (256, 512)
_NEW_SIZE = 64, 112
"""Of a picture that is smaller than the others: what the first of its size takes longer is for the size."""

Step = Callable[[Tensor], Tensor]
"""A picture [1, 3, H, W] in [-1, 1] to r0."""


@runtime.computing()  # as the enhancer does it
def measure_backends(setup: Setup) -> list[Case]:
    """CPU seconds, since other work on the machine hardly changes them; the pictures in turn with all libraries."""
    sides = (64,) if setup.quick else _SIDES
    steps, to_load, new_size = {}, {}, {}
    for name, make in _available(setup):
        tell(f"backends: loading {name}")
        began = time.process_time()
        steps[name] = make()
        to_load[name] = time.process_time() - began
        new_size[name] = _new_size(steps[name])
    scale = setup.checkpoint.residual_scale(20.0) * 127.5
    cases = []
    for side in sides:
        tell(f"backends: {side}x{side} pixels, {setup.repeats} run(s) of each")
        picture = _picture(side, side)
        exact = steps["torch float32"](picture)
        cpu = _cpu_seconds({name: partial(step, picture) for name, step in steps.items()}, setup.repeats)
        for name, seconds in cpu.items():
            figures = {
                "to_load": to_load[name], "new_size": new_size[name],
                "difference": float((steps[name](picture) - exact).abs().max()) * scale,
            }  # fmt: skip
            case = Case(name, {"width": side, "height": side, "threads": setup.threads}, seconds, figures)
            cases.append(Case(case.name, case.settings, seconds, {**figures, **_speed(case, side * side)}))
    return cases


def _available(setup: Setup) -> Iterator[tuple[str, Callable[[], Step]]]:
    """What is installed, by name and arithmetic, with what loads it."""
    denoiser = setup.checkpoint.denoiser.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for dtype in (torch.float32, torch.bfloat16):
        yield f"torch {_name(dtype)}", partial(_in_torch, RoundedWeights(denoiser), dtype)
    for backend in BACKENDS:
        if backend != "torch" and importlib.util.find_spec(backend):
            for dtype in ARITHMETIC[backend]:
                yield f"{backend} {_name(dtype)}", partial(_elsewhere, setup, backend, dtype)


def _in_torch(network: RoundedWeights, dtype: torch.dtype) -> Step:
    def step(picture: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            inputs = _inputs(picture, network.denoiser.config.conditioning_size)
            prediction: Tensor = network.now(picture.device)(*inputs)
            return prediction

    return step


def _elsewhere(setup: Setup, backend: Backend, dtype: torch.dtype) -> Step:
    denoiser = setup.checkpoint.denoiser
    network = OnnxNetwork(denoiser, backend, dtype, setup.threads)
    return lambda picture: network(*_inputs(picture, denoiser.config.conditioning_size))


def _inputs(picture: Tensor, conditioning: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return torch.zeros_like(picture), picture, torch.ones(1), torch.zeros(1, conditioning)


def _picture(height: int, width: int) -> Tensor:
    values = torch.from_numpy(synthetic_photo(height, width)).permute(2, 0, 1)[None].float() / 127.5 - 1
    return values.contiguous(memory_format=torch.channels_last)


def _cpu_seconds(tasks: dict[str, Task], repeats: int) -> dict[str, tuple[float, ...]]:
    spent: dict[str, list[float]] = {name: [] for name in tasks}
    time_interleaved({name: with_cpu_seconds(task, spent[name]) for name, task in tasks.items()}, repeats)
    return {name: tuple(seconds[1:]) for name, seconds in spent.items()}  # the first one warmed up


def _new_size(step: Step) -> float:
    """CPU seconds that the first picture of a size takes more than the second."""
    step(_picture(64, 64))  # what a library prepares with its very first picture is no new size
    picture = _picture(*_NEW_SIZE)
    spent: list[float] = []
    for _ in range(2):
        with_cpu_seconds(partial(step, picture), spent)()
    return max(spent[0] - spent[1], 0.0)


def _speed(case: Case, pixels: int) -> dict[str, float]:
    return {"seconds_per_megapixel": case.median / (pixels / 1e6)}


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
