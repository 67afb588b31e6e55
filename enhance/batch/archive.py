"""Comic books and other zips of pictures: taken apart into numbered files, and put together again in the same order.

Nothing of an archive is written under a name of its own: what leads out of it, or into a link, is refused before
anything is read. Sizes are limited before memory or disk is taken for them, and again while it is, since headers can
lie.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from enhance.batch.plan import ARCHIVE_EXTENSIONS, PICTURE_EXTENSIONS, Job
from enhance.codecs.decoder import HEAD_SIZE, Decoder
from enhance.codecs.registry import find_decoder
from enhance.errors import DecodeError, UnsupportedImageError
from enhance.system.limits import Limits, way_out

_MOST_ENTRIES = 10_000
_ALL_BYTES = 4
"""Times the most bytes of one input: what all entries together may have."""
_PIECE = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Page:
    """A picture of an archive.

    Attributes:
        number: its place among the archive's entries, of which several may have one name.
        entry: its name in the archive.
        job: from its numbered file to that of its result.
    """

    number: int
    entry: str
    job: Job


def is_archive(name: str) -> bool:
    """Whether a name is that of an archive that exists."""
    return Path(name).suffix.lower() in ARCHIVE_EXTENSIONS and os.path.isfile(name)  # Path takes no name too long


def unpack(path: Path, folder: Path, extension: str, *, limits: Limits, decoders: Sequence[Decoder]) -> list[Page]:
    """Writes an archive's pictures into a folder, by number.

    Args:
        path: of the archive.
        folder: an empty one.
        extension: of the results, with its dot.
        limits: what an entry may be at most.
        decoders: whose files count as pictures.

    Returns:
        the pictures in the archive's order; whatever else is in it is left alone.

    Raises:
        DecodeError: it is no archive, is damaged or encrypted, or has names that lead out of it.
        UnsupportedImageError: it is larger than a limit.
    """
    with _opened(path) as archive:
        check(archive, path, limits)
        pages = []
        for number, entry in enumerate(archive.infolist()):
            if entry.is_dir() or not _is_picture(archive, entry, decoders, path):
                continue
            source = folder / f"{number:05}{PurePosixPath(entry.filename).suffix.lower()[:8]}"
            with source.open("wb") as file:
                for piece in _content(archive, entry, path):
                    file.write(piece)
            pages.append(Page(number, entry.filename, Job(str(source), str(folder / f"{number:05}.out{extension}"))))
    return pages


def pack(path: Path, pages: Sequence[Page], target: BinaryIO) -> None:
    """Writes the archive again, in its order: pictures in their new form, whatever else as it was.

    A picture without a result stays as it was. Errors as in `unpack`.
    """
    results = {page.number: Path(page.job.output) for page in pages if Path(page.job.output).is_file()}
    with _opened(path) as archive, zipfile.ZipFile(target, "w") as made:
        made.comment = archive.comment
        entries = archive.infolist()
        kept = {entry.filename for number, entry in enumerate(entries) if number not in results}
        for number, entry in enumerate(entries):
            result = results.get(number)
            name = entry.filename if result is None else _renamed(entry.filename, result.suffix, kept)
            told = zipfile.ZipInfo(name, entry.date_time)
            told.external_attr, told.comment = entry.external_attr, entry.comment
            told.compress_type = entry.compress_type if result is None else zipfile.ZIP_STORED
            if entry.is_dir():
                made.writestr(told, b"")
                continue
            with made.open(told, "w", force_zip64=True) as file:
                for piece in _content(archive, entry, path) if result is None else _pieces(result):
                    file.write(piece)


def check(archive: zipfile.ZipFile, path: Path, limits: Limits) -> None:
    """Refuses what could do harm, by what the archive says of itself. Errors as in `unpack`."""
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise UnsupportedImageError(f"holds {len(entries)} files, the limit is {_MOST_ENTRIES}", source=str(path))
    for entry in entries:
        if _leads_out(entry):
            reason = f"an entry has a name that leads out of the archive: {entry.filename}"
            raise DecodeError(reason, source=str(path), hint="whoever made it means no good")
        if entry.flag_bits & 1:
            raise DecodeError("is encrypted", source=str(path), hint="unpack it first")
    largest = max((entry.file_size for entry in entries), default=0)
    if largest > limits.max_bytes or sum(entry.file_size for entry in entries) > _ALL_BYTES * limits.max_bytes:
        reason = f"unpacks to more than the limit of {limits.max_bytes / 2**20:g} megabytes a file, or four times that"
        raise UnsupportedImageError(reason, source=str(path), hint=way_out("max_bytes"))


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename.replace("\\", "/")
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return name.startswith("/") or ".." in name.split("/") or _DRIVE.match(name) is not None or is_link


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DecodeError(f"cannot be read as a zip: {error}", source=str(path), hint="it may be damaged") from error


def _is_picture(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, decoders: Sequence[Decoder], path: Path) -> bool:
    return find_decoder(next(_content(archive, entry, path), b"")[:HEAD_SIZE], decoders) is not None


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Iterator[bytes]:
    """An entry's bytes, never more than it has said."""
    left = entry.file_size
    try:
        with archive.open(entry) as file:
            while piece := file.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise zipfile.BadZipFile("longer than it says")
                yield piece
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DecodeError(f"{entry.filename} cannot be unpacked: {error}", source=str(path)) from error


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _renamed(name: str, suffix: str, taken: set[str]) -> str:
    """A picture's name with the extension of its result; another one where something has that name already."""
    stem, dot, extension = name.rpartition(".")
    stem = stem if dot and f".{extension.lower()}" in PICTURE_EXTENSIONS else name
    renamed, number = stem + suffix, 1
    while renamed in taken:
        number += 1
        renamed = f"{stem}-{number}{suffix}"
    taken.add(renamed)
    return renamed
