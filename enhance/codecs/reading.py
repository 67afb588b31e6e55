"""Input as bytes: regular files and open streams, up to a limit, and never a wait that nobody can end.

A named pipe, a device or a socket may give nothing for ever, or bytes without end. They are read only where that is
asked for (`Limits.special_files`), and like stdin in pieces, between which `abandon` is looked at.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Union

from enhance.errors import DecodeError, UnsupportedImageError, UsageError, is_url
from enhance.system.limits import DEFAULT_LIMITS, Limits, way_out

Source = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", BinaryIO]

IS_URL = "nothing is loaded from a network: fetch it first, `curl -L ADDRESS | enhance run - -o better.png`"

_PIECE = 1 << 20
_TICK = 0.1
_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket",
}  # fmt: skip
_abandoned = [0]


def abandon() -> None:
    """Ends every wait for input that has begun, in all threads: for a program that was interrupted."""
    _abandoned[0] += 1


def read_source(
    source: Source, *, source_name: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> tuple[bytes, str]:
    """The bytes of a file and its name for messages. Arguments and errors as in `registry.decode`."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), source_name or "<memory>"
    if isinstance(source, (str, os.PathLike)):
        return read_path(Path(source), source_name or os.fspath(source), limits), source_name or os.fspath(source)
    if not hasattr(source, "read"):
        raise UsageError(f"cannot decode a {type(source).__name__}", hint="pass bytes, a path or an open binary file")
    stream_name = getattr(source, "name", None)
    name = source_name or (stream_name if isinstance(stream_name, str) else "<stream>")
    try:
        return _read_stream(source, name, limits), name
    except (OSError, ValueError) as error:  # ValueError: a closed file, or text that is not in the expected encoding
        hint = "open it in binary mode, for reading"
        raise DecodeError(f"cannot be read: {error}", source=name, hint=hint) from error


def read_stdin(limits: Limits = DEFAULT_LIMITS) -> bytes:
    """What stdin gives up to its end. Errors as in `read_path`."""
    name = "<stdin>"
    if sys.stdin is None:
        raise DecodeError("stdin is closed", source=name, hint="redirect a file into it")
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # something that a program has put in its place
        return read_source(sys.stdin.buffer, source_name=name, limits=limits)[0]
    try:
        return _read_pieces(descriptor, name, limits)
    except OSError as error:
        hint = "redirect a file into it"
        raise DecodeError(f"cannot be read: {error.strerror}", source=name, hint=hint) from error


def read_path(path: Path, name: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The content of a file.

    Raises:
        DecodeError: it cannot be read, or is no regular file.
        UnsupportedImageError: it is larger than the limit.
    """
    try:
        # Without O_NONBLOCK a named pipe's open would wait for its writer.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
        descriptor = os.open(path, flags)
        try:
            return _read_descriptor(descriptor, name, limits)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        reason, hint = ("is an address, not a file", IS_URL) if is_url(name) else ("no such file", "check the path")
    except IsADirectoryError:
        reason, hint = "is a folder, not a file", "name the files in it, or let `enhance run` walk it"
    except PermissionError:
        # Windows says "permission denied" for folders too.
        is_folder = path.is_dir()
        reason = "is a folder, not a file" if is_folder else "no permission to read it"
        hint = "name the files in it, or let `enhance run` walk it" if is_folder else "check the file's permissions"
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason, hint = f"cannot be read: {getattr(error, 'strerror', None) or error}", "check the path and the disk"
    except MemoryError:
        reason, hint = "does not fit into memory", "free memory"
    raise DecodeError(reason, source=name, hint=hint)


def is_special(path: str) -> str | None:
    """What a path is that is neither a regular file nor a folder ("a named pipe"); None for those and for nothing."""
    try:
        return _KINDS.get(stat.S_IFMT(os.stat(path).st_mode))
    except (OSError, ValueError):
        return None


def _read_descriptor(descriptor: int, name: str, limits: Limits) -> bytes:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        _check_size(status.st_size, name, limits)
    elif not limits.special_files:
        hint = "regular files and stdin are read; --special-files (Limits.special_files) reads others, too"
        raise DecodeError(f"is {kind}", source=name, hint=hint)
    return _read_pieces(descriptor, name, limits)


def _read_stream(stream: BinaryIO, name: str, limits: Limits) -> bytes:
    pieces, had = [], 0
    while piece := stream.read(_PIECE):
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise UsageError("the file object gives text, not bytes", source=name, hint="open it in binary mode")
        pieces.append(bytes(piece))
        had += len(piece)
        _check_size(had, name, limits)
    return b"".join(pieces)


def _read_pieces(descriptor: int, name: str, limits: Limits) -> bytes:
    """Everything up to the end, without ever waiting longer than a tick for it."""
    pieces: list[bytes] = []
    begun, had = _abandoned[0], 0
    status = os.fstat(descriptor)
    is_regular = stat.S_ISREG(status.st_mode)
    # A regular file in one piece: then nothing is copied.
    most = max(_PIECE, status.st_size + 1) if is_regular else _PIECE
    while True:
        if not is_regular and hasattr(select, "poll"):
            _wait(descriptor, name, begun)
        piece = os.read(descriptor, min(most, limits.max_bytes + 1 - had))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        had += len(piece)
        _check_size(had, name, limits)


def _wait(descriptor: int, name: str, begun: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while not poll.poll(_TICK * 1000):
        if _abandoned[0] != begun:
            raise DecodeError("was waited for when the program was interrupted", source=name, hint="run it again")


def _check_size(size: int, name: str, limits: Limits) -> None:
    if size > limits.max_bytes:
        reason = f"is larger than the limit of {limits.max_bytes / 2**20:g} megabytes"
        raise UnsupportedImageError(reason, source=name, hint=way_out("max_bytes"))
