"""Measures what the enhancement is worth on a folder of lossless originals: `enhance eval`.

Each original is coded as JPEG or VVC, decoded, enhanced and compared. The table on stdout holds means over the
pictures; gains are over the decoded picture, one by one, and positive is better for every metric, LPIPS included.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enhance.knobs import ENSEMBLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `enhance eval` to a parser."""
    parser.add_argument("originals", type=Path, help="folder of lossless images (PNG, TIFF, BMP, PPM)")
    _add_protocol(parser.add_argument_group("how originals are coded"))
    _add_knobs(parser.add_argument_group("settings to compare; several values are combined with each other"))
    _add_measuring(parser.add_argument_group("measuring"))


def _add_protocol(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--codec", nargs="+", choices=["jpeg", "vvc"], default=["jpeg"], help="default: jpeg")
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
    group.add_argument("--threshold", type=float, nargs="+", metavar="F", help="factor on τ(q); inf: no limit")
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
    group.add_argument("--device", default="auto")
    group.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    group.add_argument("--threads", type=int, metavar="N")
    group.add_argument(
        "--output", "-o", type=Path, metavar="FOLDER",
        help="every picture's numbers as CSV, a summary with intervals, plots; a rerun measures what is missing",
    )  # fmt: skip
    group.add_argument("--quiet", action="store_true", help="no progress bar")


def main(args: argparse.Namespace) -> int:
    """Runs `enhance eval`; returns the exit status: 1 if a peer failed. Raises EnhanceError."""
    from enhance.cli.doctor import examine
    from enhance.evaluation import planning
    from enhance.evaluation.evaluate import evaluate, evaluate_into
    from enhance.evaluation.metrics.catalog import USUAL
    from enhance.evaluation.reporting import tables

    planning.check(args)
    plan = planning.make_plan(args)
    outcome = evaluate(plan) if args.output is None else evaluate_into(args.output, plan, examine(with_places=False))
    measured = [*plan.metrics.of_pictures, *plan.metrics.of_sets]
    names = [name for name in measured if args.metrics or name in USUAL]
    sys.stdout.write(tables.to_table(outcome.summaries, names) + "\n")
    return 1 if outcome.failures else 0
