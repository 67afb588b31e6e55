"""How much memory is left, on a device and in the control groups that this process runs in."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from enhance.system import heap

_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "could not create a memory object", "bad_alloc")


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on a device: for the CPU what the machine and its control group leave."""
    if device.type == "cuda":
        # What torch keeps of freed arrays counts as used for the driver, but is there for the next ones.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    limits = [limit for limit in (_available_memory(), _cgroup_headroom()) if limit is not None]
    return max(0, min(limits)) + heap.unused() if limits else 2**31


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
