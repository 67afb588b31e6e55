"""Shows how files were compressed, and what `enhance run` would do with them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from enhance.cli.console import require_stdout, say
from enhance.cli.options import (
    add_colour_arguments,
    add_damage_arguments,
    add_decoder_arguments,
    add_limit_arguments,
    check_decoder,
    chosen_decoders,
    chosen_limits,
)
from enhance.errors import EnhanceError, one_line
from enhance.knobs import DEFAULT_MODE
from enhance.system.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from enhance.codecs.decoder import Decoder
    from enhance.images import InspectedImage, Metadata


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance info` understands."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="JPEG and VVC files; - reads stdin")
    parser.add_argument("--json", action="store_true", help="one JSON line per file")
    vvc = parser.add_argument_group("VVC")
    add_decoder_arguments(vvc)
    add_colour_arguments(vvc)
    add_damage_arguments(parser.add_argument_group("damaged files"))
    add_limit_arguments(parser.add_argument_group("limits: what an input may be at most"))


def main(options: argparse.Namespace) -> int:
    """Prints the facts on stdout. Returns the exit status: 1 if a file could not be read."""
    require_stdout()
    check_decoder(options)
    decoders = chosen_decoders(options)
    failed = 0
    for index, name in enumerate(options.files):
        try:
            facts = describe_file(name, decoders, chosen_limits(options))
        except EnhanceError as error:
            failed = error.exit_code
            say(f"error: {error}")
            if options.json:
                print(json.dumps({"file": name, "error": str(error)}))
            continue
        if options.json:
            print(json.dumps(facts))
        else:
            print("\n" * (index > 0) + "\n".join(_lines(facts)))
    return failed


def describe_file(
    name: str, decoders: Sequence[Decoder] | None = None, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """The facts about a file as plain JSON values; a JPEG is read to its end, so that damage shows, but not decoded.

    Args:
        name: a path, or "-" for stdin.
        decoders, limits: as in `enhance.codecs.registry.decode`.

    Raises:
        DecodeError, UnsupportedImageError: as `enhance.codecs.registry.decode`.
    """
    from enhance.batch.pipeline import inspect_input

    return describe_picture(inspect_input(name, limits, decoders))


def describe_picture(inspected: InspectedImage) -> dict[str, Any]:
    """The facts about a file that was inspected or decoded, as plain JSON values."""
    return {
        "file": inspected.source,
        "codec": inspected.rate.codec,
        "width": inspected.width,
        "height": inspected.height,
        **inspected.rate.describe(),
        **inspected.details,
        "metadata": _metadata(inspected.metadata),
        "consistent": inspected.is_consistent,
        "plan": _plan(inspected),
        "notes": list(inspected.notes),
    }


def _metadata(metadata: Metadata) -> dict[str, Any]:
    blocks = ("exif", "icc_profile", "xmp", "comment")
    sizes: dict[str, Any] = {f"{name}_bytes": len(block) for name in blocks if (block := getattr(metadata, name))}
    if metadata.dpi:
        sizes["dpi"] = list(metadata.dpi)
    return {**sizes, "orientation": metadata.orientation}


def _plan(inspected: InspectedImage) -> str:
    kind = "gray" if inspected.is_gray else "RGB"
    facts = inspected.rate.describe().items()
    # A flag is said by its name, or not at all.
    rate = ", ".join(name if value is True else f"{name} {value}" for name, value in facts if value is not False)
    bound = "keep within what the file's coefficients allow" if inspected.is_consistent else "no bound from the file"
    size = f"{inspected.width}x{inspected.height}"
    return f"enhance {size} {kind} at {inspected.rate.codec} {rate}, {DEFAULT_MODE} mode; {bound}"


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [one_line(facts["file"])]
    for name, value in facts.items():
        if name in ("file", "notes") or value is None:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key.replace('_', ' ')} {part}" for key, part in value.items())
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        lines.append(f"  {name.replace('_', ' '):17} {one_line(value)}")
    return lines + [f"  {'note':17} {one_line(note)}" for note in facts["notes"]]
