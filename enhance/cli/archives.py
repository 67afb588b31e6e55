"""`enhance run book.cbz -o better.cbz`: pictures in archives, one archive after the other."""

from __future__ import annotations

import argparse
import glob
import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from enhance.batch.archive import is_archive, pack, unpack
from enhance.batch.plan import ARCHIVE_EXTENSIONS, STREAM, Outcome, Plan, listed_place
from enhance.cli.console import require_stdout, say
from enhance.cli.options import chosen_limits
from enhance.codecs.decoder import Decoder
from enhance.errors import DecodeError, EnhanceError, OutputError, UsageError, one_line
from enhance.output.encoders import OutputFormat
from enhance.output.writer import check_target
from enhance.system.atomic_file import as_output_error, atomic_file, remove_abandoned, times_of
from enhance.system.temporary import temporary_folder

Pages = Callable[[Plan, OutputFormat, Mapping[str, str]], int]
"""Enhances the pages of one archive, whose names are told in the place of their files'. Returns the exit status."""


def archives_among(inputs: Sequence[str], listed: Sequence[str] = ()) -> dict[str, str]:
    """The archives that the inputs are, each with its place below an output folder; none where they are others.

    Args:
        inputs: files and patterns.
        listed: names from a list, which keep their folders.

    Raises:
        UsageError: some are archives, some are not.
    """
    found = {match: Path(match).name for name in inputs for match in _matches(name)}
    found |= {name: listed_place(name) for name in listed}
    archives = {name: place for name, place in found.items() if is_archive(name)}
    if archives and len(archives) < len(found):
        raise UsageError(
            "archives and other inputs in one call", source=next(iter(archives)), hint="run them one after the other"
        )
    return archives


def _matches(name: str) -> list[str]:
    is_pattern = glob.has_magic(name) and not os.path.lexists(name)
    return sorted(glob.glob(name, recursive=True)) if is_pattern else [name]


def run_archives(
    archives: Mapping[str, str], options: argparse.Namespace, decoders: Sequence[Decoder], pages: Pages
) -> int:
    """Does what was asked for. Returns the exit status: 1 if some pages or archives failed.

    Args:
        archives: see `archives_among`.
        options: of `enhance run`.
        decoders: whose files count as pictures.
        pages: does the work.
    """
    if options.json or options.dry_run:
        require_stdout()
    fmt = OutputFormat.from_name(options.format or "png")
    targets = [_target(options, place, len(archives)) for place in archives.values()]
    if len(set(targets)) < len(targets):
        raise UsageError("two archives would become one file", hint="give them different output folders")
    statuses = []
    for name, target in zip(archives, targets, strict=True):
        try:
            statuses.append(_run(options, Path(name), target, fmt, decoders, pages))
        except EnhanceError as error:
            say(f"error: {error}")
            _tell(options, Outcome("failed", name, str(target), error=error))
            statuses.append(error.exit_code)
    return statuses[0] if len(statuses) == 1 else int(any(statuses))


def _run(
    options: argparse.Namespace, path: Path, target: Path, fmt: OutputFormat, decoders: Sequence[Decoder], pages: Pages
) -> int:
    if options.resume and target.is_file() and zipfile.is_zipfile(target):
        if not options.quiet:
            say(f"skipped: {path}")
        _tell(options, Outcome("skipped", str(path), str(target)))
        return 0
    with temporary_folder() as folder:
        with as_output_error(folder):
            found = unpack(path, folder, fmt.extension, limits=chosen_limits(options), decoders=decoders)
        if not found:
            raise DecodeError("holds no picture of a known kind", source=str(path))
        if options.dry_run:
            _show(options, path, target, len(found))
            return 0
        overwrite = options.force or options.resume
        _make_folder(target.parent)
        remove_abandoned(target.parent)
        check_target(target, source=str(path), overwrite=overwrite)
        names = {page.job.input: f"{path}: {page.entry}" for page in found}
        status = pages(Plan(tuple(page.job for page in found)), fmt, names)
        times = times_of(path) if options.keep_times else None
        with atomic_file(target, overwrite=overwrite, times=times) as file, as_output_error(target):
            pack(path, found, file)
    return status


def _show(options: argparse.Namespace, path: Path, target: Path, count: int) -> None:
    """--dry-run: what would become of one archive, as for files."""
    planned = {"status": "planned", "input": str(path), "output": str(target)}
    print(json.dumps(planned) if options.json else f"{one_line(path)} -> {one_line(target)}")
    if not options.quiet:
        say(f"{path}: {count} picture{'s' * (count != 1)}")


def _tell(options: argparse.Namespace, outcome: Outcome) -> None:
    """--json: what became of an archive whose pages were not told of."""
    if options.json:
        print(json.dumps(outcome.describe()), flush=True)


def _target(options: argparse.Namespace, place: str, count: int) -> Path:
    """Where the result of one of so many archives goes. Raises UsageError."""
    if options.output is None:
        raise UsageError("no place for the results was given", hint="-o FOLDER, or -o NAME.cbz for one archive")
    if options.output == STREAM:
        raise UsageError("an archive cannot go to stdout", hint="-o FOLDER, or -o NAME.cbz for one archive")
    output = Path(options.output)
    if output.suffix.lower() in ARCHIVE_EXTENSIONS and not options.output.endswith(os.sep):
        if count > 1:
            raise UsageError("one output file takes one archive", source=options.output, hint="-o FOLDER takes more")
        return output
    if output.suffix and not output.is_dir() and not options.output.endswith(os.sep):
        raise UsageError("an archive becomes an archive", source=options.output, hint="name it .cbz or .zip")
    return output / place


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be made: {error.strerror}", source=str(folder)) from error
