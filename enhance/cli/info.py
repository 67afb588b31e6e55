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
    from enhance.codecs.coding import Coding
    from enhance.codecs.decoder import Decoder
    from enhance.images import InspectedImage, Metadata


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance info` understands."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JPEG and VVC files, also PNG, WebP, BMP, TIFF; - reads stdin"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line per file")
    parser.add_argument(
        "--quality", choices=("auto", "file"), default="auto",
        help="auto: ask the pixels for an earlier coding, too; file: what the file says, without decoding a JPEG "
        "(default: %(default)s)",
    )  # fmt: skip
    vvc = parser.add_argument_group("VVC")
    add_decoder_arguments(vvc)
    add_colour_arguments(vvc)
    add_damage_arguments(parser.add_argument_group("damaged files"))
    add_limit_arguments(parser.add_argument_group("limits: what an input may be at most"))


def main(options: argparse.Namespace) -> int:
    """Prints the facts on stdout. Returns the exit status: 1 if a file could not be read."""
    require_stdout()
    check_decoder(options)
    decoders = chosen_decoders(options, pixels=True)
    failed = 0
    for index, name in enumerate(options.files):
        try:
            facts = describe_file(name, decoders, chosen_limits(options), ask_pixels=options.quality == "auto")
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
    name: str,
    decoders: Sequence[Decoder] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    ask_pixels: bool = True,
) -> dict[str, Any]:
    """The facts about a file as plain JSON values, with what its pixels tell of an earlier coding.

    Args:
        name: a path, or "-" for stdin.
        decoders, limits: as in `enhance.codecs.registry.decode`.
        ask_pixels: look for an earlier coding. Otherwise no pixels of a JPEG are decoded.

    Raises:
        DecodeError, UnsupportedImageError: as `enhance.codecs.registry.decode`.
    """
    from enhance.batch.pipeline import read_input
    from enhance.batch.plan import STREAM
    from enhance.codecs.registry import inspect

    source, data = "<stdin>" if name == STREAM else name, read_input(name, limits)
    inspected = inspect(data, source_name=source, limits=limits, decoders=decoders)
    coding, notes = _earlier_coding(inspected, data, limits, decoders) if ask_pixels else (None, ())
    return describe_picture(inspected, coding, notes, asked=ask_pixels)


def describe_picture(
    inspected: InspectedImage, coding: Coding | None = None, notes: tuple[str, ...] = (), *, asked: bool = True
) -> dict[str, Any]:
    """The facts about a file that was inspected or decoded, as plain JSON values.

    Args:
        coding: what its pixels told of an earlier coding.
        notes: besides its own.
        asked: whether they were asked.
    """
    return {
        "file": inspected.source,
        "codec": inspected.rate.codec,
        "width": inspected.width,
        "height": inspected.height,
        **inspected.rate.describe(),
        **inspected.details,
        "metadata": _metadata(inspected.metadata),
        "consistent": inspected.is_consistent,
        "found": None if coding is None else str(coding),
        "coding": None if coding is None else coding.describe(),
        "plan": _plan(inspected, coding, asked=asked),
        "notes": [*inspected.notes, *notes],
    }


def _earlier_coding(
    inspected: InspectedImage, data: bytes, limits: Limits, decoders: Sequence[Decoder] | None
) -> tuple[Coding | None, tuple[str, ...]]:
    """What the pixels tell of a coding before the file's own, and notes. Decodes the file if a codec can tell."""
    from enhance.codecs.earlier_coding import can_tell, find_earlier_coding
    from enhance.codecs.registry import decode

    if not can_tell(inspected.rate):
        return None, ()
    try:
        pixels = decode(data, source_name=inspected.source, limits=limits, decoders=decoders).pixels
    except EnhanceError as error:
        return None, (f"not asked for an earlier coding: {error.reason}",)
    return find_earlier_coding(pixels, inspected.rate), ()


def _metadata(metadata: Metadata) -> dict[str, Any]:
    blocks = ("exif", "icc_profile", "xmp", "comment")
    sizes: dict[str, Any] = {f"{name}_bytes": len(block) for name in blocks if (block := getattr(metadata, name))}
    if metadata.dpi:
        sizes["dpi"] = list(metadata.dpi)
    return {**sizes, "orientation": metadata.orientation}


def _plan(inspected: InspectedImage, coding: Coding | None, *, asked: bool) -> str:
    kind = "gray" if inspected.is_gray else "RGB"
    rate = inspected.rate if coding is None else coding.rate
    if coding is None and not rate.describe():
        reason = "the file does not tell how it was compressed"
        return f"leave it as it is: {reason}, and its pixels neither" if asked else f"{reason}: `--quality` does"
    if not _has_model(rate.codec):
        return f"leave it as it is: no model ships for {rate.codec}"
    facts = rate.describe().items()
    # A flag is said by its name, or not at all.
    words = ", ".join(name if value is True else f"{name} {value}" for name, value in facts if value is not False)
    is_bound = inspected.is_consistent and coding is None
    bound = "keep within what the file's coefficients allow" if is_bound else "no bound from the file"
    size = f"{inspected.width}x{inspected.height}"
    return f"enhance {size} {kind} at {rate.codec} {words}, {DEFAULT_MODE} mode; {bound}"


def _has_model(codec: str) -> bool:
    from enhance.codecs.registry import find_codec

    known = find_codec(codec)
    return known is None or known.weights is not None


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [one_line(facts["file"])]
    for name, value in facts.items():
        if name in ("file", "notes", "coding") or value is None:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key.replace('_', ' ')} {part}" for key, part in value.items())
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        lines.append(f"  {name.replace('_', ' '):17} {one_line(value)}")
    return lines + [f"  {'note':17} {one_line(note)}" for note in facts["notes"]]
