#!/usr/bin/env python3
"""Measures cost: operations and parameters, one step's time beside FBCNN's, the pipeline's megapixels per second."""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from benchmark_peers import FBCNN, FBCNN_MACS_512, FBCNN_PARAMETERS, count_macs, count_parameters
from PIL import Image
from torch import Tensor, nn

from enhance.errors import EnhanceError
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import Denoiser, UNetConfig
from enhance.runtime import cpu_supports_fast_bf16


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated runs."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def __str__(self) -> str:
        return f"{self.median:9.4f} s   ({min(self.runs):.4f} to {max(self.runs):.4f}, {len(self.runs)} runs)"


def time_interleaved(tasks: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Timing]:
    """Times tasks in turn, so that a busy minute of the machine falls on all of them; one untimed run of each first."""
    for task in tasks.values():
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - started)
    return {name: Timing(tuple(runs)) for name, runs in seconds.items()}


def load_denoiser(model: str | None) -> Denoiser:
    """A checkpoint's network, or one of the standard shape with random weights, which takes the same time."""
    if model is not None:
        return load_checkpoint(model).denoiser
    denoiser = Denoiser(UNetConfig()).eval().requires_grad_(False)
    # New networks start with zeros; denormal or zero products must not make the time look better than it is.
    for parameter in denoiser.parameters():
        nn.init.normal_(parameter, std=0.02)
    return denoiser


def report_cost(config: UNetConfig) -> None:
    """Prints operations and parameters of our network, and those of the peer beside its published ones."""
    with torch.device("meta"):
        ours, peer = Denoiser(config), FBCNN()
        picture = torch.empty(1, 3, 512, 512)
        macs = count_macs(ours, picture, picture, torch.empty(1), torch.empty(1, config.conditioning_size))
        peer_macs = count_macs(peer, picture)
    print("cost of one step")
    print(f"  ours   {count_parameters(ours) / 1e6:6.2f} M parameters   {macs / 512**2 / 1e3:7.1f} kMAC per pixel")
    print(f"  FBCNN  {count_parameters(peer) / 1e6:6.2f} M parameters   {peer_macs / 512**2 / 1e3:7.1f} kMAC per pixel")
    published = f"{FBCNN_PARAMETERS / 1e6:.1f} M parameters, {FBCNN_MACS_512 / 512**2 / 1e3:.1f} kMAC per pixel"
    print(f"         (published: {published}; here {peer_macs / macs:.1f} times our operations)")


def report_step(denoiser: Denoiser, height: int, width: int, repeats: int) -> None:
    """Prints the time of one step on one picture, beside FBCNN's in the same process."""

    def laid_out(module: nn.Module) -> nn.Module:
        # torch's stubs do not know this overload.
        move: Any = module.eval().requires_grad_(False).to
        moved: nn.Module = move(memory_format=torch.channels_last)
        return moved

    network, peer = laid_out(denoiser), FBCNN().eval().requires_grad_(False)
    peer_last = laid_out(FBCNN())
    picture = torch.rand(1, 3, height, width) * 2 - 1
    last = picture.contiguous(memory_format=torch.channels_last)
    t, conditioning = torch.ones(1), torch.zeros(1, denoiser.config.conditioning_size)

    def ours(bf16: bool) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out: Tensor = network(torch.zeros_like(last), last, t, conditioning)
            return out

    def theirs(module: nn.Module, x: Tensor, bf16: bool = False) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out: Tensor = module(x)
            return out

    timings = time_interleaved(
        {
            "ours float32": lambda: ours(False),
            "ours bfloat16": lambda: ours(True),
            "FBCNN float32": lambda: theirs(peer, picture),
            "FBCNN float32, channels last": lambda: theirs(peer_last, last),
            "FBCNN bfloat16, channels last": lambda: theirs(peer_last, last, True),
        },
        repeats,
    )
    print(f"one step, {width}x{height}, {torch.get_num_threads()} threads, torch {torch.__version__}, {_cpu()}")
    for name, timing in timings.items():
        print(f"  {name:30}{timing}")
    base = min((timings[name] for name in timings if name.startswith("FBCNN float32")), key=lambda one: one.median)
    for name in ("ours float32", "ours bfloat16"):
        print(
            f"  {name} is {base.median / timings[name].median:.1f} times as fast as FBCNN float32 (its faster layout)"
        )


def _cpu() -> str:
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{capability}, {'fast' if cpu_supports_fast_bf16() else 'no fast'} bfloat16"


def synthetic_photo(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Noise with the power spectrum of photographs (1/f in amplitude), [H, W, 3]."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    noise = np.random.default_rng(0).standard_normal((3, height, width))
    planes = np.fft.ifft2(np.fft.fft2(noise) * amplitude).real
    photo: npt.NDArray[np.uint8] = np.clip(128 + 45 * planes / planes.std(), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(photo.transpose(1, 2, 0))


def report_pipeline(args: argparse.Namespace, height: int, width: int) -> None:
    """Prints megapixels per second from a JPEG file to a file on disk, and the share of each stage."""
    from enhance.codecs.base import decode
    from enhance.enhancer import Enhancer
    from enhance.knobs import Knobs
    from enhance.writer import write_image

    stream = BytesIO()
    Image.fromarray(synthetic_photo(height, width)).save(stream, "JPEG", quality=args.quality)
    enhancer = Enhancer(model=args.model, device="cpu", dtype=args.dtype, threads=args.threads)
    decoded = decode(stream.getvalue())
    projected, free = (Knobs(steps=args.steps, consistent=consistent) for consistent in (True, False))
    result = enhancer.run(decoded, projected)
    with tempfile.TemporaryDirectory() as folder:
        tasks: dict[str, Callable[[], object]] = {
            "decode": lambda: decode(stream.getvalue()),
            "network": lambda: enhancer.run(decoded, free),
            "network and projection": lambda: enhancer.run(decoded, projected),
            "write PNG": lambda: write_image(result, Path(folder) / "out.png", overwrite=True),
            "write JPEG": lambda: write_image(result, Path(folder) / "out.jpg", overwrite=True),
        }
        timings = time_interleaved(tasks, args.repeats)
    megapixels = height * width / 1e6
    print(f"pipeline, {width}x{height} ({megapixels:.2f} megapixels), quality {args.quality}, {args.steps} step(s)")
    for name, timing in timings.items():
        print(f"  {name:30}{timing}")
    for target in ("PNG", "JPEG"):
        total = sum(timings[name].median for name in ("decode", "network and projection", f"write {target}"))
        print(f"  JPEG to {target}: {megapixels / total:.3f} megapixels per second, one stage after the other")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=["cost", "step", "pipeline"], help="default: all three")
    parser.add_argument(
        "--model", metavar="PATH", help="a checkpoint; default: random weights, the package's in pipeline"
    )
    parser.add_argument("--size", type=int, nargs=2, default=[768, 512], metavar=("W", "H"), help="default: 768 512")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="default: 7")
    parser.add_argument("--quality", type=int, default=20, help="of the pipeline's JPEG; default: 20")
    parser.add_argument("--steps", type=int, default=1, help="of the pipeline; default: 1")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"], help="of the pipeline")
    parser.add_argument("--quick", action="store_true", help="tiny pictures, two runs: does it work at all?")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if args.quick:
        args.size, args.repeats = [128, 96], 2
    torch.set_num_threads(args.threads)
    parts = args.only or ["cost", "step", "pipeline"]
    width, height = args.size
    denoiser = load_denoiser(args.model)
    if "cost" in parts:
        report_cost(denoiser.config)
    if "step" in parts:
        stride = denoiser.stride
        report_step(denoiser, height // stride * stride, width // stride * stride, args.repeats)
    if "pipeline" in parts:
        report_pipeline(args, height, width)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EnhanceError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
