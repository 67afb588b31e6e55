"""Free memory, and what it looks like when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from enhance.system import memory


def test_some_memory_is_free() -> None:
    assert 2**24 < memory.free_memory(torch.device("cpu")) < 2**50


def test_memory_that_torch_keeps_for_the_next_arrays_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"mem_get_info": (100, 1000), "memory_reserved": 700, "memory_allocated": 200}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert memory.free_memory(torch.device("cuda")) == 600


def _group(folder: Path, names: tuple[str, str], limit: str, used: int, stat: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(limit)
    (folder / names[1]).write_text(str(used))
    (folder / "memory.stat").write_text(stat)


def test_control_groups_of_version_2_limit_memory(tmp_path: Path) -> None:
    names = ("memory.max", "memory.current")
    _group(tmp_path / "fs/job", names, "1000\n", 600, "anon 500\ninactive_file 100\n")
    _group(tmp_path / "fs/job/step", names, "max\n", 600, "inactive_file 100\n")
    (tmp_path / "own").write_text("0::/job/step\n")
    assert memory._cgroup_headroom(tmp_path / "fs", tmp_path / "own") == 500


def test_control_groups_of_version_1_limit_memory(tmp_path: Path) -> None:
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    _group(tmp_path / "fs/memory", names, "900", 100, "total_inactive_file 0\n")
    _group(tmp_path / "fs/memory/job", names, str(2**63 - 4096), 100, "total_inactive_file 0\n")
    (tmp_path / "own").write_text("8:pids:/\n4:memory:/job\n")
    assert memory._cgroup_headroom(tmp_path / "fs", tmp_path / "own") == 800


def test_no_control_group_means_no_limit(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/\n")
    assert memory._cgroup_headroom(tmp_path / "none", tmp_path / "own") is None


def test_running_out_of_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory.is_out_of_memory(caught.value)
    assert memory.is_out_of_memory(MemoryError())
    assert not memory.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
