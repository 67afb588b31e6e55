"""The noise schedule: ends, monotony and agreement of its two forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enhance.diffusion.schedule import alpha_bar, alpha_bar_tensor, timesteps
from enhance.errors import UsageError


def test_ends_are_exact() -> None:
    assert alpha_bar(0.0) == 1.0
    assert alpha_bar(1.0) == 0.0, "t = T must be pure noise, or one step would not be the posterior mean"
    assert alpha_bar_tensor(torch.tensor([0.0, 1.0])).tolist() == [1.0, 0.0]


def test_half_way_signal_and_noise_are_equal() -> None:
    assert alpha_bar(0.5) == pytest.approx(0.5)


@given(st.floats(0, 0.999), st.floats(0, 1))
def test_noise_grows_with_t(t: float, share: float) -> None:
    later = t + share * (1 - t)
    assert alpha_bar(later) <= alpha_bar(t)
    assert alpha_bar_tensor(torch.tensor(t, dtype=torch.float64)).item() == pytest.approx(alpha_bar(t), abs=1e-12)


@given(st.floats(0.01, 1), st.integers(1, 50))
def test_timesteps_fall_evenly_from_start_to_zero(start: float, steps: int) -> None:
    times = timesteps(start, steps)
    assert len(times) == steps + 1
    assert times[0] == start and times[-1] == 0
    assert all(a > b for a, b in zip(times, times[1:]))
    assert [a - b for a, b in zip(times, times[1:])] == pytest.approx([start / steps] * steps)


@pytest.mark.parametrize(("start", "steps"), [(0.5, 0), (0.0, 3), (1.1, 3), (-0.5, 3)])
def test_impossible_timesteps_are_refused(start: float, steps: int) -> None:
    with pytest.raises(UsageError):
        timesteps(start, steps)
