"""Random views: both pictures seen alike, and nothing that hides on the grid of the blocks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from enhance.training.looks import SCALES, SHIFTS, SeenDistance, random_view


def absolute(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().mean(dim=(1, 2, 3))


def test_windows_start_at_every_place_and_turn_both_ways() -> None:
    """Pixels that hold their own row and column tell where they went."""
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(48.0), indexing="ij")
    picture = torch.stack([rows, columns, 0 * rows]).expand(16, -1, -1, -1)
    generator, seen = torch.Generator().manual_seed(0), set()
    for _ in range(500):
        view = random_view(picture.shape, generator)(picture)
        if view.shape[2:] != (40 - SHIFTS + 1, 48 - SHIFTS + 1):
            continue
        for place, axis in ((view[:, 0], 1), (view[:, 1], 2)):
            steps = place.diff(dim=axis)
            assert bool((steps.abs() == 1).all()), "pixels stay whole"
        tops, lefts = view[:, 0].amin(dim=(1, 2)), view[:, 1].amin(dim=(1, 2))
        turned = view[:, 0, 0, 0] > tops, view[:, 1, 0, 0] > lefts
        seen |= set(zip(tops.tolist(), lefts.tolist(), *(flags.tolist() for flags in turned)))
    assert len(seen) == SHIFTS * SHIFTS * 4


def test_sizes_cover_their_range() -> None:
    generator = torch.Generator().manual_seed(0)
    picture = torch.zeros(1, 3, 107, 87)
    heights = [random_view(picture.shape, generator)(picture).shape[2] for _ in range(300)]
    assert 75 <= min(heights) < 78 and 130 < max(heights) <= 133
    assert 0.4 < sum(height == 100 for height in heights) / len(heights) < 0.65
    assert (round(100 * SCALES[0]), round(100 * SCALES[1])) == (75, 133)


def test_both_pictures_are_seen_alike_and_distances_are_averaged() -> None:
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    distance = SeenDistance([absolute, lambda a, b: 3 * absolute(a, b)])
    generator = torch.Generator().manual_seed(2)
    for _ in range(10):
        assert distance(x, x, generator).tolist() == [0, 0]
        # What is everywhere the same stays the same, however it is seen.
        assert distance(x + 0.5, x, generator).tolist() == pytest.approx([1, 1], rel=1e-4)


def test_a_generator_decides_the_views() -> None:
    x, y = torch.rand(2, 3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    distance = SeenDistance([absolute])
    first, again, other = (distance(x, y, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_gradients_reach_every_pixel_in_time() -> None:
    """Corners are seen by one window in 64."""
    x = torch.rand(32, 3, 40, 40, generator=torch.Generator().manual_seed(1), requires_grad=True)
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        SeenDistance([absolute])(x, torch.zeros_like(x), generator).sum().backward()
    assert x.grad is not None and bool((x.grad.abs().sum(dim=(0, 1)) > 0).all())


def test_small_crops_are_not_made_smaller_than_backbones_take() -> None:
    generator, picture = torch.Generator().manual_seed(0), torch.zeros(1, 3, 40, 40)
    assert all(random_view(picture.shape, generator)(picture).shape[2] >= 32 for _ in range(100))
