"""Codes a picture with a codec that can, at a rate of its own: the originals of what `enhance run` takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enhance.cli.console import say
from enhance.cli.options import add_limit_arguments, chosen_limits
from enhance.errors import OutputError, UsageError

if TYPE_CHECKING:
    from enhance.codecs.codec import RateEncoder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance encode` understands."""
    parser.add_argument("picture", metavar="PICTURE", help="a PNG, WebP, BMP or TIFF file, or one that enhance decodes")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="its name says the codec: .msh, say")
    parser.add_argument("--rate", type=int, required=True, help="of the codec: 1..8 for .msh, 1 is the smallest file")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    add_limit_arguments(parser.add_argument_group("limits: what an input may be at most"))


def main(options: argparse.Namespace) -> int:
    """Writes the file. Returns the exit status."""
    output = Path(options.output)
    if output.exists() and not options.force:
        raise OutputError("exists", source=options.output, hint="--force replaces it")
    encoder = _encoder(output)

    from enhance.codecs.registry import decode, make_decoders
    from enhance.frames.depth import to_dtype
    from enhance.system.atomic_file import atomic_file

    picture = decode(options.picture, limits=chosen_limits(options), decoders=make_decoders(pixels=True))
    content = encoder.encode(to_dtype(picture.pixels, np.uint8), options.rate)
    with atomic_file(output, overwrite=options.force) as file:
        file.write(content)
    bits = 8 * len(content) / (picture.width * picture.height)
    say(f"{output}: {len(content)} bytes, {bits:.4f} bits per pixel")
    return 0


def _encoder(output: Path) -> RateEncoder:
    """That of the codec whose files are called so. Raises UsageError where there is none."""
    from enhance.codecs.registry import all_codecs, codec_of_name, usual_extension

    encoders = {codec.name: codec.encoder for codec in all_codecs() if codec.encoder is not None}
    found = encoders.get(codec_of_name(output.name) or "")
    if found is None:
        known = ", ".join(usual_extension(name) for name in encoders) or "none is installed"
        raise UsageError("no encoder for files of that name", source=str(output), hint=f"there are: {known}")
    return found
