"""Errors that a user can act on.

Every error names its source (a file, usually), the reason and a way out, and carries the exit status that the command
line returns when nothing else happened.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from difflib import get_close_matches


class EnhanceError(Exception):
    """Base class of all errors raised on purpose by this package.

    Args:
        reason: what is wrong, one line, no trailing full stop.
        source: the file or object it is about, if there is one.
        hint: what the user can do about it, one line.
    """

    exit_code = 1

    def __init__(self, reason: str, *, source: str | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.source = source
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.source}: {self.reason}" if self.source else self.reason
        return f"{text} ({self.hint})" if self.hint else text


class DecodeError(EnhanceError):
    """The input is damaged, truncated, or not what it claims to be."""


class UnsupportedImageError(EnhanceError):
    """The input is valid, but of a kind that is not handled (16-bit, lossless, an unknown format, ...)."""


class OutputError(EnhanceError):
    """The result could not be written; nothing is left behind at its place."""


class UsageError(EnhanceError):
    """Options that contradict each other or are out of range."""

    exit_code = 2


class UnknownOptionError(UsageError, TypeError):
    """An option that does not exist; where it is a keyword of a call, what Python says of such, too."""


class WeightsError(EnhanceError):
    """A checkpoint is missing, damaged, or does not fit the network."""

    exit_code = 3


class DeviceError(EnhanceError):
    """The compute device is missing or out of memory."""

    exit_code = 4


def one_line(text: object) -> str:
    """Text for one line of a terminal: control characters (a file's name may hold any) are escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))


def did_you_mean(word: str, known: Iterable[str], others: Mapping[str, str] | None = None) -> str | None:
    """A question for the right word: "did you mean quality?"; None where nothing is near.

    Args:
        word: what was said.
        known: what could be said.
        others: what other programs call it, and what it is called here.
    """
    meant = (others or {}).get(word) or next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), None)
    return None if meant is None else f"did you mean {meant}?"


def is_url(name: str) -> bool:
    """Whether a name is an address in a network, and not of a file."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None


def describe_status(status: int) -> str:
    """What became of a program, for the end of a sentence: "failed with status 1", "was killed by SIGSEGV".

    Args:
        status: as `subprocess` has it: not 0, and below 0 for signals.
    """
    if status > 0:
        return f"failed with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
