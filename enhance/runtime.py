"""Where and how the network is computed: device, arithmetic, threads."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

from enhance.errors import DeviceError, UsageError
from enhance.system import arithmetic
from enhance.system.heap import freed_memory_kept

DTYPES = {"float32": torch.float32, "fp32": torch.float32, "bfloat16": torch.bfloat16, "bf16": torch.bfloat16}
_MOST_THREADS = 1024  # the library that starts them ends the process where it cannot


def select_device(device: str | torch.device = "auto") -> torch.device:
    """The device for the network.

    Args:
        device: "auto" (CUDA if there is a working one, otherwise the CPU), "cpu", "cuda", "cuda:1", "mps".

    Raises:
        DeviceError: the device is not in this machine, or this torch cannot use it.
        UsageError: there is no such kind of device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UsageError(f"unknown device {str(device)!r}", hint="use auto, cpu, cuda or cuda:N") from error
    if chosen.type == "cuda":
        _check_cuda(chosen)
    elif chosen.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("no Metal device is available", hint="use --device cpu")
    elif chosen.type not in ("cpu", "mps"):
        raise UsageError(f"device {str(device)!r} is not supported", hint="use auto, cpu, cuda or cuda:N")
    return chosen


def _check_cuda(device: torch.device) -> None:
    if not torch.cuda.is_available():
        built = torch.version.cuda is not None
        reason = "no working CUDA device was found" if built else "this build of torch has no CUDA"
        hint = "check nvidia-smi and the driver" if built else "install a CUDA build of torch"
        raise DeviceError(reason, hint=f"{hint}, or use --device cpu")
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise DeviceError(f"there is no {device}; this machine has {count} CUDA device(s), counted from 0")


def select_dtype(dtype: str | torch.dtype = "auto", device: torch.device | None = None) -> torch.dtype:
    """Arithmetic of the network on a device.

    Args:
        dtype: "auto" (bfloat16 where the hardware is faster at it, which is measured once on a CPU, otherwise
            float32), "float32" or "bfloat16".
        device: the CPU if not given.

    Raises:
        UsageError: another dtype.
    """
    if isinstance(dtype, torch.dtype):
        dtype = str(dtype).removeprefix("torch.")
    if dtype != "auto":
        if dtype not in DTYPES:
            raise UsageError(f"dtype must be auto, float32 or bfloat16, not {dtype!r}")
        return DTYPES[dtype]
    kind = device.type if device is not None else "cpu"
    if kind == "cuda":
        # Emulation, which is_bf16_supported counts by default, is slower than float32.
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    return torch.bfloat16 if kind == "cpu" and arithmetic.is_fast_in_bfloat16() else torch.float32


def set_threads(threads: int | None) -> None:
    """Sets the number of CPU threads of the whole process; None leaves it alone. Results do not depend on it.

    Raises:
        UsageError: no whole number from 1 to 1024.
    """
    if threads is None:
        return
    is_whole = isinstance(threads, numbers.Integral) and not isinstance(threads, bool)
    if not is_whole or not 1 <= threads <= _MOST_THREADS:
        raise UsageError(f"threads must be a whole number from 1 to {_MOST_THREADS}, not {threads!r}")
    if torch.get_num_threads() != threads:
        torch.set_num_threads(int(threads))


@contextmanager
def threads_that_compute_alone(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads in each of which torch computes with one thread; the others keep the number of theirs."""
    with ThreadPoolExecutor(count, "network", use_one_thread) as pool:
        yield pool
    torch.set_num_threads(count)  # for threads that come later: the last one to say a number said it for them, too


def use_one_thread() -> None:
    """Has the calling thread compute alone; threads that have computed before keep the number of theirs."""
    torch.set_num_threads(1)


@contextmanager
def computing() -> Iterator[None]:
    """What the network wants of the process while it computes: denormals flushed, and freed memory kept."""
    with denormals_flushed(), freed_memory_kept():
        yield


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Numbers next to zero (below 1e-38) count as zero in this thread, and in threads that it starts meanwhile.

    SiLU of very negative values makes such numbers, and each costs the processor a hundred times another's time. torch
    starts its threads with its first large operation, so that one should be made in here, too.
    """
    flushed_before = sys.float_info.min * 0.5 == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed_before)
