"""Enhances a folder or a bucket on a cluster of Ray: `enhance cluster s3://bucket/photos s3://bucket/better`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from enhance.cli.console import require_stdout, say
from enhance.cli.options import (
    add_machine_arguments,
    add_main_knobs,
    add_model_argument,
    add_sampling_arguments,
    chosen_knobs,
)
from enhance.errors import UsageError

if TYPE_CHECKING:
    from enhance.integrations.ray_cluster import FileOutcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance cluster` understands."""
    parser.usage = "enhance cluster IN OUT [options]"
    parser.add_argument("source", metavar="IN", help="a folder, or a URI: s3://..., gs://..., hdfs://...")
    parser.add_argument("target", metavar="OUT", help="likewise; the tree is mirrored")
    parser.add_argument("--resume", action="store_true", help="leave out files whose result exists")
    parser.add_argument("--json", action="store_true", help="one JSON line per file on stdout")
    parser.add_argument("--format", default="png", metavar="NAME", help="png, jpg, webp or tiff")
    parser.add_argument("--depth", type=int, default=8, metavar="8|16", help="bits per sample; 16 in PNG and TIFF")
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--address", metavar="HOST:PORT", help="of the cluster; auto finds one. By default: this machine"
    )
    cluster.add_argument("--workers", type=int, metavar="N", help="by default as many as there is room for")
    cluster.add_argument("--cpus", type=float, default=1.0, metavar="N", help="of each worker, and its threads")
    cluster.add_argument("--gpus", type=float, default=0.0, metavar="N", help="of each worker; shares are possible")
    add_machine_arguments(parser.add_argument_group("machine, of each worker"))
    knobs = parser.add_argument_group("knobs")
    add_main_knobs(knobs)
    add_sampling_arguments(knobs)
    add_model_argument(knobs)


def main(options: argparse.Namespace) -> int:
    """Does what was asked for. Returns the exit status: 1 if a file failed."""
    if options.json:
        require_stdout()
    try:
        from enhance.integrations.ray_cluster import ClusterPlan, connect, run_cluster
    except ImportError as error:
        raise UsageError(f"the package {error.name} is needed", hint="pip install enhance[ray]") from error

    given = {name: getattr(options, name) for name in ("model", "device", "dtype", "threads", "format", "depth")}
    given |= chosen_knobs(options)
    plan = ClusterPlan(
        options.source, options.target, options.workers, options.cpus, options.gpus, options.resume,
        {name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    report, stdout = _Report(), sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # where Ray prints what becomes of its nodes
        connect(options.address)
        for outcome in run_cluster(plan):
            report.add(outcome)
            if options.json:
                print(json.dumps(vars(outcome)), file=stdout, flush=True)
            elif outcome.error:
                say(f"failed: {outcome.error}")
    report.tell()
    return 1 if report.failed else 0


class _Report:
    """Counts what became of the files, and how fast each node was."""

    def __init__(self) -> None:
        self.done = self.failed = 0
        self._began = time.perf_counter()
        self._nodes: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, outcome: FileOutcome) -> None:
        self.done += outcome.status == "done"
        self.failed += outcome.status == "failed"
        self._nodes[outcome.node][0] += outcome.pixels / 1e6
        self._nodes[outcome.node][1] += outcome.seconds

    def tell(self) -> None:
        seconds = time.perf_counter() - self._began
        say(f"{self.done} done, {self.failed} failed, {seconds:.0f} s")
        for node, (megapixels, worked) in sorted(self._nodes.items()):
            if node:
                speed = f"{megapixels / max(seconds, 1e-9):.2f} a second"
                say(f"node {node[:8]}: {megapixels:.1f} megapixels, {speed}; its workers worked {worked:.0f} s")
