"""The processor's faster arithmetic is measured once, and remembered where that can be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from enhance.system import arithmetic

Times = dict[str, float]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the cache, in a home of its own; nothing is known yet."""
    monkeypatch.setattr(arithmetic, "cache_folder", lambda: tmp_path / "home" / "enhance")
    arithmetic.convolution_seconds.cache_clear()
    yield tmp_path / "home" / "enhance" / "arithmetic.json"
    arithmetic.convolution_seconds.cache_clear()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Times]:
    """What measuring gives, as often as it is done."""
    done: list[Times] = []

    def measure() -> Times:
        done.append({"float32": 0.002, "bfloat16": 0.0005})
        return done[-1]

    monkeypatch.setattr(arithmetic, "_measure", measure)
    return done


def ask_anew() -> Times:
    """As in the next process."""
    arithmetic.convolution_seconds.cache_clear()
    return arithmetic.convolution_seconds()


def test_it_is_measured_once_for_a_machine(cache: Path, measured: list[Times]) -> None:
    for _ in range(3):
        assert ask_anew() == {"float32": 0.002, "bfloat16": 0.0005}
    assert len(measured) == 1 and cache.is_file()


def test_another_processor_or_torch_is_measured_too(
    cache: Path, measured: list[Times], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for version, kernels in (("1", ""), ("2", ""), ("2", "AVX2")):
        monkeypatch.setattr(torch, "__version__", version)
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", kernels)
        ask_anew()
        names.append(arithmetic._processor())
    assert len(measured) == 3 and [*json.loads(cache.read_text())] == names


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"7", b'{"x": 1}', b'{"x": {"float32": "fast"}}', b"[" * 100_000,
        b'{"NAME": {"float32": 0, "bfloat16": 1}}', b'{"NAME": {"float32": NaN, "bfloat16": 1}}',
        b'{"NAME": {"float32": 1}}', b'{"NAME": null}',
    ],
    ids=lambda content: content[:30].decode("latin-1"),
)  # fmt: skip
def test_a_damaged_cache_is_measured_anew_and_mended(cache: Path, measured: list[Times], content: bytes) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_bytes(content.replace(b"NAME", arithmetic._processor().encode()))
    assert ask_anew() == ask_anew() == measured[0]
    assert len(measured) == 1


def test_without_a_place_to_write_it_is_measured_each_time(
    cache: Path, measured: list[Times], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.parent.write_text("a file where the folder should be")
    ask_anew()
    monkeypatch.setattr(arithmetic, "cache_folder", lambda: None)
    ask_anew()
    assert len(measured) == 2


@pytest.mark.parametrize(("seconds", "fast"), [((2.0, 1.0), True), ((1.1, 1.0), False), ((1.0, 1.4), False)])
def test_bfloat16_has_to_be_worth_it(seconds: tuple[float, float], fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    times = dict(zip(("float32", "bfloat16"), seconds))
    monkeypatch.setattr(arithmetic, "convolution_seconds", lambda: times)
    assert arithmetic.is_fast_in_bfloat16() == fast


def test_measuring_gives_times_and_leaves_the_threads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    seconds = arithmetic._measure()
    assert seconds.keys() == {"float32", "bfloat16"} and all(value > 0 for value in seconds.values())
    assert torch.get_num_threads() == before
