"""`enhance run book.cbz -o better.cbz`: pictures in archives, one archive after the other."""

from __future__ import annotations

import argparse
import glob
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from enhance.batch.archive import is_archive, pack, unpack
from enhance.batch.plan import ARCHIVE_EXTENSIONS, Plan
from enhance.cli.console import say
from enhance.cli.options import chosen_limits
from enhance.codecs.decoder import Decoder
from enhance.errors import DecodeError, EnhanceError, OutputError, UsageError
from enhance.output.encoders import OutputFormat
from enhance.output.writer import check_target
from enhance.system.atomic_file import as_output_error, atomic_file
from enhance.system.temporary import temporary_folder

Pages = Callable[[Plan, OutputFormat, Mapping[str, str]], int]
"""Enhances the pages of one archive, whose names are told in the place of their files'. Returns the exit status."""


def archives_among(inputs: Sequence[str]) -> list[str]:
    """The archives that the inputs are, patterns included; none where they are others. Raises UsageError for both."""
    found = [match for name in inputs for match in _matches(name)]
    archives = [name for name in found if is_archive(name)]
    if archives and len(archives) < len(found):
        raise UsageError(
            "archives and other inputs in one call", source=archives[0], hint="run them one after the other"
        )
    return archives


def _matches(name: str) -> list[str]:
    is_pattern = glob.has_magic(name) and not os.path.lexists(name)
    return sorted(glob.glob(name, recursive=True)) if is_pattern else [name]


def run_archives(
    archives: Sequence[str], options: argparse.Namespace, decoders: Sequence[Decoder], pages: Pages
) -> int:
    """Does what was asked for. Returns the exit status: 1 if some pages or archives failed."""
    fmt = OutputFormat.from_name(options.format or "png")
    targets = [_target(options, name, len(archives)) for name in archives]
    if len(set(targets)) < len(targets):
        raise UsageError("two archives would become one file", hint="give them different output folders")
    statuses = []
    for name, target in zip(archives, targets, strict=True):
        try:
            statuses.append(_run(options, Path(name), target, fmt, decoders, pages))
        except EnhanceError as error:
            if len(targets) == 1:
                raise
            say(f"error: {error}")
            statuses.append(error.exit_code)
    return 1 if any(statuses) else 0


def _run(
    options: argparse.Namespace, path: Path, target: Path, fmt: OutputFormat, decoders: Sequence[Decoder], pages: Pages
) -> int:
    if options.resume and target.is_file() and zipfile.is_zipfile(target):
        say(f"skipped: {path}")
        return 0
    with temporary_folder() as folder:
        with as_output_error(folder):
            found = unpack(path, folder, fmt.extension, limits=chosen_limits(options), decoders=decoders)
        if not found:
            raise DecodeError("holds no picture of a known kind", source=str(path))
        if options.dry_run:
            say(f"{path} -> {target}: {len(found)} pictures")
            return 0
        overwrite = options.force or options.resume
        _make_folder(target.parent)
        check_target(target, source=str(path), overwrite=overwrite)
        names = {page.job.input: f"{path}: {page.entry}" for page in found}
        status = pages(Plan(tuple(page.job for page in found)), fmt, names)
        with atomic_file(target, overwrite=overwrite) as file, as_output_error(target):
            pack(path, found, file)
    return status


def _target(options: argparse.Namespace, name: str, count: int) -> Path:
    """Where the result of one of so many archives goes. Raises UsageError."""
    if options.output is None:
        raise UsageError("no place for the results was given", hint="-o FOLDER, or -o NAME.cbz for one archive")
    if options.json and options.output == "-":
        raise UsageError("an archive cannot go to stdout")
    output = Path(options.output)
    if output.suffix.lower() in ARCHIVE_EXTENSIONS and not options.output.endswith(os.sep):
        if count > 1:
            raise UsageError("one output file takes one archive", source=options.output, hint="-o FOLDER takes more")
        return output
    if output.suffix and not output.is_dir() and not options.output.endswith(os.sep):
        raise UsageError("an archive becomes an archive", source=options.output, hint="name it .cbz or .zip")
    return output / Path(name).name


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be made: {error.strerror}", source=str(folder)) from error
