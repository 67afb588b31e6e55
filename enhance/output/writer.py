"""Writes results: whole files or nothing, and never over something by accident."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from enhance.errors import OutputError
from enhance.images import EnhancedImage
from enhance.output.encoders import DEFAULT_JPEG_QUALITY, OutputFormat, check_depth, encode_image, encode_with_notes
from enhance.system.atomic_file import as_output_error, atomic_file

__all__ = [
    "DEFAULT_JPEG_QUALITY", "OutputFormat", "check_depth", "check_target", "encode_image", "encode_with_notes",
    "write_bytes", "write_image",
]  # fmt: skip


def write_image(
    image: EnhancedImage,
    path: str | os.PathLike[str],
    *,
    fmt: OutputFormat | str | None = None,
    quality: int | None = None,
    depth: int | None = None,
    overwrite: bool = False,
    keep_gain_map: bool = False,
    times: tuple[int, int] | None = None,
) -> tuple[str, ...]:
    """Encodes a picture and writes it, whole or not at all.

    Args:
        image: see `encode_image`.
        path: where to; its folder must exist.
        fmt: by default the one of the path's extension.
        quality, depth, keep_gain_map: see `encode_with_notes`.
        overwrite: replace a file that is already there. The picture's own source file is never replaced.
        times: of the last access and the last change that the file gets, in nanoseconds; by default now.

    Returns:
        what of the metadata could not be kept, one line each.

    Raises:
        UsageError: unknown format, or a quality or depth that does not apply.
        OutputError: the file exists, or cannot be written; nothing is left behind.
    """
    chosen = OutputFormat.from_path(path) if fmt is None else fmt
    check_target(path, source=image.source, overwrite=overwrite)  # saves the work of encoding
    encoded = encode_with_notes(image, chosen, quality=quality, depth=depth, keep_gain_map=keep_gain_map)
    write_bytes(encoded.content, path, overwrite=overwrite, times=times)
    return encoded.notes


def check_target(path: str | os.PathLike[str], *, source: str, overwrite: bool) -> None:
    """Refuses at once what `write_image` would refuse in the end, as far as it can be known before.

    Args:
        path: where a result is to be written.
        source: name of the picture's own file, or of whatever it came from.
        overwrite: a file that is already there may be replaced.

    Raises:
        OutputError: the file exists and `overwrite` is False, it is the source, or its folder is missing.
    """
    with as_output_error(path):
        if not overwrite and os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "")
        if not os.path.lexists(Path(path).parent):
            raise FileNotFoundError(errno.ENOENT, "")
    with contextlib.suppress(OSError, ValueError):
        if Path(path).samefile(source):
            raise OutputError(
                "this is the input, which is never changed", source=os.fspath(path), hint="choose another name"
            )


def write_bytes(
    content: bytes, path: str | os.PathLike[str], *, overwrite: bool = False, times: tuple[int, int] | None = None
) -> None:
    """Writes a file atomically: readers see the old file, or the new one, never a part. Thread- and process-safe.

    Args:
        content: of the file.
        path: where to; its folder must exist.
        overwrite: replace a file that is already there.
        times: see `write_image`.

    Raises:
        OutputError: the file exists and `overwrite` is False, or it cannot be written; nothing is left behind.
    """
    with atomic_file(path, overwrite=overwrite, times=times) as file, as_output_error(path):
        file.write(content)
