"""Names of inputs from a file or a pipe: `find -print0 | enhance run --files-from - -0`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from enhance.errors import DecodeError, UsageError

STDIN = "-"


def add_list_arguments(group: Any) -> None:
    """Adds --files-from and -0."""
    what = "a file with names of inputs, one a line, - for stdin; results keep their folders"
    group.add_argument("--files-from", metavar="LIST", help=what)
    group.add_argument("--null", action="store_true", help="the names in LIST end with a null character; -0 for short")


def listed_inputs(options: argparse.Namespace) -> list[str]:
    """The names in the list; none without one. No name is a pattern there.

    Raises:
        UsageError: there is neither a list nor another input, stdin is to be two things, or -0 is missing.
        DecodeError: the list cannot be read.
    """
    if options.files_from is None:
        if options.null:
            raise UsageError("-0 is for a list", hint="name one with --files-from")
        if not options.inputs:
            raise UsageError("no input was given", hint="name files or folders, or a list with --files-from")
        return []
    if options.files_from == STDIN and STDIN in options.inputs:
        raise UsageError("stdin cannot be both a picture and the list", hint="read one of them from a file")
    end = b"\0" if options.null else b"\n"
    content = _content(options.files_from)
    if not options.null and b"\0" in content:
        raise UsageError("the names in the list end with a null character", source=options.files_from, hint="add -0")
    names = content.split(end)
    if not options.null:
        names = [name.removesuffix(b"\r") for name in names]
    return [os.fsdecode(name) for name in names if name]


def _content(name: str) -> bytes:
    if name == STDIN and sys.stdin is None:
        raise DecodeError("stdin is closed", source="<stdin>", hint="redirect the list into it")
    if name == STDIN and sys.stdin.isatty():
        raise UsageError("stdin is a terminal", hint="pipe the list into it")
    try:
        if name == STDIN:
            return sys.stdin.buffer.read()
        with open(name, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = f"the list cannot be read: {getattr(error, 'strerror', None) or error}"
        raise DecodeError(reason, source=name, hint="check the path") from error
