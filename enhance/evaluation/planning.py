"""From what is to be compared to a plan: originals found, models loaded, metrics that can be measured."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.evaluation.evaluate import Plan
from enhance.evaluation.measuring.measurement import BASELINE
from enhance.evaluation.measuring.originals import find_originals
from enhance.evaluation.measuring.peers import Peer
from enhance.evaluation.measuring.protocol import Protocol
from enhance.evaluation.metrics.catalog import KINDS, USUAL, Metrics, choose
from enhance.knobs import Knobs
from enhance.models.checkpoint import load_checkpoint

_LOG = logging.getLogger(__name__)


def make_plan(
    originals: Path,
    protocols: Sequence[Protocol],
    settings: Mapping[str, Knobs],
    *,
    images: Sequence[str] = (),
    peers: Sequence[Peer] = (),
    models: Iterable[str] = (),
    machine: Mapping[str, Any] | None = None,
    metrics: Sequence[str] | None = None,
    metric_weights: Path | None = None,
    measures_sets: bool = False,
    record: Mapping[str, Any] | None = None,
    is_quiet: bool = False,
) -> Plan:
    """The plan of an evaluation, models and metrics loaded.

    Args:
        originals: folder of lossless images.
        protocols: how they are coded, one for each codec.
        settings: what is compared, {name: knobs}.
        images: names of the originals to take, with or without suffix; all by default.
        peers: other programs to compare with.
        models: checkpoints in the place of those that ship, one a codec.
        machine: `device`, `dtype` and `threads` of `Enhancer`.
        metrics: names of `metrics.catalog.KINDS`; by default the usual ones, or all where sets are measured, too.
        metric_weights: folder of their weights.
        measures_sets: distances between sets of pictures are measured, too, which needs a folder of results.
        record: the choices as plain JSON values, to be kept with the results.
        is_quiet: no progress bar.

    Raises:
        EnhanceError: something is missing, twice, or does not fit.
    """
    found = find_originals(originals, images)
    _check_names(peers, settings)
    enhancers = _enhancers(models, [protocol.codec for protocol in protocols], machine or {})
    chosen = _metrics(metrics, metric_weights, measures_sets)
    return Plan(found, protocols, enhancers, settings, peers, chosen, record or {}, is_quiet)


def _check_names(peers: Sequence[Peer], settings: Mapping[str, Knobs]) -> None:
    taken = [BASELINE, *settings]
    for peer in peers:
        if peer.name in taken:
            raise UsageError(f"two things cannot be called {peer.name!r}", hint="give the peer another name")
        taken.append(peer.name)


def _metrics(names: Sequence[str] | None, weights: Path | None, measures_sets: bool) -> Metrics:
    """The metrics that can be measured; says which cannot."""
    if not measures_sets:
        of_sets = [name for name in names or () if name in KINDS and KINDS[name].features]
        if of_sets:
            raise UsageError(f"{of_sets[0]} is over all pictures and needs --output FOLDER")
    usual = tuple(KINDS) if measures_sets else USUAL
    metrics = choose(names or usual, weights)
    for titles, reason in metrics.reasons.items():
        _LOG.warning("not measured: %s: %s", titles, reason)
    return metrics


def _enhancers(models: Iterable[str], codecs: Sequence[str], machine: Mapping[str, Any]) -> dict[str, Enhancer]:
    """An enhancer for each codec, its model loaded. Raises WeightsError, DeviceError, UsageError."""
    loaded = [load_checkpoint(path) for path in models]
    given = {checkpoint.codec: checkpoint for checkpoint in loaded}
    if len(given) < len(loaded):
        raise UsageError("--model takes one checkpoint for a codec", hint="compare two models in two runs")
    unused = [checkpoint for codec, checkpoint in given.items() if codec not in codecs]
    if unused:
        raise UsageError(f"the model {unused[0].name!r} is for {unused[0].codec}, not for {' '.join(codecs)}")
    enhancers = {codec: Enhancer(given.get(codec), **machine) for codec in codecs}
    for codec, enhancer in enhancers.items():
        if enhancer.has_model(codec):
            enhancer.checkpoint(codec)
    return enhancers
