#!/usr/bin/env python3
"""Measures what the enhancement costs on this machine's CPU: operations, seconds, memory.

cost      operations and parameters of one step, beside FBCNN's
step      one step's time beside FBCNN's in the same process
threads   one step's time with one thread, two threads, ...
bands     one step's time on 4 megapixels, in one piece and in bands of rows
start     from the interpreter to the first picture, in fresh processes
waiting   until the progress of one picture of 20 megapixels shows, moves, and counts
folder    200 small files through `enhance run`, beside the bare network
processes a folder shared between one process with two threads, two with one, ...
backends  one step in torch, onnxruntime and OpenVINO, as far as they are installed
pictures  seconds and peak memory from file to file: 0.1 to 100 megapixels, steps, dtype, tiles

Tables go to stdout, progress to stderr. All of it takes about a quarter of an hour on two cores that do nothing else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from benchmarks.backends import measure_backends
from benchmarks.folder import measure_folder
from benchmarks.networks import measure_bands, measure_cost, measure_step, measure_threads
from benchmarks.pictures import measure_pictures
from benchmarks.processes import measure_processes
from benchmarks.results import Case, Report
from benchmarks.setup import Setup, tell
from benchmarks.start import measure_start
from benchmarks.table import render_machine, render_part
from benchmarks.waiting import measure_waiting

from enhance.cli.main import INTERRUPTED
from enhance.enhancer import WEIGHTS
from enhance.errors import EnhanceError
from enhance.models.checkpoint import load_checkpoint

PARTS: dict[str, Callable[[Setup], list[Case]]] = {
    "cost": measure_cost,
    "step": measure_step,
    "threads": measure_threads,
    "bands": measure_bands,
    "start": measure_start,
    "waiting": measure_waiting,
    "folder": measure_folder,
    "processes": measure_processes,
    "backends": measure_backends,
    "pictures": measure_pictures,
}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help="default: all parts")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, single runs: does it work at all?")
    parser.add_argument("--json", metavar="PATH", help="write all runs and the machine there, after every part")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument("--from", dest="source", metavar="PATH", help="print what --json wrote; measure nothing")
    parser.add_argument("--limit", type=_positive(float), default=600.0, metavar="SECONDS",
                        help="leave out pictures that would take longer than this (default: 600)")  # fmt: skip
    parser.add_argument("--repeats", type=_positive(int), metavar="N", help="of what is short (default: 5)")
    parser.add_argument("--threads", type=_positive(int), metavar="N", help="default: what torch chooses")
    parser.add_argument("--size", type=_positive(int), nargs=2, metavar=("W", "H"),
                        help="of the picture for single steps, in multiples of 16 (default: 768 512)")  # fmt: skip
    parser.add_argument("--model", type=Path, metavar="PATH", help="a JPEG checkpoint; default: the one that ships")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status. Raises EnhanceError."""
    options = parse(argv)
    parts = [name for name in PARTS if name in (options.only or PARTS)]
    if options.source:
        report = Report.read(options.source)
        for name in parts:
            if name in report.parts:
                _print_part(name, report, options)
        print(render_machine(report.about, markdown=options.markdown))
        return 0
    setup = prepare(options)
    report = Report(setup.describe())
    if options.json:
        report.write(options.json)  # what cannot be written shows before the work
    for name in parts:
        report.parts[name] = PARTS[name](setup)
        if options.json:
            report.write(options.json)
        _print_part(name, report, options)
    print(render_machine(report.about, markdown=options.markdown))
    return 0


def _print_part(name: str, report: Report, options: argparse.Namespace) -> None:
    print(render_part(name, report.parts[name], markdown=options.markdown), end="\n\n", flush=True)


def prepare(options: argparse.Namespace) -> Setup:
    """Loads the model and fills in what was left open. Raises WeightsError."""
    if options.threads:
        torch.set_num_threads(options.threads)
    model = options.model or WEIGHTS / "jpeg.safetensors"
    checkpoint = load_checkpoint(model)
    stride = checkpoint.denoiser.stride
    width, height = options.size or ((64, 48) if options.quick else (768, 512))
    return Setup(
        model=model.resolve(),
        checkpoint=checkpoint,
        threads=torch.get_num_threads(),
        repeats=options.repeats or (1 if options.quick else 5),
        size=(max(stride, width // stride * stride), max(stride, height // stride * stride)),
        limit=options.limit,
        quick=options.quick,
    )


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value

    return read


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EnhanceError as error:
        tell(f"error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        tell("interrupted")
        sys.exit(INTERRUPTED)
