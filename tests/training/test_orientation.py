"""Orientations: what is turned can be turned back, and all eight occur."""

from __future__ import annotations

import torch

from enhance.training.orientation import Orientation


def drawn(count: int, *, transposing: bool = True) -> set[Orientation]:
    generator = torch.Generator().manual_seed(0)
    return {Orientation.draw(generator, transposing=transposing) for _ in range(count)}


def test_what_is_turned_is_turned_back() -> None:
    images = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    everything = drawn(200)
    assert len({tuple(one.turn(images).reshape(-1).tolist()) for one in everything}) == 8
    for one in everything:
        assert torch.equal(one.back(one.turn(images)), images)


def test_without_transposing_rows_stay_rows() -> None:
    some = drawn(200, transposing=False)
    assert len(some) == 4
    rows = torch.arange(4.0)[:, None].expand(4, 4)
    assert all(bool((one.turn(rows) == one.turn(rows)[:, :1]).all()) for one in some)
    assert any(not bool((one.turn(rows) == one.turn(rows)[:, :1]).all()) for one in drawn(200))
