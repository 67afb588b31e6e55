"""The targets of the fuzz job hold against what it once found, and it finds what is broken."""

from __future__ import annotations

from pathlib import Path

import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FOUND = sorted(path for path in fuzz.CORPUS.rglob("*.bin"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_what_was_found_stays_mended(path: Path) -> None:
    target = fuzz.TARGETS[path.parent.name]()
    target.check(target.seeds[0])
    target.check(path.read_bytes())


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_mutated_files_are_read_or_refused(name: str) -> None:
    target = fuzz.TARGETS[name]()
    for content in target.seeds:
        target.check(content)

    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    @given(fuzz.mutated(target.seeds))
    def check(content: bytes) -> None:
        target.check(content)

    check()


def test_it_finds_what_is_broken_and_makes_it_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fragile(content: bytes) -> None:
        if b"\xff\xff" in content:
            raise IndexError("out of bounds")

    monkeypatch.setitem(fuzz.TARGETS, "fragile", lambda: fuzz.Target(fragile, (bytes(50),)))
    monkeypatch.setattr(fuzz, "CORPUS", tmp_path)
    count, found = fuzz.fuzz("fragile", 60)
    assert found is not None and b"\xff\xff" in found and count > 0
    assert fuzz.main(["fragile"]) == 1
    assert len(list((tmp_path / "fragile").iterdir())) == 1


@given(st.data())
def test_mutations_reach_everything(data: st.DataObject) -> None:
    assert isinstance(data.draw(fuzz.mutated([b"abc"])), bytes)
