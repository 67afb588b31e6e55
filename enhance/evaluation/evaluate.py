"""An evaluation from its plan to its folder of results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer
from enhance.errors import DecodeError, UsageError
from enhance.evaluation.measuring.measurement import (
    BASELINE,
    Candidate,
    Failure,
    Key,
    Measurement,
    Rival,
    Setting,
    measure,
)
from enhance.evaluation.measuring.originals import Pixels
from enhance.evaluation.measuring.patch_store import PatchStore
from enhance.evaluation.measuring.peers import Peer
from enhance.evaluation.measuring.protocol import Protocol
from enhance.evaluation.measuring.results import Results
from enhance.evaluation.measuring.settings import describe
from enhance.evaluation.metrics.catalog import Metrics
from enhance.evaluation.reporting import plots, tables
from enhance.evaluation.reporting.summary import Summary, summarize
from enhance.knobs import Knobs
from enhance.system.atomic_file import atomic_file
from enhance.system.progress import progress_bar

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        originals: lossless image files.
        protocols: how they are coded, one for each codec.
        enhancers: {codec: enhancer}.
        settings: {name: knobs}.
        peers: programs beside ours.
        metrics: what is measured.
        options: as they were given, to be recorded.
        is_quiet: no progress bar.
    """

    originals: Sequence[Path]
    protocols: Sequence[Protocol]
    enhancers: Mapping[str, Enhancer]
    settings: Mapping[str, Knobs]
    peers: Sequence[Peer]
    metrics: Metrics
    options: Mapping[str, Any] = field(default_factory=dict)
    is_quiet: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came out.

    Attributes:
        summaries: of all measurements, those of earlier runs into the same folder included.
        failures: pictures that peers did not give.
    """

    summaries: list[Summary]
    failures: list[Failure]


def evaluate(plan: Plan) -> Outcome:
    """Measures everything, without writing anything; distances between sets are left out.

    Raises:
        EnhanceError: as `measure`.
    """
    found = list(_measure(plan))
    measurements = [one for one in found if isinstance(one, Measurement)]
    return Outcome(summarize(measurements), [one for one in found if isinstance(one, Failure)])


def evaluate_into(folder: Path, plan: Plan, environment: Mapping[str, Any]) -> Outcome:
    """Measures what a folder of results does not hold yet; adds summary.md, summary.csv and plots to it.

    Args:
        folder: see `results`; made if it is missing.
        plan: what to measure.
        environment: versions and machine, plain JSON values, for the record of this run.

    Raises:
        EnhanceError: as `measure` and `Results`.
    """
    can_draw = _can_draw()
    results = Results(folder, _fixed(plan), list(plan.metrics.of_pictures))
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    results.begin_run({"date": now, "options": dict(plan.options), **environment})
    patches = PatchStore(folder / "features", plan.metrics.networks)
    done = {one.key for one in results.measurements if patches.has(one.key)}
    failures = []
    for one in _measure(plan, done, patches.keep):
        if isinstance(one, Failure):
            failures.append(one)
        else:
            results.add(one)
    summaries = summarize(results.measurements, partial(patches.distances, plan.metrics.of_sets))
    write_text(folder / "summary.csv", tables.to_csv(tables.to_rows(summaries)))
    write_text(folder / "summary.md", tables.to_markdown(summaries, _topics(plan, results.about), plan.metrics.reasons))
    if can_draw:
        plots.draw(summaries, folder)
    return Outcome(summaries, failures)


def _measure(
    plan: Plan, done: Collection[Key] = (), on_picture: Callable[[Key, Pixels], None] = lambda key, pixels: None
) -> Iterator[Measurement | Failure]:
    work = [(protocol, _candidates(plan, protocol.codec)) for protocol in plan.protocols]
    total = sum(len(plan.originals) * len(protocol.levels) * (1 + len(ones)) for protocol, ones in work)
    with progress_bar("measuring", total, unit="picture", shown=not plan.is_quiet) as bar:
        for protocol, candidates in work:
            asked = {
                Key(protocol.codec, level, path.name, one)
                for path in plan.originals
                for level in protocol.levels
                for one in (BASELINE, *(candidate.name for candidate in candidates))
            }
            bar.update(len(asked.intersection(done)))
            metrics = plan.metrics.of_pictures
            for found in measure(
                plan.originals, protocol, candidates, decode, metrics, done=done, on_picture=on_picture
            ):
                bar.update()
                if isinstance(found, Failure):
                    _LOG.warning("%s, level %d: %s", found.key.image, found.key.level, found.reason)
                yield found


def _candidates(plan: Plan, codec: str) -> list[Candidate]:
    enhancer = plan.enhancers[codec]
    if not enhancer.has_model(codec):
        return [*map(Rival, plan.peers)]
    defaults = enhancer.checkpoint(codec).sampling
    ours = [Setting(name, knobs, enhancer.run, describe(knobs, defaults)) for name, knobs in plan.settings.items()]
    return [*ours, *map(Rival, plan.peers)]


def _fixed(plan: Plan) -> dict[str, Any]:
    """What measurements must share to stand in one table, see `Results`."""
    codecs = {}
    for protocol in plan.protocols:
        enhancer = plan.enhancers[protocol.codec]
        arithmetic = f"{str(enhancer.dtype).removeprefix('torch.')} on {enhancer.device.type}"
        of_model = {"model": _model(enhancer, protocol.codec), "arithmetic": arithmetic}
        codecs[protocol.codec] = {**protocol.describe(), **of_model}
    peers = {peer.name: list(peer.command) for peer in plan.peers}
    return {"codecs": codecs, "originals": {path.name: _hash(path) for path in plan.originals}, "peers": peers}


def _model(enhancer: Enhancer, codec: str) -> str:
    if not enhancer.has_model(codec):
        return "none: decoded pictures alone"
    model = enhancer.checkpoint(codec)
    return f"{model.name} {model.sha256}"


def _hash(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise DecodeError(f"this original cannot be read: {error.strerror}", source=str(path)) from error


def _topics(plan: Plan, about: Mapping[str, Any]) -> dict[str, str]:
    """What summary.md tells of the run."""
    fixed, run = about["fixed"], about["runs"][-1]
    folders = dict.fromkeys(path.resolve().parent.name for path in plan.originals)
    topics = {"originals": f"{len(fixed['originals'])} of {', '.join(folders)}", "measured": run["date"]}
    for codec, facts in fixed["codecs"].items():
        topics[codec] = ", ".join(f"{name} {value}" for name, value in facts.items())
    topics |= {f"peer {name}": " ".join(command) for name, command in fixed["peers"].items()}
    topics["machine"] = ", ".join(f"{name} {value}" for name, value in run["machine"].items() if name != "free memory")
    topics["versions"] = ", ".join(f"{name} {value}" for name, value in run["versions"].items())
    return topics


def _can_draw() -> bool:
    """Whether there is matplotlib; says so before hours of work if there is none."""
    try:
        plots.check_library()
    except UsageError as error:
        _LOG.warning("plots are left out: %s", error)
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Writes a report. Raises OutputError."""
    with atomic_file(path, overwrite=True) as file:
        file.write(text.encode())
