"""Writes results: whole files or nothing, and never over something by accident."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from enhance.encoders import DEFAULT_JPEG_QUALITY, OutputFormat, check_depth, encode_image
from enhance.errors import OutputError
from enhance.images import EnhancedImage

__all__ = [
    "DEFAULT_JPEG_QUALITY", "OutputFormat", "check_depth", "check_target", "encode_image", "write_bytes", "write_image",
]  # fmt: skip

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free space, or write elsewhere"),
    errno.EDQUOT: ("the disk quota is used up", "free space, or write elsewhere"),
    errno.EACCES: ("no permission to write there", "check the folder's permissions, or write elsewhere"),
    errno.EPERM: ("no permission to write there", "check the folder's permissions, or write elsewhere"),
    errno.EROFS: ("the disk is read-only", "write elsewhere"),
    errno.ENOENT: ("the output folder does not exist", "make it first"),
    errno.ENOTDIR: ("the output folder is a file", "choose another output folder"),
    errno.EISDIR: ("a folder of that name exists", "choose another name"),
    errno.ENAMETOOLONG: ("the name is too long for this disk", "choose a shorter name"),
}


def write_image(
    image: EnhancedImage,
    path: str | os.PathLike[str],
    *,
    fmt: OutputFormat | str | None = None,
    quality: int | None = None,
    depth: int | None = None,
    overwrite: bool = False,
) -> None:
    """Encodes a picture and writes it, whole or not at all.

    Args:
        image: see `encode_image`.
        path: where to; its folder must exist.
        fmt: by default the one of the path's extension.
        quality, depth: see `encode_image`.
        overwrite: replace a file that is already there. The picture's own source file is never replaced.

    Raises:
        UsageError: unknown format, or a quality or depth that does not apply.
        OutputError: the file exists, or cannot be written; nothing is left behind.
    """
    chosen = OutputFormat.from_path(path) if fmt is None else fmt
    check_target(path, source=image.source, overwrite=overwrite)  # saves the work of encoding
    write_bytes(encode_image(image, chosen, quality=quality, depth=depth), path, overwrite=overwrite)


def check_target(path: str | os.PathLike[str], *, source: str, overwrite: bool) -> None:
    """Refuses at once what `write_image` would refuse in the end, as far as it can be known before.

    Args:
        path: where a result is to be written.
        source: name of the picture's own file, or of whatever it came from.
        overwrite: a file that is already there may be replaced.

    Raises:
        OutputError: the file exists and `overwrite` is False, it is the source, or its folder is missing.
    """
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    if not os.path.lexists(Path(path).parent):
        reason, hint = _REASONS[errno.ENOENT]
        raise OutputError(reason, source=os.fspath(path), hint=hint)
    with contextlib.suppress(OSError, ValueError):
        if Path(path).samefile(source):
            raise OutputError(
                "this is the input, which is never changed", source=os.fspath(path), hint="choose another name"
            )


def write_bytes(content: bytes, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Writes a file atomically: readers see the old file, or the new one, never a part. Thread- and process-safe.

    Raises:
        OutputError: the file exists and `overwrite` is False, or it cannot be written; nothing is left behind.
    """
    target = Path(path)
    try:
        with _temporary_file(target.parent, content) as temporary:
            if overwrite:
                temporary.replace(target)
            else:
                _publish_new(temporary, target)
    except FileExistsError:
        raise _exists(path) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        number = getattr(error, "errno", None)
        reason, hint = _REASONS.get(
            number or 0, (f"cannot be written: {getattr(error, 'strerror', None) or error}", "write elsewhere")
        )
        raise OutputError(reason, source=os.fspath(path), hint=hint) from error


def _exists(path: str | os.PathLike[str]) -> OutputError:
    return OutputError(
        "the file exists already", source=os.fspath(path), hint="choose another name, or allow overwriting"
    )


@contextlib.contextmanager
def _temporary_file(folder: Path, content: bytes) -> Iterator[Path]:
    """A complete file, safe on disk, in the folder of its destiny; gone afterwards if nobody moved it."""
    temporary = (
        folder / f".enhance-{secrets.token_hex(8)}.tmp"
    )  # short: the target's own name may be as long as allowed
    try:
        # os.open and not tempfile, whose 0600 would not be the permissions that the umask asks for.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


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
