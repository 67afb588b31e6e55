"""The programs that decode VVC: where they are looked for, and how each is told what to do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from enhance.errors import UsageError

DecoderName = Literal["vtm", "vvdec", "ffmpeg"]
DecoderChoice = Literal["auto", "vtm", "vvdec", "ffmpeg"]

CHOICES: tuple[DecoderChoice, ...] = get_args(DecoderChoice)
DEFAULT_VARIABLE = "ENHANCE_VVC_DECODER"
"""Environment variable with the decoder to take where none is asked for."""

Y4M_DEPTHS = (8, 9, 10, 12)
"""What VTM has names for in y4m; it writes other depths raw."""

_CHECKOUT = Path(__file__).resolve().parents[3]
_BUILT_IN = "the ffmpeg of imageio-ffmpeg is built in: --decoder ffmpeg"


@dataclass(frozen=True)
class ExternalDecoder:
    """A program that decodes VVC.

    Attributes:
        name: as users name it.
        title: for messages.
        programs: names under which it is looked for.
        variable: environment variable with its path.
        folder: where in a checkout of this project it may lie, seen from its top.
        writes_file: it writes its frames into a file that it is given the name of, and its log on stdout and stderr;
            otherwise frames go to stdout and the log to stderr.
        writes_y4m: that file is y4m if its name ends so, otherwise frames are raw.
        prints_qp: its log has the pictures' slice QPs.
        max_depth: most bits per sample that it decodes.
        takes_layers: it decodes the base layer of streams that have several.
        takes_sizes: pictures of several sizes come one after the other, each in its own.
        complaint: a line of its log that says that a picture is damaged, where the exit status may not say so.
        arguments: from the bitstream and the name of that file.
    """

    name: DecoderName
    title: str
    programs: tuple[str, ...]
    variable: str
    folder: str | None
    writes_file: bool
    writes_y4m: bool
    prints_qp: bool
    max_depth: int
    takes_layers: bool
    takes_sizes: bool
    complaint: re.Pattern[str] | None
    arguments: Callable[[Path, Path], list[str]]

    def find(self, path: str | os.PathLike[str] | None = None) -> Path | None:
        """The program, or None if it is nowhere.

        Args:
            path: where it is, instead of all other places: the program, or a folder that holds it.

        Raises:
            UsageError: it is not at `path`, or not where the environment variable says.
        """
        for said, where in ((path, "--" + self.name), (os.environ.get(self.variable), self.variable)):
            if said:
                return self._at(Path(said).expanduser(), where)
        in_folder = (_CHECKOUT / self.folder / program for program in self.programs) if self.folder else ()
        on_path = (shutil.which(program) for program in self.programs)
        found = next((place for place in in_folder if _is_program(place)), None)
        return found or next((Path(place) for place in on_path if place), None)

    def places(self) -> str:
        """In words, where it is looked for."""
        folder = [f"in {_CHECKOUT / self.folder}"] if self.folder else []
        named = " or ".join(self.programs)
        return ", ".join([f"the variable {self.variable}", *folder, f"{named} on the PATH"])

    def _at(self, place: Path, where: str) -> Path:
        for candidate in (place, *(place / program for program in self.programs)):
            if _is_program(candidate):
                return candidate.resolve()
        what = "no program" if place.exists() else "no such file"
        raise UsageError(f"{where}: {what}", source=str(place), hint=f"give the path of {self.programs[0]}")


def _vtm_arguments(bitstream: Path, output: Path) -> list[str]:
    return ["-b", str(bitstream), "-o", str(output), "-d", "0"]


def _vvdec_arguments(bitstream: Path, output: Path) -> list[str]:
    # -v 4: the level at which the pictures' QPs are printed. Film grain is no part of the decoded picture.
    return ["-b", str(bitstream), "-o", "-", "-v", "4", "-fg", "0"]


def _ffmpeg_arguments(bitstream: Path, output: Path) -> list[str]:
    # -xerror: otherwise a damaged picture is shown and the exit status is 0.
    return [
        *("-hide_banner", "-nostdin", "-v", "error", "-xerror", "-f", "vvc", "-i", f"file:{bitstream}"),
        *("-map", "0:v:0", "-fps_mode", "passthrough", "-noautoscale", "-f", "rawvideo", "-"),
    ]


def trace_arguments(bitstream: Path) -> list[str]:
    """Makes ffmpeg print the syntax elements of a stream's headers on stderr."""
    return [
        *("-hide_banner", "-nostdin", "-nostats", "-v", "repeat+info", "-f", "vvc", "-i", f"file:{bitstream}"),
        *("-map", "0:v:0", "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"),
    ]


VTM = ExternalDecoder(
    name="vtm",
    title="VTM's DecoderApp",
    programs=("DecoderApp", "DecoderAppStatic"),
    variable="ENHANCE_VTM",
    folder="third_party/vtm/bin",
    writes_file=True,
    writes_y4m=True,
    prints_qp=True,
    max_depth=16,
    takes_layers=False,
    takes_sizes=False,
    complaint=None,
    arguments=_vtm_arguments,
)
VVDEC = ExternalDecoder(
    name="vvdec",
    title="vvdecapp",
    programs=("vvdecapp",),
    variable="ENHANCE_VVDEC",
    folder=None,
    writes_file=False,
    writes_y4m=False,
    prints_qp=True,
    max_depth=10,
    takes_layers=False,
    takes_sizes=False,
    complaint=re.compile(r"\bERROR\b"),
    arguments=_vvdec_arguments,
)
FFMPEG = ExternalDecoder(
    name="ffmpeg",
    title="ffmpeg",
    programs=("ffmpeg",),
    variable="IMAGEIO_FFMPEG_EXE",  # imageio-ffmpeg's own
    folder=None,
    writes_file=False,
    writes_y4m=False,
    prints_qp=False,
    max_depth=12,
    takes_layers=True,
    takes_sizes=True,
    complaint=re.compile(r"\[vvc @"),  # the parser's errors, which leave out a picture
    arguments=_ffmpeg_arguments,
)


def choose_decoder(
    choice: str | None = None,
    *,
    vtm: str | os.PathLike[str] | None = None,
    suits: Callable[[ExternalDecoder], bool] = lambda decoder: True,
) -> tuple[ExternalDecoder, Path]:
    """The decoder to run, and its program.

    Args:
        choice: "vtm", "vvdec", "ffmpeg", or "auto": the first of these that is there and suits, otherwise ffmpeg.
            None: what the environment variable `DEFAULT_VARIABLE` says, otherwise "auto".
        vtm: path of VTM's DecoderApp.
        suits: whether a decoder can decode the stream.

    Raises:
        UsageError: there is no such decoder, or it is not found.
    """
    wanted = choice or os.environ.get(DEFAULT_VARIABLE) or "auto"
    if wanted not in CHOICES:
        raise UsageError(f"decoder must be one of {', '.join(CHOICES)}, not {wanted!r}")
    for decoder, path in ((VTM, vtm), (VVDEC, None)):
        is_meant = wanted == decoder.name or (wanted == "auto" and suits(decoder))
        if is_meant and (program := decoder.find(path)):
            return decoder, program
        if wanted == decoder.name:
            reason = f"{decoder.title} was not found; looked for: {decoder.places()}"
            raise UsageError(reason, hint=_BUILT_IN)
    return FFMPEG, find_ffmpeg()


def find_ffmpeg() -> Path:
    """The ffmpeg that imageio-ffmpeg brings.

    Raises:
        UsageError: there is none for this machine.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    try:
        return Path(get_ffmpeg_exe())
    except RuntimeError as error:
        hint = "install imageio-ffmpeg for this machine, or name an ffmpeg 8 or newer in IMAGEIO_FFMPEG_EXE"
        raise UsageError("imageio-ffmpeg has no ffmpeg here", hint=hint) from error


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
