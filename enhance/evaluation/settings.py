"""The settings to compare: every combination of the knobs that were asked for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from enhance.errors import UsageError
from enhance.knobs import Knobs

_OF_SAMPLES = ("perception", "start", "init", "sampler", "eta")
"""Knobs that mean nothing where one step is made."""


def combine(choices: Mapping[str, Sequence[Any]]) -> dict[str, Knobs]:
    """All combinations of knobs, named by what tells them apart.

    Args:
        choices: {knob: values}; knobs without values keep their default. With one step the knobs of sampling are
            left out, so that `{"steps": [1, 4], "perception": [0.5]}` gives two settings.

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
            chosen = {name: value for name, value in chosen.items() if name not in _OF_SAMPLES}
        found[_name(chosen)] = Knobs(**chosen)
    return found


def _name(chosen: Mapping[str, Any]) -> str:
    """ "steps=4 perception=0.5"; modes stand for themselves, and projection is named where it is off."""
    words = []
    for name, value in chosen.items():
        if name == "consistent":
            words += [] if value else ["unprojected"]
        else:
            words.append(
                str(value) if name == "mode" else f"{name}={value:g}" if _is_number(value) else f"{name}={value}"
            )
    return " ".join(words) or "default"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def parse_switch(words: Sequence[str]) -> list[bool]:
    """Values of a switch from "on", "off" and "both". Raises UsageError on other words."""
    meanings = {"on": [True], "off": [False], "both": [True, False]}
    unknown = [word for word in words if word not in meanings]
    if unknown:
        raise UsageError(f"expected on, off or both, not {unknown[0]!r}")
    return [value for word in words for value in meanings[word]]
