"""Measures what the enhancement is worth on a folder of lossless originals: `enhance eval`.

Each original is coded as JPEG or VVC, decoded, enhanced and compared. The table on stdout holds means over the
pictures; gains are over the decoded picture, one by one, and positive is better for every metric, LPIPS included.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.cli.options import add_progress_argument
from enhance.errors import UsageError
from enhance.knobs import ENSEMBLES, Knobs

if TYPE_CHECKING:
    from enhance.evaluation.measuring.protocol import Protocol


SYMBOLS = """
The symbols: x is the original, x~ what the decoder gives, q the rate (JPEG quality, QP); r = (x - x~) / s(q) is the
residual that the network predicts, s(q) its RMS at the rate q; tau(q) limits its values; t is the noise level, 1 (all
noise) to 0, from which samples are drawn in steps; eta is the share of fresh noise in each step of DDIM.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `enhance eval` to a parser."""
    parser.usage = "enhance eval ORIGINALS [--qualities Q ...] [--mode MODE ...] [-o FOLDER] [options]"
    parser.epilog = SYMBOLS
    parser.add_argument("originals", type=Path, help="folder of lossless images (PNG, TIFF, BMP, PPM)")
    _add_protocol(parser.add_argument_group("how originals are coded"))
    _add_knobs(parser.add_argument_group("settings to compare; several values are combined with each other"))
    _add_measuring(parser.add_argument_group("measuring"))


def _add_protocol(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--codec",
        nargs="+",
        metavar="CODEC",
        default=["jpeg"],
        help="jpeg (the default), vvc, and codecs that bring an encoder: learned",
    )
    group.add_argument("--qualities", type=int, nargs="+", metavar="Q", help="of JPEG (default: 10 20 30 40)")
    group.add_argument("--subsampling", choices=["4:4:4", "4:2:2", "4:2:0"], help="of JPEG (default: 4:2:0)")
    group.add_argument("--gray", action="store_true", help="code the originals' luma as gray JPEG")
    group.add_argument("--qps", type=int, nargs="+", metavar="QP", help="slice QPs of VVC (default: 32 37 42 47)")
    group.add_argument(
        "--streams", type=Path, metavar="FOLDER", help="VVC streams STEM_qpQP.266 to use (default: libvvenc codes them)"
    )
    group.add_argument("--preset", help="of libvvenc (default: medium)")
    group.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="keeps what libvvenc coded (default: streams/ in --output)"
    )
    group.add_argument(
        "--rates",
        type=int,
        nargs="+",
        metavar="R",
        help="of codecs that bring an encoder (default: all that they have)",
    )
    group.add_argument("--images", nargs="+", default=[], metavar="NAME", help="only these, with or without suffix")


def _add_knobs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--mode",
        nargs="+",
        choices=["fidelity", "balanced", "perceptual"],
        help="nearest to the original, the default, or best looks",
    )
    group.add_argument("--steps", type=int, nargs="+", metavar="N", help="network evaluations")
    group.add_argument("--perception", type=float, nargs="+", metavar="P", help="0 (fidelity) to 1 (sample)")
    group.add_argument("--strength", type=float, nargs="+", metavar="S", help="0 to 1")
    group.add_argument("--start", type=float, nargs="+", metavar="T", help="noise level at which sampling begins")
    group.add_argument(
        "--init",
        nargs="+",
        choices=["mmse", "gaussian"],
        help="where sampling begins: at the posterior mean plus noise, or at noise alone",
    )
    group.add_argument(
        "--sampler", nargs="+", choices=["ddim", "ddpm"], help="the rule for a step: DDIM (default) or ancestral DDPM"
    )
    group.add_argument(
        "--eta",
        type=float,
        nargs="+",
        metavar="E",
        help="share of fresh noise in a step of DDIM, 0 (none) to 1 (as DDPM)",
    )
    group.add_argument("--seed", type=int, nargs="+", metavar="N", help="of the noise")
    group.add_argument(
        "--threshold", type=float, nargs="+", metavar="F", help="factor on τ(q), the limit of the residual; inf: none"
    )
    group.add_argument("--ensemble", type=int, nargs="+", choices=ENSEMBLES, help="mirror images to average over")
    group.add_argument("--consistent", nargs="+", choices=["on", "off", "both"], help="projection onto the bitstream")
    group.add_argument("--guard", nargs="+", choices=["on", "off", "both"], help="holding back what a JPEG rules out")
    group.add_argument(
        "--setting", action="append", default=[], metavar="TEXT",
        help="one more setting, combined with nothing: 'steps=4 eta=1 unprojected'; may be repeated",
    )  # fmt: skip


def _add_measuring(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--metrics", nargs="+", metavar="NAME",
        help="psnr psnr_y psnr_b ssim ms_ssim lpips_alex lpips_squeeze dists niqe, and for --output fid kid fd_alex "
        "kd_alex (default: psnr psnr_b ssim lpips_alex; all of them with --output). What has no weights is left out",
    )  # fmt: skip
    group.add_argument("--metrics-dir", type=Path, metavar="DIR", help="their weights; default: $ENHANCE_METRICS_DIR")
    group.add_argument("--peer", action="append", default=[], metavar="'NAME=PROGRAM {in} {out}'",
                       help="another program that turns a coded file into a PNG; may be repeated")  # fmt: skip
    group.add_argument(
        "--peer-time", type=float, default=600.0, metavar="SECONDS", help="its limit for a picture (default: 600)"
    )
    group.add_argument(
        "--model", nargs="+", default=[], metavar="PATH", help="checkpoints other than those that ship, one a codec"
    )
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    group.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"], help="of the network")
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network")
    group.add_argument(
        "--output", "-o", type=Path, metavar="FOLDER",
        help="every picture's numbers as CSV, a summary with intervals, plots; a rerun measures what is missing",
    )  # fmt: skip
    group.add_argument("--quiet", action="store_true", help="no progress bar")
    add_progress_argument(group)


def main(options: argparse.Namespace) -> int:
    """Runs `enhance eval`; returns the exit status: 1 if a peer failed. Raises EnhanceError."""
    from enhance.cli.doctor import examine
    from enhance.evaluation.evaluate import evaluate, evaluate_into
    from enhance.evaluation.measuring.peers import Peer
    from enhance.evaluation.metrics.catalog import USUAL
    from enhance.evaluation.planning import make_plan
    from enhance.evaluation.reporting import tables

    _check(options)
    plan = make_plan(
        options.originals,
        [_protocol(codec, options) for codec in dict.fromkeys(options.codec)],
        _settings(options),
        images=options.images,
        peers=[Peer.parse(text, options.peer_time) for text in options.peer],
        models=options.model,
        machine={name: getattr(options, name) for name in ("device", "dtype", "threads")},
        metrics=options.metrics,
        metric_weights=options.metrics_dir,
        measures_sets=options.output is not None,
        record={name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()},
        is_quiet=options.quiet,
    )
    output: Path | None = options.output
    outcome = evaluate(plan) if output is None else evaluate_into(output, plan, examine(with_places=False))
    measured = [*plan.metrics.of_pictures, *plan.metrics.of_sets]
    names = [name for name in measured if options.metrics or name in USUAL]
    sys.stdout.write(tables.to_table(outcome.summaries, names) + "\n")
    return 1 if outcome.failures else 0


def _check(options: argparse.Namespace) -> None:
    """Refuses options that do not go together, before anything is loaded. Raises UsageError."""
    for codec, names in _OPTIONS_OF_CODEC.items():
        given = [name for name in names if getattr(options, name) not in (None, False)]
        if given and codec not in options.codec:
            raise UsageError(f"--{given[0]} is not for {' '.join(options.codec)}", hint="--codec chooses the codec")
    if options.rates and set(options.codec) <= _PROTOCOLS.keys():
        raise UsageError(f"--rates is not for {' '.join(options.codec)}", hint="--codec chooses the codec")
    output: Path | None = options.output
    if output is not None and (output.suffix in (".csv", ".json", ".md") or output.is_file()):
        raise UsageError("--output is a folder", source=str(output))
    if options.metrics_dir is not None and not options.metrics_dir.is_dir():
        raise UsageError("there is no such folder of weights", source=str(options.metrics_dir))
    if not options.peer_time > 0:
        raise UsageError(f"--peer-time must be above 0, not {options.peer_time:g}")


def _jpeg_protocol(options: argparse.Namespace) -> Protocol:
    from enhance.evaluation.measuring.protocol import JpegProtocol

    levels = tuple(dict.fromkeys(options.qualities or JpegProtocol.levels))
    return JpegProtocol(levels, options.subsampling or JpegProtocol.subsampling, options.gray)


def _vvc_protocol(options: argparse.Namespace) -> Protocol:
    from enhance.evaluation.measuring.protocol import VvcProtocol

    levels = tuple(dict.fromkeys(options.qps or VvcProtocol.levels))
    cache = options.cache or (options.output / "streams" if options.output else None)
    return VvcProtocol(levels, options.streams, options.preset or VvcProtocol.preset, cache)


def _protocol(codec: str, options: argparse.Namespace) -> Protocol:
    from enhance.codecs.registry import all_codecs
    from enhance.evaluation.measuring.protocol import OwnEncoder

    if codec in _PROTOCOLS:
        return _PROTOCOLS[codec](options)
    others = {known.name: known for known in all_codecs() if known.encoder is not None}
    if codec not in others:
        raise UsageError(f"--codec cannot be {codec}", hint=f"there are {', '.join([*_PROTOCOLS, *others])}")
    return OwnEncoder.of(others[codec], options.rates)


_PROTOCOLS: dict[str, Callable[[argparse.Namespace], Protocol]] = {"jpeg": _jpeg_protocol, "vvc": _vvc_protocol}
_OPTIONS_OF_CODEC = {"jpeg": ("qualities", "subsampling", "gray"), "vvc": ("qps", "streams", "preset", "cache")}


def _settings(options: argparse.Namespace) -> dict[str, Knobs]:
    from enhance.evaluation.measuring.settings import KNOB_TYPES, combine, parse, parse_switch

    choices = {name: getattr(options, name) or [] for name in ("mode", *KNOB_TYPES)}
    choices |= {name: parse_switch(getattr(options, name) or []) for name in ("consistent", "guard")}
    # Settings by name stand alone, unless knobs ask for combinations, too.
    settings = combine(choices) if any(choices.values()) or not options.setting else {}
    for text in options.setting:
        settings |= parse(text)
    return settings
