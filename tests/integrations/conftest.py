"""What the tests of integrations share: tiny models in the place of those that ship, and a small VVC stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from enhance import enhancer
from tests.codecs.vvc.conftest import vvc_stream

__all__ = ["vvc_stream"]


@pytest.fixture
def tiny_defaults(tiny_weights: Path) -> Iterator[None]:
    """Whoever names no model gets a tiny one."""
    enhancer.shared_enhancer.cache_clear()
    yield
    enhancer.shared_enhancer.cache_clear()


@pytest.fixture(scope="session")
def golden_stream() -> bytes:
    """A VVC stream of one picture."""
    return (Path(__file__).parents[1] / "golden" / "qp37.266").read_bytes()
