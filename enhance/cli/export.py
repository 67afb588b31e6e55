"""Writes a model as an ONNX file, with sizes and batch open, and what the model is told in its metadata."""

from __future__ import annotations

import argparse
from pathlib import Path

from enhance.cli.console import say
from enhance.errors import OutputError, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance export` understands."""
    parser.add_argument("output", metavar="OUT.onnx", help="the file to write")
    parser.add_argument("--model", metavar="PATH", help="a checkpoint of your own instead of one that ships")
    parser.add_argument("--codec", default="jpeg", help="whose shipped model: jpeg (the default) or vvc")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def main(options: argparse.Namespace) -> int:
    """Writes the file. Returns the exit status."""
    output = Path(options.output)
    if output.suffix.lower() != ".onnx":
        raise UsageError("an ONNX file is called .onnx", source=options.output)
    if output.exists() and not options.force:
        raise OutputError("exists", source=options.output, hint="--force replaces it")

    from enhance.backends.onnx_file import export
    from enhance.enhancer import shipped_model
    from enhance.models.checkpoint import load_checkpoint
    from enhance.system.atomic_file import atomic_file

    checkpoint = load_checkpoint(options.model or shipped_model(options.codec))
    content = export(checkpoint)
    with atomic_file(output, overwrite=options.force) as file:
        file.write(content)
    say(f"{output}: {checkpoint.codec} model {checkpoint.name}, {len(content) / 1e6:.1f} MB")
    return 0
