"""Freed memory stays with the process while it computes: `heap_cases.py`, in a process of its own.

Where malloc takes a block from depends on all that a process did before, and the one that runs tests did much: where
its heap cannot grow any further, blocks come from the kernel whatever malloc was told.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).with_name("heap_cases.py")


def test_the_cases_hold_in_a_new_process() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", str(CASES)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
