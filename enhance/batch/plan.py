"""What a call of `enhance run` will do: which inputs there are, and where each result goes.

Everything that can be refused is refused here, before any work is done:

- An output that is one of the inputs (by name, symbolic or hard link) is never written: that input fails.
- Two inputs that would write one output fail, each naming the other. The same file named twice is done once.
- Outputs that exist are refused, unless they are to be skipped (`--resume`: those that are whole) or replaced
  (`--force`).

(`os.path` and not `Path` asks what exists: it takes names that are too long for the disk for missing ones.)

Folders are walked in the order of names. Of their files, those are taken that a decoder recognises by their first bytes
or that carry an extension of a known codec (a text file called .jpg is a failure to report, not a file to pass over;
but .bin and .bit may be anything, there only the first bytes count);
hidden files and the output folder are not looked at. A file named explicitly is always taken. What is passed over is
told with its reason.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from enhance.codecs.decoder import HEAD_SIZE, Decoder
from enhance.codecs.reading import IS_URL, is_special
from enhance.codecs.registry import find_decoder, known_extensions
from enhance.errors import DecodeError, EnhanceError, OutputError, UsageError, is_url
from enhance.images import EnhancementRecord
from enhance.output.encoders import OutputFormat
from enhance.output.wholeness import judge

STREAM = "-"
_AMBIGUOUS = {".bin", ".bit"}
_UNKNOWN = "no picture of a known kind"
_ARCHIVE = "an archive, whose pages are enhanced if it is named itself"
_UNREADABLE = "cannot be read, and its name is no picture's of a known kind"
PICTURE_EXTENSIONS = {
    ".avif", ".bmp", ".exr", ".gif", ".heic", ".heif", ".j2k", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".pbm", ".pgm",
    ".png", ".pnm", ".ppm", ".psd", ".svg", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip
"""Lower-case extensions, with their dot, that pictures have, of kinds that are handled and of others."""
ARCHIVE_EXTENSIONS = {".cbz", ".zip"}
Existing = Literal["refuse", "skip", "replace"]
Status = Literal["done", "skipped", "failed", "not started"]


@dataclass(frozen=True)
class Job:
    """One input and the place of its result; "-" stands for stdin and stdout.

    Attributes:
        replaces: what lies at `output` is to be replaced, because it is not whole.
    """

    input: str
    output: str
    replaces: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        status: "skipped" because the output exists; "not started" because the batch had to end before.
        input: as named, or as found in a folder.
        output: None if no place was found for it.
        pixels: height times width.
        record: what was done.
        error: why it failed.
    """

    status: Status
    input: str
    output: str | None = None
    pixels: int = 0
    record: EnhancementRecord | None = None
    error: EnhanceError | None = None

    def describe(self) -> dict[str, Any]:
        """One line of `--json`, as plain values."""
        return {
            "status": self.status,
            "input": self.input,
            "output": self.output,
            "record": None if self.record is None else vars(self.record),
            "error": None if self.error is None else str(self.error),
        }


@dataclass(frozen=True)
class PassedOver:
    """Something in a folder that is no input, and why: "hidden", for example."""

    name: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """The work of one call: what is to be enhanced, and what needs no work.

    Attributes:
        jobs: in order.
        settled: inputs that need no work: failures that show already, and, with `skip`, finished ones.
        passed_over: what is in the folders besides.
    """

    jobs: tuple[Job, ...]
    settled: tuple[Outcome, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


def plan_batch(
    inputs: Sequence[str],
    out: str,
    *,
    listed: Sequence[str] = (),
    extension: str,
    out_is_file: bool = False,
    recursive: bool = False,
    existing: Existing = "refuse",
    decoders: Sequence[Decoder] | None = None,
) -> Plan:
    """Finds the inputs and the places of their results.

    Args:
        inputs: files, folders, patterns, or "-" for stdin.
        out: the output file, or the folder under which the results go, or "-" for stdout.
        listed: further files, whose results keep the folders that their names say; never patterns.
        extension: of the results in a folder, with its dot.
        out_is_file: `out` names the one result. "-" always does.
        recursive: walk folders to the bottom, and mirror the tree.
        existing: what to do about outputs that exist.
        decoders: whose files are looked for in folders; all codecs' by default.

    Raises:
        UsageError: see the module's docstring; or `out` cannot hold what is asked for.
    """
    walk = _Walk(out, recursive, decoders)
    found = [pair for name in inputs for pair in walk.find(name)]
    found += [pair for name in listed for pair in walk.listed(name)]
    if out_is_file or out == STREAM:
        names = [name for name in [*inputs, *listed] if name != STREAM]  # of which there may be a folder
        if len(found) + len(walk.failures) != 1 or any(map(os.path.isdir, names)):
            raise UsageError("one output file takes one input file", source=out, hint="-o FOLDER takes more")
        jobs = [Job(found[0][0], out)] if found else []
    else:
        if os.path.lexists(out) and not os.path.isdir(out):
            raise UsageError("is a file, not a folder", source=out, hint="name a folder with -o")
        jobs = [Job(name, str(Path(out, _renamed(place, extension)))) for name, place in found]
    jobs, clashing = _without_collisions(jobs)
    jobs, dangerous = _without_inputs_as_outputs(jobs)
    jobs, finished = _without_existing(jobs, existing)
    return Plan(tuple(jobs), (*walk.failures, *clashing, *dangerous, *finished), tuple(walk.passed_over))


class _Walk:
    """Collects inputs; what cannot be taken goes to `failures`."""

    def __init__(self, out: str, recursive: bool, decoders: Sequence[Decoder] | None) -> None:
        self.out = out
        self.decoders = decoders
        self.extensions = known_extensions(decoders)
        self.recursive = recursive
        self.failures: list[Outcome] = []
        self.passed_over: list[PassedOver] = []

    def find(self, name: str) -> Iterator[tuple[str, str]]:
        """The files behind one argument, each with its place relative to the output folder."""
        if is_url(name) and not os.path.lexists(name):
            self._fail(name, DecodeError("is an address, not a file", source=name, hint=IS_URL))
            return
        if name == STREAM or not glob.has_magic(name) or os.path.lexists(name):
            yield from self._argument(name)
            return
        matches = sorted(glob.glob(name, recursive=True))
        if not matches:
            self._fail(name, DecodeError("no file matches", source=name, hint="check the pattern"))
        for match in matches:
            yield from self._argument(match)

    def listed(self, name: str) -> Iterator[tuple[str, str]]:
        """The file behind a name of a list; its place is the name itself, if that does not lead out of the folder."""
        if not os.path.lexists(name):
            self._fail(name, DecodeError("no such file", source=name, hint="check the list"))
        elif os.path.isdir(name):
            self._fail(name, DecodeError("is a folder, and lists hold files", source=name, hint="name it as an input"))
        else:
            yield name, listed_place(name)

    def _argument(self, name: str) -> Iterator[tuple[str, str]]:
        if name == STREAM:
            yield name, "stdin"
        elif os.path.isdir(name):
            before = len(self.failures)
            files = list(self._folder(name))
            if not files and len(self.failures) == before:
                hint = self._way_out_of(name)
                self._fail(name, DecodeError("holds no picture of a known kind", source=name, hint=hint))
            yield from files
        elif os.path.lexists(name):
            yield name, Path(name).name
        else:
            self._fail(name, DecodeError("no such file or folder", source=name, hint="check the path"))

    def _way_out_of(self, folder: str) -> str:
        """What to do about a folder without pictures."""
        below = os.path.join(folder, "")
        archives = [it.name for it in self.passed_over if it.reason == _ARCHIVE and it.name.startswith(below)]
        if archives:
            return f"its archives are taken if they are named: enhance run {archives[0]} -o FOLDER"
        deeper = "" if self.recursive else "-r looks into the folders below it; "
        return f"{deeper}known are {', '.join(self.extensions)}"

    def _folder(self, top: str) -> Iterator[tuple[str, str]]:
        for folder, below, names in os.walk(top, onerror=self._unreadable):
            below[:] = [name for name in sorted(below) if self._is_walked(os.path.join(folder, name))]
            if not self.recursive:
                for name in below:
                    self._pass_over(os.path.join(folder, name), "a subfolder, -r takes it")
                below.clear()
            for name in sorted(names):
                path = os.path.join(folder, name)
                reason = "hidden" if name.startswith(".") else self._obstacle(path)
                if reason is None:
                    yield path, os.path.relpath(path, top)
                else:
                    self._pass_over(path, reason)

    def _is_walked(self, folder: str) -> bool:
        if Path(folder).name.startswith("."):
            self._pass_over(folder, "hidden")
            return False
        return not (os.path.exists(self.out) and os.path.samefile(folder, self.out))

    def _obstacle(self, path: str) -> str | None:
        """Why a file in a folder is no input; None: it is one, or will tell the reason when it is read."""
        try:
            special = is_special(path)
            if special is not None:  # reading a named pipe would wait
                return special
            if self._has_known_name(path):
                return None
            with Path(path).open("rb") as file:
                is_known = find_decoder(file.read(HEAD_SIZE), self.decoders) is not None
            is_archive = Path(path).suffix.lower() in ARCHIVE_EXTENSIONS
            return None if is_known else _ARCHIVE if is_archive else _UNKNOWN
        except OSError:  # whether it is one of ours shows in its name only
            return None if self._has_known_name(path) else _UNREADABLE

    def _has_known_name(self, path: str) -> bool:
        extension = Path(path).suffix.lower()
        return extension in self.extensions and extension not in _AMBIGUOUS

    def _unreadable(self, error: OSError) -> None:
        reason = f"the folder cannot be read: {error.strerror}"
        self._fail(str(error.filename), DecodeError(reason, source=str(error.filename), hint="check its permissions"))

    def _pass_over(self, name: str, reason: str) -> None:
        self.passed_over.append(PassedOver(name, reason))

    def _fail(self, name: str, error: EnhanceError) -> None:
        self.failures.append(Outcome("failed", name, error=error))


def listed_place(name: str) -> str:
    """Where the result of a name of a list goes below the output folder: the name, if it does not lead out of there."""
    place = os.path.normpath(name)
    leads_out = os.path.isabs(place) or place.startswith("..")
    return Path(name).name if leads_out else place


def _renamed(place: str, extension: str) -> str:
    """The result's name: a picture's extension, even a wrong one, is replaced; anything else is part of the name."""
    stem, suffix = os.path.splitext(place)
    return (stem if suffix.lower() in (*known_extensions(), *PICTURE_EXTENSIONS) else place) + extension


def _without_collisions(jobs: list[Job]) -> tuple[list[Job], list[Outcome]]:
    """The jobs that alone have their output, and the failures of those that would share one."""
    sharing: dict[str, list[Job]] = {}
    for job in jobs:
        others = sharing.setdefault(os.path.abspath(job.output), [])
        if not any(_same_file(job.input, other.input) for other in others):
            others.append(job)
    return [group[0] for group in sharing.values() if len(group) == 1], [
        Outcome("failed", job.input, job.output, error=_collision(job, group))
        for group in sharing.values()
        if len(group) > 1
        for job in group
    ]


def _collision(job: Job, group: list[Job]) -> UsageError:
    other = next(other for other in group if other is not job)
    reason = f"it and {other.input} would both become {job.output}"
    return UsageError(reason, source=job.input, hint="give them different output folders, or rename one")


def _same_file(one: str, other: str) -> bool:
    try:
        return one == other or Path(one).samefile(other)
    except OSError:
        return False


def _without_inputs_as_outputs(jobs: list[Job]) -> tuple[list[Job], list[Outcome]]:
    """The jobs that write over no input, and the failures of the others."""
    identities = {identity: job.input for job in jobs if (identity := _identity(job.input))}
    safe, settled = [], []
    for job in jobs:
        victim = identities.get(_identity(job.output) or (-1, -1))
        if victim is None:
            safe.append(job)
            continue
        reason = f"the result would replace the input {victim}"
        error = UsageError(reason, source=job.output, hint="inputs are never written to; name another output")
        settled.append(Outcome("failed", job.input, job.output, error=error))
    return safe, settled


def _identity(name: str) -> tuple[int, int] | None:
    """Device and inode of a regular file, whatever it is called; None where there is none."""
    try:
        status = None if name == STREAM else Path(name).stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status is not None and stat.S_ISREG(status.st_mode) else None


def _without_existing(jobs: list[Job], existing: Existing) -> tuple[list[Job], list[Outcome]]:
    wanted, settled, present = [], [], []
    for job in jobs:
        if job.output == STREAM or not os.path.lexists(job.output):
            wanted.append(job)
        elif os.path.isdir(job.output):
            error = OutputError("a folder is in the place of the result", source=job.output, hint="move it away")
            settled.append(Outcome("failed", job.input, job.output, error=error))
        elif existing == "skip":
            state = judge(job.output, OutputFormat.from_path(job.output))
            if state == "whole":
                settled.append(Outcome("skipped", job.input, job.output))
            elif state == "cut":
                wanted.append(replace(job, replaces=True))
            else:
                reason, hint = "what is in the place of the result is none", "move it away, or --force replaces it"
                error = OutputError(reason, source=job.output, hint=hint)
                settled.append(Outcome("failed", job.input, job.output, error=error))
        else:
            wanted.append(job)
            present.append(job.output)
    if present and existing == "refuse":
        more = f", and so do {len(present) - 1} more" if len(present) > 1 else ""
        hint = "--resume keeps what is finished and does the rest, --force replaces it"
        raise UsageError(f"exists already{more}", source=present[0], hint=hint)
    return wanted, settled
