"""The console command: finds the subcommand and turns errors into one line and an exit status.

Exit status: 0 all done, 1 some inputs failed (the rest was done), 2 usage, 3 weights, 4 device or memory,
130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import errno
import importlib
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

from enhance import __version__
from enhance.cli.console import log_on_stderr, occupy_closed_streams, say
from enhance.cli.parser import Parser
from enhance.errors import EnhanceError, UsageError, did_you_mean
from enhance.system.atomic_file import as_output_error
from enhance.system.heap import freed_memory_kept

INTERRUPTED = 130
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

_HELP = ("help", "-h", "--help")

# Each module offers add_arguments(parser) and main(arguments) -> exit status, and is imported only when it is called.
_COMMANDS = {
    "run": ("enhance.cli.run", "enhance files and folders"),
    "compare": ("enhance.cli.compare", "make a page that shows pictures before and after"),
    "ui": ("enhance.cli.ui", "open a page on this machine: drop files, look, take the results"),
    "filter": ("enhance.cli.filter", "enhance decoded video in a pipe"),
    "eval": ("enhance.cli.eval", "measure the gain on a folder of lossless originals"),
    "train": ("enhance.cli.train", "train, fine-tune or calibrate a model on own images"),
    "encode": ("enhance.cli.encode", "code a picture with a codec that brings an encoder"),
    "export": ("enhance.cli.export", "write a model as an ONNX file"),
    "cluster": ("enhance.cli.cluster", "enhance a folder or a bucket on a cluster of Ray"),
    "info": ("enhance.cli.info", "show how a file was compressed and what would be done"),
    "doctor": ("enhance.cli.doctor", "show versions, device, decoders and weights"),
    "completion": ("enhance.cli.completion", "print what completes these commands in a shell"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the arguments after the program's name; `sys.argv` if not given.

    Returns:
        the exit status.
    """
    try:
        with _termination_as_interrupt(), _stdout_on_a_full_disk():
            status = _run(list(sys.argv[1:] if argv is None else argv))
            if sys.stdout is not None:
                sys.stdout.flush()  # an error at exit would be Python's to tell
            return status
    except SystemExit as exit_:  # argparse
        return exit_.code if isinstance(exit_.code, int) else 2
    except EnhanceError as error:
        say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _give_up_stdout()  # whoever read our output has left
        return 1


@contextmanager
def _stdout_on_a_full_disk() -> Iterator[None]:
    """Makes an OutputError of what cannot be printed. Whatever else writes does so itself, and names its file."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None or error.errno not in _DISK_ERRORS:
            raise
        _give_up_stdout()
        with as_output_error("<stdout>"):
            raise


def _give_up_stdout() -> None:
    """Sends what is still to be printed nowhere: Python would complain once more when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def entry_point() -> None:
    """What the console script calls."""
    # torch's threads spin while they wait for each other, which takes the time of those they wait for where the machine
    # does other things, too. Read when torch is imported; what the user says counts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # NumPy's products are small here, pictures have threads of their own, and its threads spin, too: with them the
    # search for an earlier coding took four times as much CPU time. Read when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    occupy_closed_streams()
    status = main()
    _leave_interrupted(status)
    sys.exit(status)


def _run(argv: list[str]) -> int:
    if not argv:
        _top_parser().print_help(sys.stderr)
        raise UsageError("no command was given")
    if argv[0] in _HELP:
        return _help(argv[1:])
    if argv[0] not in _COMMANDS:
        _refuse_files(argv)
        _top_parser().parse_args(argv)  # --version, or an error: both end here
        return 2
    parser, module = command_parser(argv[0])
    arguments = parser.parse_args(argv[1:])
    with log_on_stderr(logging.DEBUG if arguments.verbose else logging.WARNING), ExitStack() as stack:
        stack.enter_context(freed_memory_kept())
        if getattr(arguments, "json_progress", False):
            from enhance.system.progress import progress_as_json

            stack.enter_context(progress_as_json())
        return int(module.main(arguments))


def _help(words: list[str]) -> int:
    """`enhance help`, and `enhance help run`, as some are used to say it."""
    if words and words[0] in _COMMANDS:
        command_parser(words[0])[0].print_help()
    else:
        _refuse_files(words)
        _top_parser().print_help()
    return 0


def commands() -> dict[str, str]:
    """All commands, each with a line on what it does."""
    return {name: text for name, (_, text) in _COMMANDS.items()}


def command_parser(name: str) -> tuple[Parser, Any]:
    """The parser of a command, and the module that does it."""
    module: Any = importlib.import_module(_COMMANDS[name][0])
    parser = Parser(prog=f"enhance {name}", description=module.__doc__.splitlines()[0])
    module.add_arguments(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="log what the library does, on stderr")
    return parser, module


def _refuse_files(argv: list[str]) -> None:
    """Raises UsageError where a file stands in the place of a command, or a command that is none."""
    first = next((word for word in argv if not word.startswith("-")), None)
    if first is None:
        return
    if os.path.lexists(first) or os.path.splitext(first)[1] or os.sep in first:
        line = shlex.join(["enhance", "run", *argv])
        raise UsageError("a file or a folder is in the place of the command", source=first, hint=f"did you mean {line}")
    hint = did_you_mean(first, _COMMANDS, {"compress": "run", "enhance": "run", "view": "compare", "gui": "ui"})
    raise UsageError(f"there is no command {first!r}", hint=hint or f"there are {', '.join(_COMMANDS)}")


def _top_parser() -> Parser:
    commands = "\n".join(f"  {name:12}{text}" for name, (_, text) in _COMMANDS.items())
    parser = Parser(
        prog="enhance",
        usage="enhance COMMAND ... (enhance COMMAND --help shows its options)",
        description="Makes decoded JPEG and VVC pictures look like their originals again.",
        epilog=f"commands:\n{commands}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"enhance {__version__}")
    parser.add_argument("command", metavar="COMMAND", help="see below")
    return parser


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as cleanly as Ctrl-C does; a hang-up that is ignored (nohup) stays so."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, interrupt) for number in taken]
    try:
        yield
    finally:
        for number, handler in zip(taken, before, strict=True):
            signal.signal(number, handler)


def _leave_interrupted(status: int) -> None:
    """Ends an interrupted program at once: a thread may wait for what never comes, such as a dead network disk.

    And Python would end by the signal instead of with this status if Ctrl-C came while a C library ran Python code, as
    torch does when it is imported, whoever handled it.
    """
    if status != INTERRUPTED:
        return
    with suppress(Exception):
        atexit._run_exitfuncs()  # removes temporary files
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    entry_point()
