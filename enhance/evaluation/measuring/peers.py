"""Other programs, run beside ours on the same files: any that turns a coded file into a PNG."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.codecs.registry import usual_extension
from enhance.errors import EnhanceError, UsageError, describe_status, one_line

TIME_LIMIT = 600.0
"""Seconds for one picture."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


class PeerError(EnhanceError):
    """A peer gave no picture for a file: it failed, took too long, or wrote something else."""


@dataclass(frozen=True)
class Peer:
    """A program to compare with.

    Attributes:
        name: as it appears in tables.
        command: program and arguments, "{in}" and "{out}" in them standing for the files; no shell is involved.
        time_limit: seconds for one picture.
    """

    name: str
    command: tuple[str, ...]
    time_limit: float = TIME_LIMIT

    @classmethod
    def parse(cls, text: str, time_limit: float = TIME_LIMIT) -> Peer:
        """A peer from "name=program --option {in} {out}", quoted as for a shell.

        Raises:
            UsageError: the name, a file's place or the program is missing.
        """
        name, _, line = text.partition("=")
        hint = "--peer 'name=program {in} {out}'"
        try:
            command = tuple(shlex.split(line))
        except ValueError as error:
            raise UsageError(f"the peer {text!r} cannot be read: {error}", hint=hint) from error
        if not _NAME.fullmatch(name) or not command:
            raise UsageError(f"the peer {text!r} has no name or no command", hint=hint)
        if not all(any(place in word for word in command) for place in ("{in}", "{out}")):
            raise UsageError(f"the command of peer {name!r} must name {{in}} and {{out}}", hint=hint)
        if shutil.which(command[0]) is None:
            raise UsageError(f"the program of peer {name!r} was not found: {command[0]}", hint="give its whole path")
        return cls(name, command, time_limit)

    def restore(self, stream: bytes, codec: str, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], float]:
        """What the program makes of a coded picture.

        Args:
            stream: the coded file.
            codec: its name, for the suffix of the file's name.
            shape: [H, W, 3] or [H, W], which the result must have; gray and colour are converted to each other.

        Returns:
            the picture, and the wall time of the program in seconds, its start included.

        Raises:
            PeerError: it gave no such picture.
        """
        with TemporaryDirectory(prefix="enhance-peer-") as folder:
            coded, restored = Path(folder, f"in{usual_extension(codec)}"), Path(folder, "out.png")
            coded.write_bytes(stream)
            places = {"{in}": str(coded), "{out}": str(restored)}
            command = [_fill(word, places) for word in self.command]
            started = time.perf_counter()
            self._run(command, Path(folder, "log"))
            seconds = time.perf_counter() - started
            return self._read(restored, shape), seconds

    def _run(self, command: list[str], log: Path) -> None:
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
            except OSError as error:
                raise PeerError(f"{self.name} cannot be started: {error.strerror}", source=command[0]) from error
            try:
                status = process.wait(self.time_limit)
            except subprocess.TimeoutExpired as error:
                raise PeerError(f"{self.name} has not finished within {self.time_limit:g} seconds") from error
            finally:
                _end(process)
        if status:
            raise PeerError(f"{self.name} {describe_status(status)}{_last_line(log)}")

    def _read(self, path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        try:
            with Image.open(path) as image:
                pixels = np.array(image.convert("L" if len(shape) == 2 else "RGB"))
        except FileNotFoundError as error:
            raise PeerError(f"{self.name} ended well, but wrote no {{out}}") from error
        except (OSError, SyntaxError, ValueError) as error:  # Pillow raises all of them for damaged files
            raise PeerError(f"{self.name} wrote something that is no picture: {error}") from error
        if pixels.shape != shape:
            sizes = " and not ".join(f"{size[1]}x{size[0]}" for size in (pixels.shape, shape))
            raise PeerError(f"{self.name} wrote a picture of {sizes} pixels")
        return pixels


def _fill(word: str, places: dict[str, str]) -> str:
    for place, path in places.items():
        word = word.replace(place, path)
    return word


def _end(process: subprocess.Popen[Any]) -> None:
    """Kills a program that still runs, and what it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return f": {one_line(lines[-1])}" if lines else ""
