"""The settings to compare: every combination of the knobs that were asked for, and single ones by name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from enhance.errors import UsageError
from enhance.knobs import MODES, Knobs, SamplingDefaults

_OF_STEPS = ("init", "sampler", "eta")
"""Knobs that mean nothing where one step is made."""

KNOB_TYPES: dict[str, type] = {
    "steps": int, "perception": float, "strength": float, "start": float,
    "init": str, "sampler": str, "eta": float, "seed": int, "threshold": float,
    "ensemble": int,
}  # fmt: skip
"""Knobs that have a value in a setting's name, in the order in which names have them."""

_SWITCHED_OFF = {"unprojected": "consistent", "unguarded": "guard"}
"""Words for knobs that are on by default."""

COLUMNS = (
    "steps", "perception", "strength", "sampler", "eta", "start", "init", "seed", "threshold", "ensemble", "consistent",
    "guard",
)  # fmt: skip
"""What `describe` tells of a setting."""


def combine(choices: Mapping[str, Sequence[Any]]) -> dict[str, Knobs]:
    """All combinations of knobs, named by what tells them apart.

    Args:
        choices: {knob: values}; knobs without values keep their default. With one step the knobs that need more are
            left out, so that `{"steps": [1, 4], "sampler": ["ddim", "ddpm"]}` gives three settings.

    Returns:
        {name: knobs}, for example {"steps=1": ..., "steps=4 perception=0.5": ...}; at least one.

    Raises:
        UsageError: a value is out of range, or a combination contradicts itself.
    """
    given = {name: list(dict.fromkeys(values)) for name, values in choices.items() if values}
    found: dict[str, Knobs] = {}
    for values in itertools.product(*given.values()):
        chosen = dict(zip(given, values, strict=True))
        if chosen.get("steps") == 1:
            chosen = {name: value for name, value in chosen.items() if name not in _OF_STEPS}
            if not chosen.get("perception"):
                chosen.pop("start", None)
        found[_name(chosen)] = Knobs(**chosen)
    return found


def parse(text: str) -> dict[str, Knobs]:
    """One setting by its name, as `combine` gives it: "perceptual", "steps=4 perception=0.5 unprojected".

    Returns:
        {name: knobs}, the name in its usual form.

    Raises:
        UsageError: there is no such knob, or a value is out of range.
    """
    chosen: dict[str, Any] = {}
    for word in text.split():
        name, is_assigned, value = word.partition("=")
        if word in MODES:
            chosen["mode"] = word
        elif word in _SWITCHED_OFF:
            chosen[_SWITCHED_OFF[word]] = False
        elif is_assigned and name in KNOB_TYPES:
            try:
                chosen[name] = KNOB_TYPES[name](value)
            except ValueError:
                raise UsageError(f"{name} cannot be {value!r}") from None
        elif word != "default":
            hint = f"{', '.join((*MODES, *_SWITCHED_OFF))}, or NAME=VALUE of {', '.join(KNOB_TYPES)}"
            raise UsageError(f"a setting cannot hold {word!r}", hint=hint)
    return {_name(chosen): Knobs(**chosen)}


def describe(knobs: Knobs, defaults: SamplingDefaults) -> dict[str, Any]:
    """What a setting really stands for with a model, {name of `COLUMNS`: value}; without what means nothing there."""
    sampling = knobs.resolve(defaults)
    values: dict[str, Any] = {
        "steps": sampling.evaluations, "perception": float(sampling.perception), "strength": float(knobs.strength),
        "threshold": float(knobs.threshold), "ensemble": int(knobs.ensemble), "consistent": knobs.consistent,
        "guard": knobs.guard,
    }  # fmt: skip
    if not sampling.is_mean:
        values |= {"start": sampling.start, "seed": knobs.seed}
    if sampling.evaluations > 1:
        values |= {"sampler": sampling.sampler, "init": sampling.init}
        if sampling.sampler == "ddim":
            values["eta"] = sampling.eta
    return {name: values[name] for name in COLUMNS if name in values}


def _name(chosen: Mapping[str, Any]) -> str:
    """ "steps=4 perception=0.5"; modes stand for themselves, and switches are named where they are off."""
    words = []
    names = {knob: word for word, knob in _SWITCHED_OFF.items()}
    for name, value in chosen.items():
        if name in names:
            words += [] if value else [names[name]]
        elif name == "mode":
            words.append(str(value))
        else:
            words.append(f"{name}={value:g}" if isinstance(value, int | float) else f"{name}={value}")
    return " ".join(words) or "default"


def parse_switch(words: Sequence[str]) -> list[bool]:
    """Values of a switch from "on", "off" and "both". Raises UsageError on other words."""
    meanings = {"on": [True], "off": [False], "both": [True, False]}
    unknown = [word for word in words if word not in meanings]
    if unknown:
        raise UsageError(f"expected on, off or both, not {unknown[0]!r}")
    return [value for word in words for value in meanings[word]]
