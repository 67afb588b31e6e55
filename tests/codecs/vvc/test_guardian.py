"""A process that is killed leaves no decoder behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from enhance.codecs.vvc.guardian import Guardian

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc tells which processes live")

PROGRAM = """
import sys, time
from enhance.codecs.vvc.process import DecoderProcess
process = DecoderProcess(
    [sys.executable, "-c", "import time; time.sleep(1000)"], title="d", source="s", patience=1000
)
print(process._process.pid, flush=True)
time.sleep(1000)
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(pid: int) -> None:
    while lives(pid):
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_a_decoder_dies_with_the_process_that_started_it(number: int) -> None:
    """One that lived on would keep this test waiting."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        decoder = int(process.stdout.readline())
        assert lives(decoder)
        process.send_signal(number)
        process.wait()
    wait_for_end(decoder)


def test_what_has_ended_is_left_alone() -> None:
    guardian = Guardian()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        guardian.watch(other.pid)
        guardian.forget(other.pid)
        guardian.close()
        assert other.poll() is None
        os.killpg(other.pid, signal.SIGKILL)


def test_without_a_guardian_decoders_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    guardian = Guardian()
    guardian.watch(os.getpid())
    guardian.forget(os.getpid())
    guardian.close()
