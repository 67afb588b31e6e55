"""Where and how the network is computed: device, arithmetic, threads, memory."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path

import torch

from enhance.errors import DeviceError, UsageError

_LOG = logging.getLogger(__name__)

DTYPES = {"float32": torch.float32, "fp32": torch.float32, "bfloat16": torch.bfloat16, "bf16": torch.bfloat16}

_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "could not create a memory object", "bad_alloc")


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
    except RuntimeError as error:
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


@lru_cache(maxsize=1)
def cpu_supports_fast_bf16() -> bool:
    """True if the CPU multiplies bfloat16 in hardware (AMX, AVX-512 BF16, Arm BF16); elsewhere it is emulated."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())
    return not flags.isdisjoint({"amx_bf16", "avx512_bf16", "bf16"})


def select_dtype(dtype: str | torch.dtype = "auto", device: torch.device | None = None) -> torch.dtype:
    """Arithmetic of the network on a device.

    Args:
        dtype: "auto" (bfloat16 where the hardware is fast at it, otherwise float32), "float32" or "bfloat16".
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
    return torch.bfloat16 if kind == "cpu" and cpu_supports_fast_bf16() else torch.float32


def set_threads(threads: int | None) -> None:
    """Sets the number of CPU threads of the whole process; None leaves it alone. Results do not depend on it.

    Raises:
        UsageError: less than one.
    """
    if threads is None:
        return
    if threads < 1:
        raise UsageError(f"threads must be 1 or more, not {threads}")
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def use_one_thread() -> None:
    """Has the calling thread compute alone; threads that have computed before keep the number of theirs."""
    torch.set_num_threads(1)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on a device: for the CPU what the machine and its control group leave."""
    if device.type == "cuda":
        # What torch keeps of freed arrays counts as used for the driver, but is there for the next ones.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    limits = [limit for limit in (_available_memory(), _cgroup_headroom()) if limit is not None]
    return max(0, min(limits)) if limits else 2**31


def _available_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return None


def _cgroup_headroom(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """What the tightest memory control group leaves (version 2 and 1); None without one."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, limit, usage = root, "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, usage = root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        group = base / path.lstrip("/")
        # A limit may sit on any ancestor; inside a container the own path may not be visible at all.
        for folder in (group, *group.parents):
            found.append(_headroom(folder, limit, usage))
            if folder == base:
                break
    limits = [headroom for headroom in found if headroom is not None]
    return min(limits) if limits else None


def _headroom(folder: Path, limit: str, usage: str) -> int | None:
    try:
        allowed, used = (int((folder / name).read_text(encoding="ascii")) for name in (limit, usage))
        # Pages of files count as used, but are given back when they are needed.
        for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
            if line.startswith(("inactive_file ", "total_inactive_file ")):
                used -= int(line.split()[1])
                break
    except (OSError, ValueError):  # "max": no limit here
        return None
    return max(0, allowed - used)


def is_out_of_memory(error: BaseException) -> bool:
    """True for every way in which torch and numpy say that memory is short."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in _OUT_OF_MEMORY)


def release_cached_memory(device: torch.device) -> None:
    """Gives memory that torch keeps for later back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
