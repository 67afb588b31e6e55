"""The entropy coder gives back every symbol, costs what its tables say, and knows bytes that are not its own."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhance.errors import DecodeError, UsageError, WeightsError
from enhance.learned.network import HIGHEST_SCALE, LOWEST_SCALE
from enhance.learned.symbols import HIGHEST, decode_symbols, encode_symbols
from enhance.learned.tables import COUNT, LOG_STEP, PRECISION, SymbolTables, logistic_tables, tables_of

pytest.importorskip("constriction")
TABLES = logistic_tables()


def test_tables_are_whole_and_go_from_the_lowest_to_the_highest_scale() -> None:
    assert len(TABLES) == COUNT
    assert math.isclose(LOWEST_SCALE * math.exp(LOG_STEP * (COUNT - 1)), HIGHEST_SCALE)
    for index in range(COUNT):
        assert TABLES.probabilities(index).sum() == 1
    spread = [1 / TABLES.probabilities(index).max() for index in range(COUNT)]
    assert spread == sorted(spread)
    assert TABLES.bits(0)[1] < 0.002, "a zero that is sure costs nearly nothing"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-HIGHEST, HIGHEST), st.integers(0, COUNT - 1)), max_size=40))
def test_every_symbol_comes_back_also_from_beyond_its_table(pairs: list[tuple[int, int]]) -> None:
    symbols = np.array([symbol for symbol, _ in pairs], np.int32)
    indices = np.array([index for _, index in pairs], np.uint8)
    coded = encode_symbols(symbols, indices, TABLES)
    assert np.array_equal(decode_symbols(coded, indices, TABLES), symbols)


def test_strings_are_as_long_as_the_tables_say() -> None:
    rng = np.random.default_rng(0)
    indices = rng.integers(10, 40, 20_000).astype(np.uint8)
    symbols = np.rint(rng.logistic(0, LOWEST_SCALE * np.exp(LOG_STEP * indices))).astype(np.int32)
    said = sum(
        float(TABLES.bits(int(index))[min(symbol + TABLES.supports[index], 2 * TABLES.supports[index] + 1)])
        for symbol, index in zip(symbols.tolist(), indices.tolist())
        if abs(symbol) <= TABLES.supports[index]
    )
    assert 8 * len(encode_symbols(symbols, indices, TABLES)) == pytest.approx(said, rel=0.005)


def test_bytes_that_are_cut_or_of_other_tables_are_refused() -> None:
    indices = np.full(500, 30, np.uint8)
    coded = encode_symbols(np.arange(500, dtype=np.int32) % 9 - 4, indices, TABLES)
    for wrong, chosen in ((coded[:-1], indices), (coded + coded, indices), (coded[:-8] + bytes(4), indices),
                          (coded, indices[:400])):  # fmt: skip
        with pytest.raises(DecodeError):
            decode_symbols(wrong, chosen, TABLES)


def test_without_the_coder_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(UsageError, match=r"pip install enhance\[learned\]"):
        encode_symbols(np.zeros(1, np.int32), np.zeros(1, np.uint8), TABLES)


def test_tables_that_are_none_are_refused() -> None:
    counts = TABLES.counts.copy()
    counts[3, 0] += 1
    for supports, wrong in (
        (TABLES.supports, counts),
        (TABLES.supports[:-1], TABLES.counts),
        (TABLES.supports + 1, TABLES.counts),
    ):
        with pytest.raises(WeightsError):
            SymbolTables(supports, wrong)


def test_tables_are_kept_without_the_zeros_behind_them() -> None:
    packed = TABLES.packed()
    assert len(packed) < TABLES.counts.size / 4
    again = SymbolTables.unpacked(TABLES.supports, packed)
    assert np.array_equal(again.counts, TABLES.counts) and again.counts.dtype == np.int32
    other: Any = packed.astype(np.int32)
    for supports, wrong in (
        (TABLES.supports, packed[:-1]),
        (TABLES.supports * 0 - 9, packed),
        (TABLES.supports, other),
    ):
        with pytest.raises(WeightsError):
            SymbolTables.unpacked(supports, wrong)


def test_rare_symbols_keep_a_count_each() -> None:
    table = tables_of([np.array([1e-30, 1.0, 1e-30, 1e-30])])
    assert table.counts[0].tolist() == [1, (1 << PRECISION) - 3, 1, 1]
