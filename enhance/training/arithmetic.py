"""The arithmetic of training: float32 or bfloat16, whichever this machine is faster at."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from tqdm import tqdm

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_ROUNDS = 3


def make_fast(device: str) -> None:
    """Settings of the whole process, before its first operation on tensors.

    SiLU of very negative values makes denormal numbers, which slow weight gradients in float32 by up to 20 times; the
    CPU's pool of threads takes the setting over from the thread that makes it, and so do workers that are forked. On
    CUDA products of float32 are left to the matrix units, and convolutions try their ways once for each shape.
    """
    torch.set_flush_denormal(True)
    if torch.device(device).type != "cuda":
        return
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """The context in which the network is computed."""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)


def fastest_dtype(work: Callable[[torch.dtype], None]) -> torch.dtype:
    """Measures some rounds of each, in turns, and takes the one whose fastest is faster; tells both.

    Which one it is cannot be told from the processor's name: with matrix units bfloat16 was more than twice as fast,
    without them float32 was ahead by two thirds on one processor, and behind on another.
    """
    seconds = {dtype: [_measure(work, dtype) for _ in range(1 + _ROUNDS)] for dtype in DTYPES.values()}
    best = {name: min(seconds[dtype][1:]) for name, dtype in DTYPES.items()}  # the first also prepares kernels
    chosen = min(best, key=lambda name: best[name])
    told = ", ".join(f"{name} {1000 * value:.0f} ms" for name, value in best.items())
    tqdm.write(f"forward and backward of a batch: {told}; training in {chosen}", file=sys.stderr)
    return DTYPES[chosen]


def _measure(work: Callable[[torch.dtype], None], dtype: torch.dtype) -> float:
    began = time.perf_counter()
    work(dtype)
    return time.perf_counter() - began
