"""Files that appear whole or not at all, and what to say when they cannot be written."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from enhance.errors import OutputError
from enhance.system.file_lock import free_lock, lock

_TEMPORARY = re.compile(r"\.enhance-[0-9a-f]{16}\.tmp")
_REASONS = {
    errno.ENOSPC: ("the disk is full", "free space, or write elsewhere"),
    errno.EDQUOT: ("the disk quota is used up", "free space, or write elsewhere"),
    errno.EACCES: ("no permission to write there", "check the folder's permissions, or write elsewhere"),
    errno.EPERM: ("no permission to write there", "check the folder's permissions, or write elsewhere"),
    errno.EROFS: ("the disk is read-only", "write elsewhere"),
    errno.ENOENT: ("the output folder does not exist", "make it first"),
    errno.ENOTDIR: ("the output folder is a file", "choose another output folder"),
    errno.EISDIR: ("a folder of that name exists", "choose another name"),
    errno.EEXIST: ("the file exists already", "choose another name, or allow overwriting"),
    errno.ENAMETOOLONG: ("the name is too long for this disk", "choose a shorter name"),
}


@contextlib.contextmanager
def atomic_file(
    path: str | os.PathLike[str], *, overwrite: bool = False, times: tuple[int, int] | None = None
) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends: readers see the old file, or the new one, never a part.

    After an exception nothing is left behind. Thread- and process-safe.

    Args:
        path: where to; its folder must exist.
        overwrite: replace a file that is already there.
        times: of the last access and the last change that the file gets, in nanoseconds; by default now.

    Yields:
        the open file, buffered.

    Raises:
        OutputError: the file exists and `overwrite` is False, or it cannot be written. Errors of writing that the block
            itself raises come out as they are.
    """
    target = Path(path)
    temporary = target.parent / f".enhance-{secrets.token_hex(8)}.tmp"  # short: the target's name may be of any length
    try:
        with as_output_error(path):
            if target.is_dir():
                raise OSError(errno.EISDIR, "")
            descriptor = _open_locked(temporary)
        with buffered(descriptor) as file:
            yield file
            with as_output_error(path):
                file.flush()
                if times is not None:
                    os.utime(temporary, ns=times)
                os.fsync(descriptor)
        with as_output_error(path):
            if overwrite:
                temporary.replace(target)
            else:
                _publish_new(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def times_of(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """The `times` of another file; None where it has none, stdin for example."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_atime_ns, status.st_mtime_ns


def _open_locked(path: Path) -> int:
    """A new file that `remove_abandoned` leaves alone as long as this process lives."""
    while True:
        # os.open and not tempfile, whose 0600 would not be the permissions that the umask asks for.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # somebody took it for abandoned before it was locked


def remove_abandoned(folder: str | os.PathLike[str]) -> None:
    """Removes what `atomic_file` has left in a folder where the process was killed; never what another one writes."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError), free_lock(Path(entry.path)) as is_free:
                    if is_free:
                        os.unlink(entry.path)


@contextlib.contextmanager
def buffered(descriptor: int) -> Iterator[BinaryIO]:
    """A buffered stream to a descriptor, closed with it.

    What was not flushed when the block ends is written without a word about errors: flush, and see them.
    """
    file = os.fdopen(descriptor, "wb")
    try:
        yield file
    finally:
        # After a full disk closing tries once more, and fails in the same way.
        with contextlib.suppress(OSError):
            file.close()


@contextlib.contextmanager
def as_output_error(name: str | os.PathLike[str]) -> Iterator[None]:
    """Turns errors of the system into OutputError. BrokenPipeError stays: whoever reads the output has left."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        number, text = getattr(error, "errno", None), getattr(error, "strerror", None) or error
        reason, hint = _REASONS.get(number or 0, (f"cannot be written: {text}", "write elsewhere"))
        raise OutputError(reason, source=os.fspath(name), hint=hint) from error


def _publish_new(temporary: Path, target: Path) -> None:
    """Gives the file its name unless that is taken, even if somebody takes it this very moment."""
    try:
        os.link(temporary, target)
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ENOENT, errno.ENOSPC):
            raise
    # No hard links here (FAT, some network disks): take the name first with an empty file, then replace that.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        temporary.replace(target)
    except BaseException:
        target.unlink()
        raise
