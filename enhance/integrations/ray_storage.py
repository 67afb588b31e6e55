"""Folders that are local or in a bucket, through pyarrow's file systems: names, contents, and files that are whole."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import ArrowException, fs

from enhance.errors import DecodeError, OutputError, UsageError


@dataclass(frozen=True)
class Store:
    """A folder: a path, or a URI that pyarrow knows ("s3://bucket/photos", "gs://...", "hdfs://..."). Can be pickled.

    Attributes:
        uri: as given.
    """

    uri: str

    def _open(self) -> tuple[Any, str]:
        return _locate(self.uri)

    def names(self) -> set[str]:
        """The files below it, relative to it, hidden ones left out; none where it does not exist."""
        system, root = self._open()
        try:
            entries = system.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
        except OSError as error:
            raise DecodeError(f"cannot be listed: {error}", source=self.uri) from error
        names = (entry.path[len(root) :].lstrip("/") for entry in entries if entry.type == fs.FileType.File)
        return {name for name in names if not any(part.startswith(".") for part in name.split("/"))}

    def read(self, name: str) -> bytes:
        """The content of a file. Raises DecodeError where it cannot be read."""
        system, root = self._open()
        return _read(system, f"{root}/{name}", f"{self.uri}/{name}")

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all; one of that name is replaced. Raises OutputError."""
        system, root = self._open()
        target = f"{root}/{name}"
        is_local = isinstance(system, fs.LocalFileSystem)
        # Buckets show what is written when it is complete.
        place = f"{os.path.dirname(target)}/.{uuid.uuid4().hex}.part" if is_local else target
        try:
            if is_local:
                system.create_dir(os.path.dirname(target), recursive=True)
            with system.open_output_stream(place) as stream:
                stream.write(content)
            if place != target:
                system.move(place, target)
        except OSError as error:
            raise OutputError(f"cannot be written: {error}", source=f"{self.uri}/{name}") from error


def read_file(uri: str) -> bytes:
    """The content of a file, a path or a URI that pyarrow knows. Raises UsageError or DecodeError."""
    return _read(*_locate(uri), uri)


def _locate(uri: str) -> tuple[Any, str]:
    """The file system of a path or a URI, and the path in it."""
    try:
        found: tuple[Any, str] = fs.FileSystem.from_uri(uri if "://" in uri else Path(os.path.abspath(uri)).as_uri())
    except (ArrowException, OSError) as error:
        raise UsageError(f"nothing that pyarrow knows: {error}", source=uri) from error
    return found


def _read(system: Any, path: str, source: str) -> bytes:
    try:
        with system.open_input_stream(path) as stream:
            content: bytes = stream.read()
    except OSError as error:
        raise DecodeError(f"cannot be read: {error}", source=source) from error
    return content
