"""CPU time of this process and its descendants together, which a busy machine changes less than it does the clock."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def family_seconds() -> float:
    """CPU seconds of this process and all that descend from it, those that ended and were waited for included."""
    return sum(seconds for _, seconds in family().values())


def family() -> dict[int, tuple[str, float]]:
    """This process and all that descend from it: the first letters of its title, and its CPU seconds, by its number."""
    parents, found = dict[int, int](), dict[int, tuple[str, float]]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            before, _, after = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue  # it ended
        fields = after.split()
        parents[int(folder.name)] = int(fields[1])
        found[int(folder.name)] = before.partition("(")[2], sum(map(int, fields[11:15])) / _TICK
    return {pid: process for pid, process in found.items() if _descends(pid, parents)}


def _descends(pid: int, parents: dict[int, int]) -> bool:
    while pid and pid != os.getpid():
        pid = parents.get(pid, 0)
    return pid == os.getpid()
