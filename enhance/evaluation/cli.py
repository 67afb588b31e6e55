"""Measures what the enhancement is worth on a folder of lossless originals: `enhance eval`.

Each original is coded as JPEG or VVC, decoded, enhanced and compared. The table on stdout holds means over the
pictures; gains are over the decoded picture, one by one, and positive is better for every metric, LPIPS included.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from enhance.evaluation.measuring import Measurement, Metric
    from enhance.evaluation.protocol import Protocol
    from enhance.knobs import Knobs

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `enhance eval` to a parser."""
    parser.add_argument("originals", type=Path, help="folder of lossless images (PNG, TIFF, BMP, PPM)")
    _add_protocol(parser.add_argument_group("how originals are coded"))
    _add_knobs(parser.add_argument_group("settings to compare; several values are combined with each other"))
    _add_measuring(parser.add_argument_group("measuring"))


def _add_protocol(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--codec", choices=["jpeg", "vvc"], default="jpeg", help="default: %(default)s")
    group.add_argument("--qualities", type=int, nargs="+", metavar="Q", help="of JPEG (default: 10 20 30 40)")
    group.add_argument("--subsampling", choices=["4:4:4", "4:2:2", "4:2:0"], help="of JPEG (default: 4:2:0)")
    group.add_argument("--gray", action="store_true", help="code the originals' luma as gray JPEG")
    group.add_argument("--qps", type=int, nargs="+", metavar="QP", help="slice QPs of VVC (default: 32 37 42 47)")
    group.add_argument(
        "--streams", type=Path, metavar="FOLDER", help="VVC streams STEM_qpQP.266 to use (default: libvvenc codes them)"
    )
    group.add_argument("--preset", help="of libvvenc (default: medium)")
    group.add_argument("--images", nargs="+", default=[], metavar="NAME", help="only these, with or without suffix")


def _add_knobs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--mode", nargs="+", choices=["fidelity", "balanced", "perceptual"])
    group.add_argument("--steps", type=int, nargs="+", metavar="N", help="network evaluations")
    group.add_argument("--perception", type=float, nargs="+", metavar="P", help="0 (fidelity) to 1 (sample)")
    group.add_argument("--strength", type=float, nargs="+", metavar="S", help="0 to 1")
    group.add_argument("--start", type=float, nargs="+", metavar="T", help="noise level at which sampling begins")
    group.add_argument("--init", nargs="+", choices=["mmse", "gaussian"])
    group.add_argument("--sampler", nargs="+", choices=["ddim", "ddpm"])
    group.add_argument("--eta", type=float, nargs="+", metavar="E", help="0 to 1")
    group.add_argument("--seed", type=int, nargs="+", metavar="N")
    group.add_argument("--consistent", nargs="+", choices=["on", "off", "both"], help="projection onto the bitstream")


def _add_measuring(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--lpips", choices=["alex", "squeeze", "none"], help="default: alex, if its weights are there")
    group.add_argument("--metrics-dir", type=Path, metavar="DIR", help="LPIPS weights; default: $ENHANCE_METRICS_DIR")
    group.add_argument("--model", metavar="PATH", help="a checkpoint other than the one that ships")
    group.add_argument("--device", default="auto")
    group.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    group.add_argument("--threads", type=int, metavar="N")
    group.add_argument("--output", "-o", type=Path, metavar="FILE", help=".json (with every picture) or .csv (means)")
    group.add_argument("--curves", type=Path, metavar="FILE", help="rate-distortion curves as .csv")
    group.add_argument("--quiet", action="store_true", help="no progress bar")


def main(args: argparse.Namespace) -> int:
    """Runs `enhance eval`; returns the exit status. Raises EnhanceError."""
    from enhance.evaluation import report
    from enhance.evaluation.originals import find_originals

    protocol = _protocol(args)
    originals = find_originals(args.originals, args.images)
    settings = _settings(args)
    for path, suffixes in ((args.output, (".json", ".csv")), (args.curves, (".csv",))):
        if path is not None:
            report.check_output(path, suffixes)
    measurements = _measure(args, protocol, originals, settings)
    summaries = report.summarize(measurements)
    sys.stdout.write(report.to_table(summaries) + "\n")
    if args.curves is not None:
        report.write_text(args.curves, report.to_csv(report.to_curves(summaries)))
    if args.output is not None and args.output.suffix.lower() == ".csv":
        report.write_text(args.output, report.to_csv(report.to_rows(summaries)))
    elif args.output is not None:
        about = {"originals": args.originals.resolve().name, "images": len(originals), "codec": args.codec}
        coding = {name: value for name, value in vars(protocol).items() if name not in ("levels", "streams")}
        about.update(coding, given_streams=args.streams is not None, threads=args.threads)
        report.write_text(args.output, report.to_json(summaries, measurements, about))
    return 0


def _protocol(args: argparse.Namespace) -> Protocol:
    from enhance.evaluation.protocol import JpegProtocol, VvcProtocol

    of_jpeg = {"--qualities": args.qualities, "--subsampling": args.subsampling, "--gray": args.gray or None}
    of_vvc = {"--qps": args.qps, "--streams": args.streams, "--preset": args.preset}
    foreign = [name for name, value in (of_jpeg if args.codec == "vvc" else of_vvc).items() if value is not None]
    if foreign:
        raise UsageError(f"{foreign[0]} is not for {args.codec}", hint="--codec chooses the codec")
    if args.codec == "jpeg":
        levels = tuple(dict.fromkeys(args.qualities or JpegProtocol.levels))
        return JpegProtocol(levels, args.subsampling or JpegProtocol.subsampling, args.gray)
    levels = tuple(dict.fromkeys(args.qps or VvcProtocol.levels))
    return VvcProtocol(levels, args.streams, args.preset or VvcProtocol.preset)


def _settings(args: argparse.Namespace) -> dict[str, Knobs]:
    from enhance.evaluation.settings import combine, parse_switch

    names = ("mode", "steps", "perception", "strength", "start", "init", "sampler", "eta", "seed")
    choices = {name: getattr(args, name) or [] for name in names}
    return combine({**choices, "consistent": parse_switch(args.consistent or [])})


def _metrics(args: argparse.Namespace) -> dict[str, Metric]:
    """PSNR, PSNR-B, SSIM, and LPIPS: which may be missing unless it was asked for."""
    from enhance.evaluation.measuring import standard_metrics
    from enhance.evaluation.perceptual import LpipsDistance

    metrics = standard_metrics()
    if args.lpips != "none":
        try:
            metrics["lpips"] = LpipsDistance(args.lpips or "alex", args.metrics_dir)
        except WeightsError as error:
            if args.lpips is not None or args.metrics_dir is not None:
                raise
            logger.warning("LPIPS is left out: %s", error)
    return metrics


def _measure(
    args: argparse.Namespace, protocol: Protocol, originals: Sequence[Path], settings: Mapping[str, Knobs]
) -> list[Measurement]:
    from tqdm import tqdm

    from enhance.codecs.base import decode
    from enhance.enhancer import Enhancer
    from enhance.evaluation.measuring import measure

    metrics = _metrics(args)
    enhancer = Enhancer(model=args.model, device=args.device, dtype=args.dtype, threads=args.threads)
    total = len(originals) * len(protocol.levels) * (1 + len(settings))
    measurements = measure(originals, protocol, settings, decode, enhancer.run, metrics)
    return list(tqdm(measurements, total=total, unit="picture", disable=args.quiet, file=sys.stderr))
