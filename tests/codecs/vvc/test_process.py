"""Decoders as processes: whatever they do, the caller gets frames or one error, and nothing stays behind."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from enhance.codecs.vvc.process import DecoderProcess, DecoderStopped, end_all
from enhance.errors import DecodeError

pytestmark = pytest.mark.usefixtures("nothing_left")


def start(
    program: str,
    *,
    fifo: Path | None = None,
    patience: float = 20,
    time_limit: float | None = None,
    on_line: Callable[[str], object] | None = None,
) -> DecoderProcess:
    """Runs a Python program; FIFO stands for the path of the FIFO."""
    return DecoderProcess(
        [sys.executable, "-IS", "-c", f"import os, sys, time\nFIFO = {str(fifo)!r}\n{program}"],
        title="the decoder",
        source="a.266",
        patience=patience,
        time_limit=time_limit,
        fifo=fifo,
        on_line=on_line,
    )


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def test_frames_come_through_stdout_and_the_log_through_stderr() -> None:
    lines: list[str] = []
    with start("sys.stdout.write('frames'); print('a line', file=sys.stderr)", on_line=lines.append) as process:
        assert process.frames.read() == b"frames"
        process.finish()
    assert lines == ["a line"]


def test_frames_come_through_a_fifo_and_the_log_through_stdout(fifo: Path) -> None:
    lines: list[str] = []
    with start("open(FIFO, 'w').write('frames'); print('a line')", fifo=fifo, on_line=lines.append) as process:
        assert process.frames.read() == b"frames"
        process.finish()
    assert lines == ["a line"]


def test_what_was_printed_before_a_frame_is_known_with_it(fifo: Path) -> None:
    """Programs hold back what they print into a pipe; a decoder that waits for its reader would never print it."""
    lines: list[str] = []
    program = "f = open(FIFO, 'wb', 0)\nfor n in range(50):\n print('frame', n)\n f.write(bytes([n]) * 100000)"
    with start(program, fifo=fifo, on_line=lines.append) as process:
        for number in range(50):
            assert process.frames.read(100000) == bytes([number]) * 100000
            process.read_log()
            assert lines[number] == f"frame {number}"
        process.finish()


def test_a_talkative_program_does_not_block() -> None:
    count = [0]

    def take(line: str) -> None:
        count[0] += 1

    program = "for n in range(30000): print('x' * 60, file=sys.stderr)\nsys.stdout.write('frame')"
    with start(program, on_line=take) as process:
        assert process.frames.read() == b"frame"
        process.finish()
    assert count == [30000]


def test_a_line_without_end_takes_no_memory() -> None:
    lengths: list[int] = []
    with start("sys.stderr.write('x' * 1000000)", on_line=lambda line: lengths.append(len(line))) as process:
        process.finish()
    assert sum(lengths) == 1000000 and max(lengths) < 1 << 18


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("sys.exit(3)", "the decoder failed with status 3"),
        ("os.kill(os.getpid(), 11)", "the decoder was killed by SIGSEGV"),
        ("print('bad news\\x1b[2J', file=sys.stderr); sys.exit(1)", r"failed with status 1: bad news\\x1b\[2J"),
        (
            "print('[vvc @ 0x55d0] Invalid data found\\nTask finished with -1', file=sys.stderr); sys.exit(1)",
            "failed with status 1: Invalid data found$",
        ),
        (
            """print('ERROR: In function "readByte" in /a b/c.h:180: FIFO exceeded', file=sys.stderr); sys.exit(1)""",
            "failed with status 1: FIFO exceeded$",
        ),
    ],
)
def test_failures_say_how_and_why(program: str, reason: str) -> None:
    with start(program) as process:
        assert process.frames.read() == b""
        with pytest.raises(DecodeError, match=r"^a\.266: the decoder") as raised:
            process.finish()
    assert re.search(reason, raised.value.reason) and raised.value.hint


def test_frames_before_a_failure_are_delivered() -> None:
    with start("sys.stdout.write('frame'); sys.stdout.flush(); os.kill(os.getpid(), 9)") as process:
        assert process.frames.read() == b"frame"
        with pytest.raises(DecodeError, match="SIGKILL"):
            process.finish()


@pytest.mark.parametrize("program", ["sys.exit(1)", "open(FIFO, 'w').close(); sys.exit(1)", "os.kill(os.getpid(), 6)"])
def test_a_decoder_that_never_writes_into_the_fifo(fifo: Path, program: str) -> None:
    with start(program, fifo=fifo) as process:
        assert process.frames.read() == b""
        with pytest.raises(DecodeError):
            process.finish()


@pytest.mark.parametrize(
    "program",
    [
        "time.sleep(10**6)",
        "open(FIFO, 'w'); time.sleep(10**6)",
        "f = open(FIFO, 'w'); f.write('frame'); f.flush(); time.sleep(10**6)",
        "f = open(FIFO, 'w'); f.write('frame'); f.close(); time.sleep(10**6)",
    ],
)
def test_a_decoder_that_hangs_is_ended(fifo: Path, program: str) -> None:
    with start(program, fifo=fifo, patience=0.4) as process, pytest.raises(DecoderStopped, match="has done nothing"):
        process.frames.read()
        process.finish()
    assert process._process.poll() is not None


def test_a_slow_decoder_is_waited_for() -> None:
    program = "for n in range(8):\n time.sleep(0.25)\n print(n, file=sys.stderr)\nsys.stdout.write('frame')"
    with start(program, patience=1.5) as process:
        assert process.frames.read() == b"frame"
        process.finish()


def test_the_caller_s_own_time_does_not_count() -> None:
    program = "for n in range(3):\n sys.stdout.write('x' * 100000)"
    with start(program, patience=1.2, time_limit=1.2) as process:
        for _ in range(3):
            assert len(process.frames.read(100000)) == 100000
            time.sleep(0.7)
        process.finish()


def test_a_time_limit_for_all() -> None:
    program = "while True:\n print('busy', file=sys.stderr)\n time.sleep(0.01)"
    with start(program, time_limit=0.4) as process, pytest.raises(DecoderStopped, match="time limit: busy"):
        process.frames.read()


def test_what_a_decoder_has_started_ends_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = "import subprocess\n"
    program += f"child = subprocess.Popen(['sleep', '1000']); open({str(mark)!r}, 'w').write(str(child.pid))\n"
    program += "sys.stdout.write('frame'); sys.stdout.flush(); time.sleep(10**6)"
    with start(program) as process:
        assert process.frames.read(5) == b"frame"
    child = int(mark.read_text())
    for _ in range(200):  # whoever adopted it has to wait for it first
        if not _runs(child):
            break
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_an_interrupt_ends_it() -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    program = "print('a line', file=sys.stderr); time.sleep(10**6)"
    with pytest.raises(KeyboardInterrupt), start(program, on_line=interrupt) as process:
        process.frames.read()


def test_all_can_be_ended_from_another_thread() -> None:
    threading.Timer(0.5, end_all).start()
    with start("time.sleep(10**6)") as process:
        assert process.frames.read() == b""
        with pytest.raises(DecodeError, match="SIGKILL"):
            process.finish()


@pytest.mark.parametrize("content", [None, "no program", "#!/no/such/interpreter\n"])
def test_programs_that_cannot_be_started(tmp_path: Path, content: str | None) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(0o755)
    with pytest.raises(DecodeError, match="the decoder cannot be started"):
        DecoderProcess([str(program)], title="the decoder", source="a.266", patience=1)


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    name = "; touch hacked $(touch hacked) `touch hacked` ' \" \n*"
    command = [sys.executable, "-IS", "-c", "import sys; sys.stdout.write(sys.argv[1])", name]
    with DecoderProcess(command, title="the decoder", source="a.266", patience=20) as process:
        assert process.frames.read() == name.encode()
        process.finish()
