"""Shows versions, device, decoders and weights, so that a problem report can start with facts."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance import __version__
from enhance.cli.console import require_stdout, say
from enhance.errors import EnhanceError, WeightsError, one_line

if TYPE_CHECKING:
    from enhance.codecs.vvc.programs import ExternalDecoder

_At = Callable[[str, object], str]
"""A fact, and where it was found or looked for -> what is told of it."""

_PATIENCE = 30  # seconds
_PACKAGES = ("torch", "numpy", "pillow", "jpeglib", "safetensors", "imageio-ffmpeg", "tqdm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance doctor` understands."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def main(options: argparse.Namespace) -> int:
    """Prints the report on stdout. Returns 3 if the weights are missing or damaged."""
    require_stdout()
    report = examine()
    if options.json:
        print(json.dumps(report))
    else:
        for topic, facts in report.items():
            print(topic)
            for name, value in facts.items():
                print(f"  {name:28} {one_line(value)}")
    problems = [str(value) for value in report["weights"].values() if "sha256" not in str(value)]
    for problem in problems:
        say(f"error: {problem}")
    return WeightsError.exit_code if problems else 0


def examine(*, with_places: bool = True) -> dict[str, dict[str, Any]]:
    """What this machine and this installation have, as plain JSON values.

    Args:
        with_places: also where programs are; False for a record that others will read.
    """

    def at(fact: str, place: object) -> str:
        return f"{fact} ({place})" if with_places else fact

    return {
        "versions": _versions(at),
        "machine": _machine(),
        "decoders": _decoders(at),
        "weights": _weights(),
    }


def _versions(at: _At) -> dict[str, Any]:
    found = {"enhance": __version__, "python": at(platform.python_version(), sys.executable)}
    return found | {name: _or_reason(partial(importlib.metadata.version, name)) for name in _PACKAGES}


def _machine() -> dict[str, Any]:
    import torch

    from enhance.runtime import select_device, select_dtype
    from enhance.system.arithmetic import convolution_seconds
    from enhance.system.memory import free_memory

    device = select_device("auto")
    times = ", ".join(f"{1000 * seconds:.2f} ms in {dtype}" for dtype, seconds in convolution_seconds().items())
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "system": platform.platform(),
        "device": f"{device} ({name})",
        "dtype": str(select_dtype("auto", device)).removeprefix("torch."),
        "a convolution takes": f"{times} on the CPU",
        "threads": torch.get_num_threads(),
        "free memory": f"{free_memory(device) / 2**30:.1f} GiB",
    }


def _decoders(at: _At) -> dict[str, Any]:
    from enhance.codecs.registry import added_codecs, all_decoders
    from enhance.codecs.vvc.programs import VTM, VVDEC, choose_decoder

    found = {f"codec {decoder.name}": " ".join(decoder.extensions) for decoder in all_decoders()}
    found |= {f"codec {name}": f"left out: {problem}" for name, problem in added_codecs()[1].items()}
    found |= {"libjpeg (Pillow)": _or_reason(_libjpeg)}
    found |= {decoder.title: _or_reason(partial(_external, decoder, at)) for decoder in (VTM, VVDEC)}
    found |= {"ffmpeg (imageio-ffmpeg)": _or_reason(partial(_ffmpeg, at))}
    return found | {"VVC is decoded by": _or_reason(lambda: choose_decoder()[0].title)}


def _libjpeg() -> str:
    from PIL import features

    turbo = features.version_feature("libjpeg_turbo")
    return f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version_codec('jpg')}"


def _external(decoder: ExternalDecoder, at: _At) -> str:
    program = decoder.find()
    if program is None:
        return at("not found", f"looked for: {decoder.places()}")
    # VTM says its version before it complains about the option.
    said = _output(program, "--version")
    version = re.search(r"[Vv]ersion\s+(\S+)", said)
    return at(version[1] if version else "of unknown version", program)


def _ffmpeg(at: _At) -> str:
    from enhance.codecs.vvc.programs import find_ffmpeg

    program = find_ffmpeg()
    version = _output(program, "-version").split()[2:3] or ["of unknown version"]
    flags = re.search(r"^ *(V\S{5}) vvc ", _output(program, "-hide_banner", "-decoders"), re.MULTILINE)
    if flags is None:
        vvc = "cannot decode VVC"
    else:
        vvc = "decodes VVC as an experiment only, too old" if "X" in flags[1] else "decodes VVC"
    return at(f"{version[0]}, {vvc}", program)


def _output(program: Path, *arguments: str) -> str:
    """What a program prints, stdout first."""
    run = subprocess.run([program, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE)
    return (run.stdout + run.stderr).decode(errors="replace")


def _weights() -> dict[str, Any]:
    from enhance.codecs.registry import all_codecs
    from enhance.enhancer import WEIGHTS
    from enhance.models.checkpoint import load_checkpoint

    def check(path: Path) -> str:
        checkpoint = load_checkpoint(path)
        return f"{checkpoint.codec}, {path.stat().st_size / 2**20:.1f} MiB, sha256 {checkpoint.sha256}"

    needed = {WEIGHTS / codec.weights for codec in all_codecs() if codec.weights is not None}
    files = sorted(needed.union(WEIGHTS.glob("*.safetensors")))
    return {path.name: _or_reason(partial(check, path)) for path in files}


def _or_reason(question: Callable[[], str]) -> str:
    """The answer, or why there is none: a report about a broken installation must not break."""
    try:
        return question()
    except EnhanceError as error:
        return str(error)
    except Exception as error:
        return f"not available: {error}"
