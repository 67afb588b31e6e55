"""Whether tables explain what is seen, and tables that are put together from what is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from enhance.codecs.jpeg.estimation import own_tables
from enhance.codecs.jpeg.estimation.samples import FREQUENCIES, Values
from enhance.codecs.jpeg.estimation.tables import LARGEST_STEP
from enhance.codecs.jpeg.rate import ijg_tables


def seen(table: npt.NDArray[np.int64], count: int = 36, clear: float = 300.0) -> Values:
    """Evidence for the steps of a table alone, at so many frequencies."""
    steps = np.full((count, LARGEST_STEP + 1), -50, np.float32)
    steps[np.arange(count), table.reshape(64)[FREQUENCIES[:count]]] = clear
    return steps


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_a_table_explains_itself_and_no_other(quality: int) -> None:
    table, other = ijg_tables(quality)[0], ijg_tables(quality + 5)[0]
    steps = seen(table.astype(np.int64))
    assert own_tables.explain(steps, table.reshape(64).astype(np.int64))
    assert not own_tables.explain(steps, other.reshape(64).astype(np.int64))


def test_where_nothing_is_clear_any_table_will_do() -> None:
    steps = seen(ijg_tables(30)[0].astype(np.int64), clear=3)
    assert own_tables.count_clear(steps) == 0
    assert own_tables.explain(steps, ijg_tables(80)[0].reshape(64).astype(np.int64))


def test_of_chroma_a_step_beside_the_right_one_may_have_a_little_more_evidence() -> None:
    table = ijg_tables(20)[1].astype(np.int64)
    steps = seen(table, count=6)
    steps[0, table[0, 0] - 1] = 700
    assert not own_tables.explain(steps, table.reshape(64))
    assert own_tables.explain(steps, table.reshape(64), own_tables.CHROMA_EXPLAINED)
    steps[0, table[0, 0] - 1] = 3000
    assert not own_tables.explain(steps, table.reshape(64), own_tables.CHROMA_EXPLAINED)


@pytest.mark.parametrize("count", [10, 36])
def test_what_is_not_seen_is_filled_in_the_shape_of_what_is(count: int) -> None:
    for table in (ijg_tables(40)[0], ijg_tables(70)[1], ijg_tables(60)[0].T, np.full((8, 8), 17)):
        found = own_tables.fit(seen(table.astype(np.int64), count))
        assert np.abs(np.log2(found / table.astype(float))).max() < 0.2
