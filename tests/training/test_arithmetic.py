"""The arithmetic of training."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import torch

from enhance.training.arithmetic import DTYPES, autocast, fastest_dtype


@pytest.mark.parametrize("faster", list(DTYPES))
def test_the_faster_one_is_taken_and_both_are_told(faster: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def work(dtype: torch.dtype) -> None:
        seen.append(dtype)
        if dtype != DTYPES[faster]:
            time.sleep(0.05)

    assert fastest_dtype(work) == DTYPES[faster]
    assert set(seen) == set(DTYPES.values())
    told = capsys.readouterr().err
    assert all(f"{name} " in told for name in DTYPES) and f"training in {faster}" in told


def test_only_bfloat16_casts() -> None:
    matrix = torch.ones(4, 4)
    for dtype in DTYPES.values():
        with autocast(torch.device("cpu"), dtype):
            assert (matrix @ matrix).dtype == dtype


FLUSHED = """
import torch
from torch.utils.data import DataLoader, IterableDataset
from enhance.training.arithmetic import make_fast
make_fast("cpu")
class Tiny(IterableDataset):
    def __iter__(self):
        yield torch.tensor([1e-39]) * 0.5
many = torch.full((1 << 22,), 1e-39) * 0.5
forked = next(iter(DataLoader(Tiny(), 1, num_workers=1, multiprocessing_context="fork")))
print(int(many.count_nonzero()), int(forked.count_nonzero()))
"""


def test_denormal_numbers_are_zero_in_all_threads_and_workers() -> None:
    done = subprocess.run([sys.executable, "-c", FLUSHED], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["0", "0"]
