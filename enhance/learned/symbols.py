"""Integers to bytes and back by asymmetric numeral systems, each by the table that was chosen for it.

The coder is that of the package `constriction`. Symbols of one table are coded together, in the order of the tables,
so that a whole picture takes one call for each table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.errors import DecodeError, UsageError
from enhance.learned.tables import SymbolTables

_ESCAPED_BITS = 17
HIGHEST = (1 << (_ESCAPED_BITS - 1)) - 1
"""Symbols are from minus this to this."""

Ints = npt.NDArray[np.int32]
Indices = npt.NDArray[np.uint8]


def encode_symbols(symbols: Ints, indices: Indices, tables: SymbolTables) -> bytes:
    """The symbols as bytes.

    Args:
        symbols: [N], from -`HIGHEST` to `HIGHEST`.
        indices: [N], of each symbol's table.
        tables: all tables.

    Raises:
        UsageError: the package `constriction` is missing.
    """
    stream = _stream()
    coder = stream.stack.AnsCoder()
    groups = [(index, symbols[places]) for index, places in _groups(indices)]
    # The coder is a stack: what is decoded first is encoded last.
    escaped = [values[np.abs(values) > tables.supports[index]] for index, values in groups]
    values = np.concatenate([np.empty(0, np.int32), *escaped])
    if len(values):
        coder.encode_reverse((values + HIGHEST).astype(np.int32), _escapes(stream))
    for index, values in reversed(groups):
        support = int(tables.supports[index])
        coded = np.where(np.abs(values) > support, 2 * support + 1, values + support)
        coder.encode_reverse(coded.astype(np.int32), _model(stream, tables, index))
    return bytes(coder.get_compressed().astype("<u4").tobytes())


def decode_symbols(coded: bytes, indices: Indices, tables: SymbolTables) -> Ints:
    """Inverse of `encode_symbols`.

    Raises:
        DecodeError: the bytes are not of these indices and tables.
        UsageError: the package `constriction` is missing.
    """
    stream = _stream()
    if len(coded) % 4:
        raise DecodeError("a coded string is cut")
    try:
        coder = stream.stack.AnsCoder(np.frombuffer(coded, "<u4").astype(np.uint32))
    except ValueError as error:
        raise DecodeError("a coded string has no end") from error
    symbols = np.empty(len(indices), np.int32)
    escaped = []
    for index, places in _groups(indices):
        support = int(tables.supports[index])
        found = np.asarray(coder.decode(_model(stream, tables, index), len(places))) - support
        symbols[places] = found
        escaped.append(places[found > support])
    places = np.concatenate([np.empty(0, np.int64), *escaped])
    if len(places):
        symbols[places] = np.asarray(coder.decode(_escapes(stream), len(places))) - HIGHEST
    if not coder.is_empty():
        raise DecodeError("a coded string does not end where its symbols do")
    return symbols


def _groups(indices: Indices) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Each table that is used, with the places of its symbols."""
    order = np.argsort(indices, kind="stable")
    counts = np.bincount(indices, minlength=256)
    ends = np.cumsum(counts)
    for index in np.flatnonzero(counts):
        yield int(index), order[ends[index] - counts[index] : ends[index]]


def _model(stream: Any, tables: SymbolTables, index: int) -> Any:
    return stream.model.Categorical(tables.probabilities(index), lazy=False, perfect=False)


def _escapes(stream: Any) -> Any:
    return stream.model.Uniform(2 * HIGHEST + 1)


def _stream() -> Any:
    try:
        from constriction import stream
    except ImportError as error:
        hint = "pip install enhance[learned]"
        raise UsageError("files of the learned codec need the package constriction", hint=hint) from error
    return stream
