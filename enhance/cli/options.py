"""Options that several commands share, with one name and one meaning."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from enhance.errors import UsageError
from enhance.knobs import ENSEMBLES, MODES
from enhance.system.limits import DEFAULT_LIMITS, PIXELS_CEILING, Limits

if TYPE_CHECKING:
    from enhance.codecs.decoder import Decoder

_KNOBS = ("mode", "steps", "perception", "strength", "seed", "tile", "ensemble")


def add_enhancing_arguments(parser: argparse.ArgumentParser) -> tuple[Any, Any]:
    """Adds what commands that enhance files have in common beside their main options, in groups.

    Returns:
        the groups of the knobs and of what is told, for a command's own.
    """
    knobs, telling = (parser.add_argument_group(title) for title in ("knobs", "what is told"))
    add_sampling_arguments(knobs)
    add_model_argument(knobs)
    telling.add_argument("--quiet", action="store_true", help="say nothing but errors")
    add_progress_argument(telling)
    machine = parser.add_argument_group("machine")
    add_machine_arguments(machine)
    add_backend_argument(machine)
    add_damage_arguments(parser.add_argument_group("damaged files"))
    add_limit_arguments(parser.add_argument_group("limits: what an input may be at most"))
    vvc = parser.add_argument_group("VVC")
    vvc.add_argument("--qp", type=float, metavar="QP", help="0-63: in place of a stream's own")
    add_decoder_arguments(vvc)
    add_colour_arguments(vvc)
    return knobs, telling


def add_model_argument(parser: Any) -> None:
    """Adds --model."""
    parser.add_argument("--model", metavar="PATH", help="a checkpoint other than the one that ships")


def add_main_knobs(group: Any) -> None:
    """Adds the two knobs that most people need; see `Knobs`."""
    group.add_argument(
        "--mode", choices=MODES, help="fidelity: nearest to the original; balanced (default); perceptual: best looks"
    )
    group.add_argument("--strength", type=float, metavar="S", default=1.0, help="0 (nothing is changed) to 1 (default)")


def add_sampling_arguments(group: Any) -> None:
    """Adds the other knobs that say how the result is sampled; see `Knobs`."""
    group.add_argument("--steps", type=int, metavar="N", help="network evaluations")
    group.add_argument("--perception", type=float, metavar="P", help="0 (nearest to the original) to 1 (a sample)")
    group.add_argument("--seed", type=int, metavar="N", default=0, help="of the noise; same seed, same result")
    group.add_argument(
        "--ensemble", type=int, choices=ENSEMBLES, default=1,
        help="average over mirror images, at so many times the cost: nearer to the original",
    )  # fmt: skip


def add_progress_argument(group: Any) -> None:
    """Adds --json-progress; see `enhance.system.progress`."""
    group.add_argument("--json-progress", action="store_true", help="progress as JSON lines on stderr, for programs")


def add_machine_arguments(group: Any) -> None:
    """Adds how it is computed: tiles, device, arithmetic, and threads."""
    group.add_argument("--tile", type=_tile, metavar="auto|0|N", default="auto", help="side of the tiles; 0: one piece")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    group.add_argument(
        "--dtype", default="auto", choices=("auto", "float32", "bfloat16"), help="of the network; auto: the faster one"
    )
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network")


def add_backend_argument(group: Any) -> None:
    """Adds which library computes the network."""
    group.add_argument(
        "--backend", default="torch", choices=("auto", "torch", "onnxruntime", "openvino"),
        help="what computes the network (default torch); auto: OpenVINO if torch has no bfloat16",
    )  # fmt: skip


def chosen_machine(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_machine_arguments` and `add_backend_argument` say, as arguments of `Enhancer`."""
    return {name: getattr(options, name) for name in ("device", "dtype", "threads", "backend")}


def add_limit_arguments(group: Any) -> None:
    """Adds what an input may be at most; see `Limits`."""
    standard = DEFAULT_LIMITS
    group.add_argument(
        "--max-megapixels", type=_megapixels, metavar="N", default=standard.max_pixels / 1e6,
        help=f"of a picture (default {standard.max_pixels / 1e6:g}, at most {PIXELS_CEILING / 1e6:g})",
    )  # fmt: skip
    group.add_argument(
        "--max-megabytes", type=_count, metavar="N", default=standard.max_bytes >> 20,
        help=f"of an input (default {standard.max_bytes >> 20})",
    )  # fmt: skip
    for name, what in (
        ("max_segments", "marker segments of a JPEG"), ("max_scans", "scans of a JPEG"),
        ("max_expansion", "pixels for a byte of an arithmetic-coded JPEG"),
    ):  # fmt: skip
        default = getattr(standard, name)
        option = "--" + name.replace("_", "-")
        group.add_argument(option, type=_count, metavar="N", default=default, help=f"{what} (default {default})")
    group.add_argument("--special-files", action="store_true", help="read named pipes and devices, too")


def add_damage_arguments(group: Any) -> None:
    """Adds what is done about damaged JPEGs; see `JpegDecoder`."""
    either = group.add_mutually_exclusive_group()
    either.add_argument("--strict", action="store_true", help="refuse JPEGs for which libjpeg has warnings")
    either.add_argument("--salvage", action="store_true", help="of a JPEG that is cut, take the rows that are there")


def add_decoder_arguments(group: Any) -> None:
    """Adds which external decoder is run for VVC."""
    from enhance.codecs.vvc.programs import CHOICES

    group.add_argument("--decoder", choices=CHOICES, help="default: the first of VTM, vvdec and ffmpeg that is there")
    group.add_argument("--vtm", metavar="PATH", help="VTM's DecoderApp")


def add_colour_arguments(group: Any) -> None:
    """Adds what the values of YCbCr planes stand for; see `ColorSpace`."""
    from enhance.frames.format import CHROMA_LOCATIONS, MATRICES

    group.add_argument("--matrix", choices=MATRICES, help="default: what the input says, or bt709")
    group.add_argument("--range", choices=("limited", "full"), help="default: what the input says, or limited")
    group.add_argument("--chroma-location", choices=CHROMA_LOCATIONS, help="default: what the input says, or center")


def check_decoder(options: argparse.Namespace) -> None:
    """Raises UsageError where the decoder that was asked for is not there, before a file shows it."""
    from enhance.codecs.vvc.programs import choose_decoder

    if options.vtm is not None and options.decoder not in (None, "auto", "vtm"):
        raise UsageError(f"--vtm contradicts --decoder {options.decoder}", hint="leave one of them out")
    if options.decoder is not None or options.vtm is not None:
        choose_decoder(options.decoder, vtm=options.vtm)


def chosen_decoders(options: argparse.Namespace, *, pixels: bool = False) -> tuple[Decoder, ...]:
    """The decoders of all codecs, VVC's as the options above say; `pixels` as in `make_decoders`."""
    from enhance.codecs.registry import make_decoders

    return make_decoders(
        strict=options.strict,
        salvage=options.salvage,
        pixels=pixels,
        decoder=options.decoder,
        vtm=options.vtm,
        matrix=options.matrix,
        full_range=full_range(options),
        chroma_location=options.chroma_location,
    )


def full_range(options: argparse.Namespace) -> bool | None:
    """--range as `ColorSpace` has it; None: it is not given."""
    return None if options.range is None else bool(options.range == "full")


def chosen_knobs(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `Knobs` that the options above stand for."""
    return {name: getattr(options, name) for name in _KNOBS}


def chosen_limits(options: argparse.Namespace) -> Limits:
    """The limits that the options above stand for."""
    return Limits(
        max_pixels=round(options.max_megapixels * 1e6),
        max_bytes=options.max_megabytes << 20,
        max_segments=options.max_segments,
        max_scans=options.max_scans,
        max_expansion=options.max_expansion,
        special_files=options.special_files,
    )


def add_quality_argument(group: Any) -> None:
    """Adds `--quality` of `Knobs`."""
    group.add_argument(
        "--quality", type=_quality, metavar="auto|file|Q",
        help="auto (of JPEGs the default): what the file says, or its pixels tell of an earlier, stronger coding; "
        "file: what it says; 1-100: in place of both",
    )  # fmt: skip


def _quality(text: str) -> int | str:
    """A JPEG quality, or one of the words that `Knobs.quality` takes."""
    if text in ("auto", "file"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"auto, file or a whole number, not {text!r}") from None


def _tile(text: str) -> int | str:
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"auto or a whole number, not {text!r}") from None


def _megapixels(text: str) -> float:
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    ceiling = PIXELS_CEILING / 1e6
    if not 0 < limit <= ceiling:
        raise argparse.ArgumentTypeError(f"a number above 0 and up to {ceiling:g}, not {text!r}")
    return limit


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,15}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number above 0, not {text!r}")
    return int(text)
