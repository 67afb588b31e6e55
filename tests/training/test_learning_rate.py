"""The learning rate over a run."""

from __future__ import annotations

import pytest

from enhance.training.learning_rate import LearningRate


def test_a_run_of_known_length_rises_then_falls_to_zero() -> None:
    rate = LearningRate(peak=2.0, warmup=0.1)
    seen = [rate.at(done, round(done * 1000)) for done in (0, 0.05, 0.1, 0.55, 1)]
    assert seen == pytest.approx([0, 1, 2, 1, 0])


def test_a_constant_one_stays_and_falls_in_its_last_part_only() -> None:
    stays = LearningRate(schedule="constant", peak=1.0, warmup=0.1)
    assert [stays.at(done, round(done * 1000)) for done in (0.05, 0.1, 0.9, 1)] == pytest.approx([0.5, 1, 1, 1])
    falls = LearningRate(schedule="constant", peak=1.0, warmup=0.1, anneal=0.2)
    assert [falls.at(done, round(done * 1000)) for done in (0.1, 0.8, 0.9, 1)] == pytest.approx([1, 1, 0.5, 0])


@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_a_run_that_is_made_longer_does_not_start_anew(schedule: str) -> None:
    """500 steps are enough to rise, however small a share of the new length they are."""
    rate = LearningRate(schedule=schedule, peak=1.0, warmup=0.01)  # type: ignore[arg-type]
    assert rate.at(0.0001, 250) == pytest.approx(0.5)
    assert rate.at(0.0002, 500) == 1
    assert LearningRate(peak=1.0, warmup=0.0).at(0, 0) == 1
