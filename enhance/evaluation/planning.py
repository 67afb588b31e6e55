"""From the options of `enhance eval` to what is measured."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.evaluation.evaluate import Plan
from enhance.evaluation.measuring.measurement import BASELINE
from enhance.evaluation.measuring.originals import find_originals
from enhance.evaluation.measuring.peers import Peer
from enhance.evaluation.measuring.protocol import JpegProtocol, Protocol, VvcProtocol
from enhance.evaluation.measuring.settings import KNOB_TYPES, combine, parse, parse_switch
from enhance.evaluation.metrics.catalog import KINDS, USUAL, Metrics, choose
from enhance.knobs import Knobs
from enhance.models.checkpoint import load_checkpoint

_LOG = logging.getLogger(__name__)


def check(args: argparse.Namespace) -> None:
    """Refuses options that do not go together, before anything is loaded. Raises UsageError."""
    of_codec = {
        "jpeg": {"--qualities": args.qualities, "--subsampling": args.subsampling, "--gray": args.gray or None},
        "vvc": {"--qps": args.qps, "--streams": args.streams, "--preset": args.preset, "--cache": args.cache},
    }
    for codec, options in of_codec.items():
        given = [name for name, value in options.items() if value is not None]
        if given and codec not in args.codec:
            raise UsageError(f"{given[0]} is not for {' '.join(args.codec)}", hint="--codec chooses the codec")
    if args.output is not None and (args.output.suffix in (".csv", ".json", ".md") or args.output.is_file()):
        raise UsageError("--output is a folder", source=str(args.output))
    if args.metrics_dir is not None and not args.metrics_dir.is_dir():
        raise UsageError("there is no such folder of weights", source=str(args.metrics_dir))
    if not args.peer_time > 0:
        raise UsageError(f"--peer-time must be above 0, not {args.peer_time:g}")


def make_plan(args: argparse.Namespace) -> Plan:
    """The plan of an evaluation, models and metrics loaded. Raises EnhanceError."""
    protocols = _protocols(args)
    originals = find_originals(args.originals, args.images)
    settings = _settings(args)
    peers = _peers(args, settings)
    enhancers = _enhancers(args, [protocol.codec for protocol in protocols])
    metrics = _metrics(args)
    return Plan(originals, protocols, enhancers, settings, peers, metrics, _record(args), args.quiet)


def _protocols(args: argparse.Namespace) -> list[Protocol]:
    protocols: list[Protocol] = []
    if "jpeg" in args.codec:
        levels = tuple(dict.fromkeys(args.qualities or JpegProtocol.levels))
        protocols.append(JpegProtocol(levels, args.subsampling or JpegProtocol.subsampling, args.gray))
    if "vvc" in args.codec:
        levels = tuple(dict.fromkeys(args.qps or VvcProtocol.levels))
        cache = args.cache or (args.output / "streams" if args.output else None)
        protocols.append(VvcProtocol(levels, args.streams, args.preset or VvcProtocol.preset, cache))
    return protocols


def _settings(args: argparse.Namespace) -> dict[str, Knobs]:
    choices = {name: getattr(args, name) or [] for name in ("mode", *KNOB_TYPES)}
    choices |= {name: parse_switch(getattr(args, name) or []) for name in ("consistent", "guard")}
    # Settings by name stand alone, unless knobs ask for combinations, too.
    settings = combine(choices) if any(choices.values()) or not args.setting else {}
    for text in args.setting:
        settings |= parse(text)
    return settings


def _peers(args: argparse.Namespace, settings: dict[str, Knobs]) -> list[Peer]:
    peers = [Peer.parse(text, args.peer_time) for text in args.peer]
    taken = [BASELINE, *settings]
    for peer in peers:
        if peer.name in taken:
            raise UsageError(f"two things cannot be called {peer.name!r}", hint="give the peer another name")
        taken.append(peer.name)
    return peers


def _metrics(args: argparse.Namespace) -> Metrics:
    """The metrics that can be measured; says which cannot."""
    if args.output is None:
        of_sets = [name for name in args.metrics or () if name in KINDS and KINDS[name].features]
        if of_sets:
            raise UsageError(f"{of_sets[0]} is over all pictures and needs --output FOLDER")
    usual = USUAL if args.output is None else tuple(KINDS)
    metrics = choose(args.metrics or usual, args.metrics_dir)
    for titles, reason in metrics.reasons.items():
        _LOG.warning("not measured: %s: %s", titles, reason)
    return metrics


def _enhancers(args: argparse.Namespace, codecs: Sequence[str]) -> dict[str, Enhancer]:
    """An enhancer for each codec, its model loaded. Raises WeightsError, DeviceError, UsageError."""
    given = {checkpoint.codec: checkpoint for checkpoint in map(load_checkpoint, args.model)}
    if len(given) < len(args.model):
        raise UsageError("--model takes one checkpoint for a codec", hint="compare two models in two runs")
    unused = [checkpoint for codec, checkpoint in given.items() if codec not in codecs]
    if unused:
        raise UsageError(f"the model {unused[0].name!r} is for {unused[0].codec}, not for {' '.join(codecs)}")
    options = {"device": args.device, "dtype": args.dtype, "threads": args.threads}
    enhancers = {codec: Enhancer(given.get(codec), **options) for codec in codecs}
    for codec, enhancer in enhancers.items():
        enhancer.checkpoint(codec)
    return enhancers


def _record(args: argparse.Namespace) -> dict[str, Any]:
    """The options as plain JSON values."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
