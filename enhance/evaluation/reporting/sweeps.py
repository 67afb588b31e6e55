"""Which settings differ in one knob alone, so that a curve through them shows what that knob does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from enhance.evaluation.reporting.summary import Summary

_SWEPT = ("steps", "perception", "strength", "eta", "start", "threshold", "ensemble")
# Both of these knobs begin at the posterior mean.
_BEGIN_AT_THE_MEAN = ("steps", "perception")
# A table of an older version may lack some.
_OF_EVERY_SETTING = ("strength", "threshold", "ensemble", "consistent", "guard")


@dataclass(frozen=True)
class Sweep:
    """Settings along one knob.

    Attributes:
        knob: its name.
        fixed: the other knobs.
        points: ascending in the knob, two or more.
    """

    knob: str
    fixed: dict[str, Any]
    points: tuple[Summary, ...]


def find_sweeps(summaries: Sequence[Summary]) -> list[Sweep]:
    """All sweeps among the settings of one codec at one level."""
    sweeps = []
    ours = [one for one in summaries if one.knobs]
    means = [one for one in ours if _is_mean(one)]
    for knob in _SWEPT:
        groups: dict[tuple[tuple[str, Any], ...], dict[Any, Summary]] = defaultdict(dict)
        for one in ours:
            if knob in one.knobs and not (_is_mean(one) and knob in _BEGIN_AT_THE_MEAN):
                # In one step perception is the noise level.
                moving = (knob, "start") if knob == "perception" and one.knobs["steps"] == 1 else (knob,)
                rest = tuple((name, value) for name, value in one.knobs.items() if name not in moving)
                groups[rest].setdefault(one.knobs[knob], one)
        for rest, points in groups.items():
            if len(points) < 2:
                continue
            fixed = dict(rest)
            if knob in _BEGIN_AT_THE_MEAN:
                first = [
                    one for one in means if all(one.knobs.get(name) == fixed.get(name) for name in _OF_EVERY_SETTING)
                ]
                points = {one.knobs[knob]: one for one in first[:1]} | points
            sweeps.append(Sweep(knob, fixed, tuple(points[value] for value in sorted(points))))
    return sweeps


def _is_mean(one: Summary) -> bool:
    return bool(one.knobs["perception"] == 0)


def label(sweep: Sweep, others: Sequence[Sweep]) -> str:
    """The knob's name, with the fixed knobs by which it differs from other sweeps of the same knob."""
    alike = [one.fixed for one in others if one.knob == sweep.knob]
    names = [name for name, value in sweep.fixed.items() if any(fixed.get(name, value) != value for fixed in alike)]
    words = [f"{name}={sweep.fixed[name]}" for name in names]
    return f"{sweep.knob} ({' '.join(words)})" if words else sweep.knob
