"""What the commands say on stderr, whatever is in it and whatever has become of stderr."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from enhance.errors import OutputError, one_line


def say(text: object) -> None:
    """One line on stderr, control characters escaped."""
    print(f"enhance: {one_line(text)}", file=sys.stderr, flush=True)


class _OneLine(logging.Formatter):
    """Messages, which may hold file names, with their control characters escaped; tracebacks as they are."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return one_line(super().formatMessage(record))


@contextlib.contextmanager
def log_on_stderr(level: int) -> Iterator[None]:
    """Shows what this package logs, and with DEBUG what other libraries warn of."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(name)s: %(message)s"))
    ours, warnings = logging.getLogger("enhance"), logging.getLogger("py.warnings")
    before, told = ours.level, warnings.propagate
    ours.setLevel(level)
    ours.addHandler(handler)
    warnings.addHandler(handler if level <= logging.DEBUG else logging.NullHandler())
    warnings.propagate = False
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        warnings.handlers.clear()
        warnings.propagate = told
        ours.removeHandler(handler)
        ours.setLevel(before)


def occupy_closed_streams() -> None:
    """Opens stdin, stdout and stderr where they are closed: else the next file to be opened would get their number.

    C libraries would print into it. Python goes on to say None for those that were closed, but for stderr.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    sys.stderr = cast(TextIO, _Forgiving(sys.stderr))


class _Forgiving:
    """A stderr that loses what it cannot write, to a full disk for example, instead of ending the program."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def require_stdout() -> None:
    """Raises OutputError where there is no stdout for what a command has to say."""
    if sys.stdout is None:
        raise OutputError("stdout is closed", hint="redirect it into a file")
