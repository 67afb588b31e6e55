"""Tables over the rate: nodes, interpolation and refusal of nonsense."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError

TABLE = RateTable((5, 10, 40), (0.16, 0.12, 0.07))


def test_nodes_are_returned_and_ends_are_held() -> None:
    assert [TABLE(q) for q in (5, 10, 40)] == pytest.approx([0.16, 0.12, 0.07])
    assert TABLE(1) == pytest.approx(0.16)
    assert TABLE(100) == pytest.approx(0.07)


def test_interpolation_is_linear_in_the_logarithm() -> None:
    assert TABLE(7.5) == pytest.approx(math.sqrt(0.16 * 0.12))


@given(st.floats(1, 100), st.floats(1, 100))
def test_a_falling_table_stays_falling(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert TABLE(low) >= TABLE(high)


def test_survives_json() -> None:
    assert RateTable.from_dict(json.loads(json.dumps(TABLE.to_dict()))) == TABLE


@pytest.mark.parametrize(
    "values",
    [
        {"levels": [], "values": []},
        {"levels": [1, 2], "values": [1]},
        {"levels": [2, 1], "values": [1, 1]},
        {"levels": [1, 2], "values": [1, 0]},
        {"levels": [1, 2]},
        {"levels": ["a"], "values": [1]},
    ],
)
def test_a_table_that_is_none_is_refused(values: dict[str, list[float]]) -> None:
    with pytest.raises(WeightsError):
        RateTable.from_dict(values)
