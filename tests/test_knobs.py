"""Knobs: ranges, contradictions, and what a mode stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.errors import UsageError
from enhance.knobs import Knobs, SamplingDefaults

WRONG: list[dict[str, Any]] = [
    {"quality": 0}, {"quality": 101}, {"quality": 30.5}, {"quality": True}, {"qp": -1}, {"qp": 64}, {"mode": "best"},
    {"steps": 0}, {"steps": 1001}, {"steps": "4"}, {"perception": -0.1}, {"perception": 1.5},
    {"perception": float("nan")},
    {"strength": 2}, {"strength": "1"}, {"seed": -1}, {"seed": 2**64}, {"tile": -16}, {"tile": "big"}, {"tile": 1.5},
    {"sampler": "euler"}, {"eta": 2}, {"start": 0}, {"start": 1.1}, {"init": "zero"},
    {"threshold": 0}, {"threshold": -1}, {"threshold": float("nan")}, {"threshold": "off"},
    {"ensemble": 0}, {"ensemble": 3}, {"ensemble": 8}, {"ensemble": 2.0}, {"ensemble": "2"},
]  # fmt: skip

CONTRADICTIONS: list[dict[str, Any]] = [
    {"mode": "fidelity", "steps": 4},
    {"mode": "fidelity", "perception": 0.5},
]


@pytest.mark.parametrize("wrong", WRONG + CONTRADICTIONS, ids=str)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Knobs(**wrong)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert Knobs(quality=np.int64(30), perception=np.float32(0.5), steps=np.int32(3)).resolve().steps == 3


def test_balanced_is_the_default() -> None:
    model = SamplingDefaults(modes={"balanced": {"steps": 3, "perception": 0.4}})
    assert Knobs().resolve(model) == Knobs(mode="balanced").resolve(model)
    assert Knobs(seed=3, eta=1).resolve(model).steps == 3


def test_one_step_without_perception_is_the_posterior_mean() -> None:
    for knobs in (Knobs(mode="fidelity"), Knobs(steps=1), Knobs(perception=0), Knobs(steps=1, perception=0)):
        sampling = knobs.resolve(SamplingDefaults(modes={"perceptual": {"steps": 9, "perception": 1.0}}))
        assert (sampling.steps, sampling.evaluations, sampling.name) == (1, 1, "one-step")
        assert sampling.is_mean


def test_one_step_with_perception_starts_from_noise_at_a_lower_level() -> None:
    model = SamplingDefaults(start=0.8)
    for perception, level in ((0.25, 0.95), (0.5, 0.9), (1, 0.8)):
        sampling = Knobs(steps=1, perception=perception, init="mmse").resolve(model)
        assert sampling.start == pytest.approx(level)
        assert (sampling.init, sampling.evaluations, sampling.sampler_steps) == ("gaussian", 1, 1)
        assert (sampling.sample_share, sampling.name) == (1, "one-step")
    assert Knobs(steps=1, perception=0.5, start=0.6).resolve(model).start == pytest.approx(0.8)
    assert Knobs(steps=1, mode="perceptual").resolve(model).start == 0.8


def test_asking_for_samples_is_the_perceptual_mode() -> None:
    model = SamplingDefaults(start=0.4, modes={"perceptual": {"steps": 9, "perception": 0.9}})
    for knobs in (Knobs(steps=6), Knobs(mode="perceptual", steps=6)):
        sampling = knobs.resolve(model)
        assert (sampling.steps, sampling.perception, sampling.start) == (6, 0.9, 0.4)
    assert Knobs(perception=0.5).resolve(model).steps == 9


def test_own_values_go_before_the_model() -> None:
    model = SamplingDefaults(eta=0.2, sampler="ddpm", modes={"balanced": {"steps": 3, "perception": 0.4}})
    sampling = Knobs(mode="balanced", eta=1, perception=0.7).resolve(model)
    assert (sampling.steps, sampling.eta, sampling.sampler, sampling.perception) == (3, 1, "ddpm", 0.7)


@given(steps=st.integers(2, 50), perception=st.floats(0, 1), init=st.sampled_from(["mmse", "gaussian"]))
def test_evaluations_never_exceed_the_steps(steps: int, perception: float, init: Any) -> None:
    sampling = Knobs(steps=steps, perception=perception, init=init).resolve()
    assert sampling.evaluations == (1 if perception == 0 else steps)
    assert sampling.needs_mmse == (init == "mmse" or perception < 1)
