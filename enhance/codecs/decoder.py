"""What a base decoder is, and what it is given: the bytes of a file, from wherever they come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Protocol, Union

from enhance.errors import DecodeError, UsageError
from enhance.images import DEFAULT_MAX_PIXELS, DecodedImage

Source = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", BinaryIO]

HEAD_SIZE = 4096
"""How many bytes of a file a decoder may look at to recognise it."""


class Decoder(Protocol):
    """Turns one kind of bitstream into pixels, its rate and its metadata."""

    @property
    def name(self) -> str:
        """Name of the codec, as in `Rate.codec`."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Lower-case file extensions with their dot, to find such files in a folder; never used to recognise one."""

    def sniff(self, head: bytes) -> bool:
        """True if a file that begins with `head` (up to `HEAD_SIZE` bytes) is this decoder's."""

    def decode(self, data: bytes, *, source: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> DecodedImage:
        """Decodes a whole file.

        Args:
            data: the file.
            source: the name to use in messages.
            max_pixels: refuse pictures with more pixels than this.

        Raises:
            DecodeError: the file is damaged or truncated.
            UnsupportedImageError: the file is of a kind that is not handled.
        """


def read_source(source: Source, *, source_name: str | None = None) -> tuple[bytes, str]:
    """The bytes of a file and its name for messages. Arguments and errors as in `registry.decode`."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), source_name or "<memory>"
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source), source_name or os.fspath(source))
    if not hasattr(source, "read"):
        raise UsageError(f"cannot decode a {type(source).__name__}", hint="pass bytes, a path or an open binary file")
    stream_name = getattr(source, "name", None)
    name = source_name or (stream_name if isinstance(stream_name, str) else "<stream>")
    try:
        data = source.read()
    except (OSError, ValueError) as error:  # ValueError: a closed file, or text that is not in the expected encoding
        raise DecodeError(
            f"cannot be read: {error}", source=name, hint="open it in binary mode, for reading"
        ) from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise UsageError("the file object gives text, not bytes", source=name, hint="open it in binary mode")
    return bytes(data), name


def _read_path(path: Path, name: str) -> tuple[bytes, str]:
    try:
        return path.read_bytes(), name
    except FileNotFoundError:
        reason, hint = "no such file", "check the path"
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
