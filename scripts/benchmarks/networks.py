"""The network alone: operations and parameters, one step's time beside FBCNN's, and how it scales with threads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers import FBCNN, FBCNN_MACS_512, FBCNN_PARAMETERS, count_macs, count_parameters
from benchmarks.results import Case
from benchmarks.setup import Setup, core_count, tell
from benchmarks.timing import Task, time_interleaved
from enhance.inference.bands import predict_in_bands
from enhance.inference.rounded_weights import RoundedWeights
from enhance.models.unet import Denoiser
from enhance.runtime import denormals_flushed

_SIDE = 512
"""Of the picture for which FBCNN's operations are published."""


def measure_cost(setup: Setup) -> list[Case]:
    """Parameters and multiply-accumulates of one step; nothing is computed for it."""
    config = setup.checkpoint.denoiser.config
    with torch.device("meta"):
        ours, peer = Denoiser(config), FBCNN()
        picture = torch.empty(1, 3, _SIDE, _SIDE)
        macs = count_macs(ours, picture, picture, torch.empty(1), torch.empty(1, config.conditioning_size))
        peer_macs = count_macs(peer, picture)
    pixels = _SIDE**2
    theirs = {
        "parameters": count_parameters(peer),
        "macs_per_pixel": peer_macs / pixels,
        "published_parameters": int(FBCNN_PARAMETERS),
        "published_macs_per_pixel": FBCNN_MACS_512 / pixels,
        "times_our_operations": peer_macs / macs,
    }
    return [
        Case("ours", figures={"parameters": count_parameters(ours), "macs_per_pixel": macs / pixels}),
        Case("FBCNN", figures=theirs),
    ]


def measure_step(setup: Setup) -> list[Case]:
    """One step on one picture beside FBCNN's, in this process and in turn with it."""
    width, height = setup.size
    tell(f"step: {width}x{height} pixels, {setup.repeats} run(s) each of five networks in turn")
    peer = FBCNN().eval().requires_grad_(False)
    peer_last = _channels_last(copy.deepcopy(peer))
    picture = torch.rand(1, 3, height, width) * 2 - 1
    last = _channels_last(picture)
    tasks = {
        "ours float32": one_step(setup.checkpoint.denoiser, last, bf16=False),
        "ours bfloat16": one_step(setup.checkpoint.denoiser, last, bf16=True),
        "FBCNN float32": _computed(lambda: peer(picture), bf16=False),
        "FBCNN float32, channels last": _computed(lambda: peer_last(last), bf16=False),
        "FBCNN bfloat16, channels last": _computed(lambda: peer_last(last), bf16=True),
    }
    seconds = time_interleaved(tasks, setup.repeats)
    settings = {"width": width, "height": height, "threads": setup.threads}
    cases = {name: Case(name, settings, runs) for name, runs in seconds.items()}
    # FBCNN's is its faster layout in the arithmetic that it is published for.
    base = min(case.median for name, case in cases.items() if name.startswith("FBCNN float32"))
    return [
        Case(name, settings, case.seconds, {"times_as_fast_as_fbcnn": base / case.median})
        for name, case in cases.items()
    ]


def measure_threads(setup: Setup) -> list[Case]:
    """One step with one thread, two threads, ... as many as there are cores."""
    width, height = setup.size
    counts = list(thread_counts(core_count()))
    tell(f"threads: {width}x{height} pixels with {', '.join(map(str, counts))} threads")
    picture = _channels_last(torch.rand(1, 3, height, width) * 2 - 1)
    step = one_step(setup.checkpoint.denoiser, picture, bf16=setup.dtype == "bfloat16")
    try:
        seconds = time_interleaved({str(count): _with_threads(count, step) for count in counts}, setup.repeats)
    finally:
        torch.set_num_threads(setup.threads)
    cases = [Case(name, seconds=runs) for name, runs in seconds.items()]
    return [
        Case(
            f"{count} thread{'s' if count > 1 else ''}",
            {"threads": count, "width": width, "height": height, "dtype": setup.dtype},
            case.seconds,
            {"times_as_fast_as_one": cases[0].median / case.median},
        )
        for count, case in zip(counts, cases, strict=True)
    ]


def measure_bands(setup: Setup) -> list[Case]:
    """One step on a large picture, in one piece and in bands of rows of several sizes."""
    side = 128 if setup.quick else 2048
    powers = (10, 11) if setup.quick else (17, 18, 19, 20)
    tell(f"bands: {side}x{side} pixels, {setup.repeats} run(s) each in one piece and in bands")
    network = _channels_last(setup.checkpoint.denoiser).network
    picture = _channels_last(torch.rand(1, 3, side, side) * 2 - 1)
    arguments = (torch.zeros_like(picture), picture, torch.ones(1), torch.zeros(1, network.config.conditioning_size))
    bf16 = setup.dtype == "bfloat16"
    tasks = {"one piece": _computed(lambda: network(*arguments), bf16=bf16)}
    for power in powers:
        band = partial(predict_in_bands, network, *arguments, band=2**power)
        tasks[f"bands of 2^{power} pixels"] = _computed(band, bf16=bf16)
    seconds = time_interleaved(tasks, setup.repeats)
    settings = {"width": side, "height": side, "threads": setup.threads, "dtype": setup.dtype}
    cases = [Case(name, settings, runs) for name, runs in seconds.items()]
    whole = cases[0].median
    return [Case(case.name, settings, case.seconds, {"times_as_fast_as_whole": whole / case.median}) for case in cases]


def thread_counts(cores: int) -> Iterable[int]:
    """1, 2, ... `cores`; on larger machines powers of two and `cores`."""
    if cores <= 8:
        return range(1, cores + 1)
    return sorted({*(2**power for power in range(cores.bit_length())), cores})


def one_step(network: Denoiser | RoundedWeights, picture: Tensor, *, bf16: bool) -> Task:
    """The fidelity step on a picture [1, 3, H, W] in [-1, 1], its sides multiples of the network's stride."""
    rounded = network if isinstance(network, RoundedWeights) else RoundedWeights(_channels_last(network))
    state, t = torch.zeros_like(picture), torch.ones(1)
    conditioning = torch.zeros(1, rounded.denoiser.config.conditioning_size)
    return _computed(lambda: rounded.now(picture.device)(state, picture, t, conditioning), bf16=bf16)


def _computed(network: Callable[[], object], *, bf16: bool) -> Task:
    def task() -> None:
        # Denormals as in the enhancer, so that it has no advantage.
        with denormals_flushed(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            network()

    return task


def _with_threads(count: int, task: Task) -> Task:
    def with_threads() -> None:
        torch.set_num_threads(count)
        task()

    return with_threads


def _channels_last(moved: Any) -> Any:
    """A tensor, or a network (which is changed), in the layout that convolutions are fastest in."""
    return moved.to(memory_format=torch.channels_last)
