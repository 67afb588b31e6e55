"""The settings to compare: combinations, names, and what they stand for."""

from __future__ import annotations

import math
from typing import Any

import pytest

from enhance.errors import UsageError
from enhance.evaluation.measuring.settings import combine, describe, parse, parse_switch
from enhance.knobs import Knobs, SamplingDefaults


def test_settings_are_all_combinations() -> None:
    settings = combine({"steps": [1, 4], "perception": [0.5, 1], "consistent": parse_switch(["both"])})
    assert list(settings) == [
        "steps=1 perception=0.5", "steps=1 perception=0.5 unprojected",
        "steps=1 perception=1", "steps=1 perception=1 unprojected",
        "steps=4 perception=0.5", "steps=4 perception=0.5 unprojected",
        "steps=4 perception=1", "steps=4 perception=1 unprojected",
    ]  # fmt: skip
    assert settings["steps=1 perception=1"] == Knobs(steps=1, perception=1)
    assert list(combine({"steps": [1, 4], "start": [0.5, 0.9], "sampler": ["ddim", "ddpm"]}))[:2] == [
        "steps=1", "steps=4 start=0.5 sampler=ddim"
    ]  # fmt: skip
    assert settings["steps=4 perception=1 unprojected"] == Knobs(steps=4, perception=1, consistent=False)
    assert combine({}) == {"default": Knobs()}
    assert combine({"mode": ["fidelity", "perceptual"]}) == {m: Knobs(mode=m) for m in ("fidelity", "perceptual")}


def test_a_name_stands_for_its_setting() -> None:
    settings = combine({
        "steps": [1, 4], "perception": [0.5], "eta": [1.0], "sampler": ["ddim"], "start": [0.3], "init": ["gaussian"],
        "seed": [3], "threshold": [0.5, math.inf], "consistent": [True, False],
    })  # fmt: skip
    settings |= combine({"mode": ["balanced"], "strength": [0.5]}) | combine({})
    assert len(settings) == 10
    for name, knobs in settings.items():
        assert parse(name) == {name: knobs}
    assert parse("unprojected  balanced steps=3") == {"unprojected balanced steps=3": Knobs(
        mode="balanced", steps=3, consistent=False
    )}  # fmt: skip


@pytest.mark.parametrize(
    "text", ["steps=many", "steps=0", "speed=1", "fast", "steps=2 fidelity", "perception=2", "sampler=euler"]
)
def test_names_of_no_setting(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize("wrong", [{"perception": [2]}, {"steps": [0]}, {"steps": [2], "mode": ["fidelity"]}])
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        combine(wrong)
    with pytest.raises(UsageError):
        parse_switch(["perhaps"])


MODES = {"balanced": {"steps": 2, "perception": 0.5}, "perceptual": {"steps": 4, "perception": 1.0}}


def test_what_a_setting_stands_for_with_a_model() -> None:
    model = SamplingDefaults(start=0.4, modes=MODES)
    one_step = {
        "steps": 1, "perception": 0.0, "strength": 1.0, "threshold": 1.0, "ensemble": 1, "consistent": True,
        "guard": True,
    }  # fmt: skip
    assert describe(Knobs(mode="fidelity"), model) == one_step
    assert describe(Knobs(steps=8, perception=0), model) == one_step
    assert describe(Knobs(mode="balanced", seed=3), model) == {
        "steps": 2, "perception": 0.5, "strength": 1.0, "sampler": "ddim", "eta": 0.0, "start": 0.4, "init": "mmse",
        "seed": 3, "threshold": 1.0, "ensemble": 1, "consistent": True,
        "guard": True,
    }  # fmt: skip
    from_noise = {"perception": 0.5, "start": 0.7, "seed": 0}
    assert describe(Knobs(steps=1, perception=0.5), model) == one_step | from_noise
    assert "eta" not in describe(Knobs(steps=4, perception=1, sampler="ddpm"), model)
