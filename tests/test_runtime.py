"""Device, arithmetic and threads are chosen well, or refused with a way out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from enhance import runtime
from enhance.errors import DeviceError, UsageError
from enhance.system import arithmetic


def test_auto_finds_a_device() -> None:
    assert runtime.select_device("auto").type in ("cpu", "cuda")
    assert runtime.select_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_missing_cuda_is_a_device_error_with_a_way_out() -> None:
    with pytest.raises(DeviceError, match="--device cpu") as caught:
        runtime.select_device("cuda")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", ["gpu", "abacus:1", "meta", None])
def test_unknown_devices_are_usage_errors(name: str) -> None:
    with pytest.raises(UsageError):
        runtime.select_device(name)


def test_dtype_follows_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for fast, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(arithmetic, "is_fast_in_bfloat16", lambda fast=fast: fast)
        assert runtime.select_dtype("auto", cpu) == expected
    assert runtime.select_dtype("bf16", cpu) == torch.bfloat16
    assert runtime.select_dtype(torch.float32, cpu) == torch.float32
    with pytest.raises(UsageError):
        runtime.select_dtype("float16", cpu)


def test_threads() -> None:
    before = torch.get_num_threads()
    try:
        runtime.set_threads(1)
        assert torch.get_num_threads() == 1
        runtime.set_threads(None)
        assert torch.get_num_threads() == 1
        for wrong in (0, -1, 10**6, 10**30, 1.5, "2", True):
            with pytest.raises(UsageError, match="threads must be a whole number"):
                runtime.set_threads(wrong)  # type: ignore[arg-type]
    finally:
        torch.set_num_threads(before)


def denormal_survives() -> bool:
    return bool((torch.full((8,), 1e-38) * 0.1).any())


def test_denormals_are_flushed_for_a_while() -> None:
    assert denormal_survives()
    with runtime.denormals_flushed():
        assert not denormal_survives()
        with runtime.denormals_flushed():
            assert not denormal_survives()
        assert not denormal_survives()
    assert denormal_survives()


FLUSHED = """
import io, sys
import numpy as np, torch
from PIL import Image
from enhance import Enhancer
file = io.BytesIO()
Image.radial_gradient("L").resize((64, 64)).save(file, "JPEG")
Enhancer(sys.argv[1], device="cpu", dtype="float32", threads=4)(file.getvalue())
numbers = torch.full((1 << 24,), 1e-38)
print(int((numbers * 0.1 != 0).sum()), torch.get_num_threads())
"""


def test_the_threads_of_the_first_picture_flush_denormals(tiny_model_file: Path) -> None:
    """The caller's own thread is as before; it does its share of the work, and the other threads do theirs."""
    command = [sys.executable, "-c", FLUSHED, str(tiny_model_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kept, threads = map(int, done.stdout.split())
    assert threads == 4 and kept == (1 << 24) // 4
