"""Which settings make a curve."""

from __future__ import annotations

from typing import Any

from enhance.evaluation.measuring.settings import combine, describe
from enhance.evaluation.reporting.summary import Spread, Summary
from enhance.evaluation.reporting.sweeps import find_sweeps, label
from enhance.knobs import SamplingDefaults


def summaries(*choices: dict[str, list[Any]]) -> list[Summary]:
    """Summaries of all combinations, and of a decoded picture."""
    value = Spread(1, 1, 1, 0, 1)
    settings = {name: knobs for one in choices for name, knobs in combine(one).items()}
    ours = {name: describe(knobs, SamplingDefaults()) for name, knobs in settings.items()}
    return [
        Summary("jpeg", 10, name, 1, 1, 1, {"psnr": value}, {}, knobs)
        for name, knobs in {"decoded": {}, **ours}.items()
    ]


def names(*choices: dict[str, list[Any]]) -> dict[str, list[str]]:
    """{label: names of the points}."""
    sweeps = find_sweeps(summaries(*choices))
    return {label(sweep, sweeps): [one.setting for one in sweep.points] for sweep in sweeps}


def test_number_of_steps_begins_at_one() -> None:
    assert names({"steps": [8, 1, 4]}) == {"steps": ["steps=1", "steps=4", "steps=8"]}


def test_perception_begins_at_the_mean() -> None:
    assert names({"steps": [1]}, {"steps": [4], "perception": [1, 0.5]}) == {
        "perception": ["steps=1", "steps=4 perception=0.5", "steps=4 perception=1"]
    }


def test_every_knob_has_its_own_curves() -> None:
    found = names({"steps": [1]}, {"steps": [1, 4, 8], "perception": [0.5, 1.0]})
    assert found == {
        "perception (steps=1)": ["steps=1", "steps=1 perception=0.5", "steps=1 perception=1"],
        "steps (perception=0.5)": ["steps=1", "steps=4 perception=0.5", "steps=8 perception=0.5"],
        "steps (perception=1.0)": ["steps=1", "steps=4 perception=1", "steps=8 perception=1"],
        "perception (steps=4)": ["steps=1", "steps=4 perception=0.5", "steps=4 perception=1"],
        "perception (steps=8)": ["steps=1", "steps=8 perception=0.5", "steps=8 perception=1"],
    }


def test_curves_do_not_mix_what_else_differs() -> None:
    assert names({"steps": [1, 4], "consistent": [True, False]}) == {}
    found = names({"steps": [1, 2, 4], "consistent": [True, False]})
    assert found == {
        "steps (consistent=True)": ["steps=1", "steps=2", "steps=4"],
        "steps (consistent=False)": ["steps=1 unprojected", "steps=2 unprojected", "steps=4 unprojected"],
    }


def test_mirror_images_are_a_curve_and_begin_their_own() -> None:
    assert names({"steps": [1], "ensemble": [4, 1, 2]}) == {
        "ensemble": ["steps=1 ensemble=1", "steps=1 ensemble=2", "steps=1 ensemble=4"]
    }
    assert names({"steps": [1, 2, 4], "ensemble": [4]}) == {
        "steps": ["steps=1 ensemble=4", "steps=2 ensemble=4", "steps=4 ensemble=4"]
    }


def test_strength_of_one_step_is_a_curve_and_samplers_are_none() -> None:
    assert names({"strength": [1.0, 0.5, 0.0]}) == {"strength": ["strength=0", "strength=0.5", "strength=1"]}
    assert names({"steps": [4], "sampler": ["ddim", "ddpm"]}) == {}
    assert names({"mode": ["fidelity"]}) == {}


def test_two_settings_that_are_the_same_count_once() -> None:
    assert names({"mode": ["fidelity"]}, {"steps": [1, 2, 4]}) == {"steps": ["fidelity", "steps=2", "steps=4"]}
