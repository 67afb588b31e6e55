"""Ends the decoders of a process that was killed, and so could not: a program that waits for the end of a pipe.

The pipe's other end is open as long as the process lives, however it ends. What to end comes through the pipe: a line
"+7" for the group of process 7, "-7" when that has ended. As a program this file imports nothing of the package.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading


class Guardian:
    """The program, seen from the process that it watches. Started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        """Ends a process group when this process ends. Where the program cannot be started, nothing does."""
        with self._lock:
            if self._process is None and sys.executable:
                command = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
                with contextlib.suppress(OSError):
                    # In a session of its own: what ends this process's group must not end it.
                    self._process = subprocess.Popen(
                        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                        start_new_session=True,
                    )  # fmt: skip
            self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The group has ended, and its number may soon be another's."""
        with self._lock:
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """Ends the program."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None and process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
                process.wait()

    def let_go(self) -> None:
        """Closes this process's end of the pipe without waiting: in a process that was forked off."""
        self._lock = threading.Lock()
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.returncode = 0  # it is another's child
        self._process = None

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it was killed
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


guardian = Guardian()


def _serve() -> None:
    watched = set()
    for line in sys.stdin:
        if line.startswith("+"):
            watched.add(int(line[1:]))
        else:
            watched.discard(int(line[1:]))
    for group in watched:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
else:
    atexit.register(guardian.close)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=guardian.let_go)
