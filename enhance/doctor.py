"""Shows versions, device, decoders and weights, so that a problem report can start with facts."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from enhance import __version__
from enhance.errors import EnhanceError, WeightsError

_PACKAGES = ("torch", "numpy", "pillow", "jpeglib", "safetensors", "imageio-ffmpeg", "tqdm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance doctor` understands."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def main(options: argparse.Namespace) -> int:
    """Prints the report on stdout. Returns 3 if the weights are missing or damaged."""
    report = examine()
    if options.json:
        print(json.dumps(report))
    else:
        for topic, facts in report.items():
            print(topic)
            for name, value in facts.items():
                print(f"  {name:28} {value}")
    problems = [str(value) for value in report["weights"].values() if "sha256" not in str(value)]
    for problem in problems:
        print(f"enhance: error: {problem}", file=sys.stderr)
    return WeightsError.exit_code if problems else 0


def examine() -> dict[str, dict[str, Any]]:
    """What this machine and this installation have, as plain JSON values."""
    return {
        "versions": _versions(),
        "machine": _machine(),
        "decoders": _decoders(),
        "weights": _weights(),
    }


def _versions() -> dict[str, Any]:
    found = {"enhance": __version__, "python": f"{platform.python_version()} ({sys.executable})"}
    return found | {name: _or_reason(partial(importlib.metadata.version, name)) for name in _PACKAGES}


def _machine() -> dict[str, Any]:
    import torch

    from enhance.runtime import free_memory, select_device, select_dtype

    device = select_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "system": platform.platform(),
        "device": f"{device} ({name})",
        "dtype": str(select_dtype("auto", device)).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "free memory": f"{free_memory(device) / 2**30:.1f} GiB",
    }


def _decoders() -> dict[str, Any]:
    from enhance.codecs.base import all_decoders

    found = {f"codec {decoder.name}": " ".join(decoder.extensions) for decoder in all_decoders()}
    return found | {"libjpeg (Pillow)": _or_reason(_libjpeg), "ffmpeg (imageio-ffmpeg)": _or_reason(_ffmpeg)}


def _libjpeg() -> str:
    from PIL import features

    turbo = features.version_feature("libjpeg_turbo")
    return f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version_codec('jpg')}"


def _ffmpeg() -> str:
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    run = subprocess.run([program, "-hide_banner", "-decoders"], capture_output=True, text=True, timeout=30, check=True)
    vvc = "decodes VVC" if " vvc " in run.stdout else "no VVC decoder"
    return f"{imageio_ffmpeg.get_ffmpeg_version()}, {vvc} ({program})"


def _weights() -> dict[str, Any]:
    from enhance.enhancer import WEIGHTS
    from enhance.models.checkpoint import load_checkpoint

    def check(path: Path) -> str:
        checkpoint = load_checkpoint(path)
        return f"{checkpoint.codec}, {path.stat().st_size / 2**20:.1f} MiB, sha256 {checkpoint.sha256}"

    files = sorted(WEIGHTS.glob("*.safetensors"))
    if not files:
        return {str(WEIGHTS): "the package holds no weights (install it again)"}
    return {path.name: _or_reason(partial(check, path)) for path in files}


def _or_reason(question: Callable[[], str]) -> str:
    """The answer, or why there is none: a report about a broken installation must not break."""
    try:
        return question()
    except EnhanceError as error:
        return str(error)
    except Exception as error:
        return f"not available: {error}"
