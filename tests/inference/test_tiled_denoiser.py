"""Tiles against a network that needs every pixel of the halo: any that is missing shows at full strength."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from enhance.codecs.conditioning import grid_phase, pack
from enhance.inference.tiled_denoiser import TiledDenoiser, _is_finite


class Corners:
    """Adds up the pixels at the corners of a square of `receptive_radius` pixels, zero beyond the border."""

    stride = 8

    def __init__(self, receptive_radius: int) -> None:
        self.receptive_radius = receptive_radius

    def __call__(
        self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
    ) -> Tensor:
        radius = self.receptive_radius
        sums = F.pad(3 * base + r_t * t[:, None, None, None], [radius] * 4)
        height, width = base.shape[2:]
        places = [(0, 0), (0, 2 * radius), (2 * radius, 0), (2 * radius, 2 * radius)]
        return torch.stack([sums[..., y : y + height, x : x + width] for y, x in places]).sum(dim=0)


@settings(max_examples=25)
@given(
    height=st.integers(1, 90), width=st.integers(1, 90), tile=st.integers(1, 40), radius=st.sampled_from([1, 7, 8, 19])
)
def test_tiles_are_exact_to_the_last_pixel_of_the_halo(height: int, width: int, tile: int, radius: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    whole, tiled = (
        TiledDenoiser(Corners(radius), pixels, np.zeros(4), device=torch.device("cpu"), tile=side) for side in (0, tile)
    )
    state = torch.from_numpy(rng.normal(size=whole.shape).astype(np.float32))
    assert torch.equal(whole(state, 0.5), tiled(state, 0.5))
    assert torch.equal(whole(None, 1.0), tiled(None, 1.0))


def test_mirror_images_count_against_the_budget() -> None:
    pixels = np.zeros((128, 128, 3), np.uint8)
    options = {"device": torch.device("cpu"), "budget": 128 * 128 * 650}
    alone, four = (TiledDenoiser(Corners(1), pixels, np.zeros(4), ensemble=n, **options) for n in (1, 4))  # type: ignore[arg-type]
    assert (len(list(alone.plan)), len(list(four.plan))) == (1, 2)


def test_mirror_images_keep_tiles_exact() -> None:
    class Slanted(Corners):
        def __call__(
            self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
        ) -> Tensor:
            seen = 3 * base + r_t
            return F.pad(seen, [5, 0, 3, 0])[..., : base.shape[2], : base.shape[3]]  # what is left of and above

    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (53, 70, 3)).astype(np.uint8)
    options = {"device": torch.device("cpu"), "ensemble": 4}
    whole, tiled = (TiledDenoiser(Slanted(5), pixels, np.zeros(4), tile=side, **options) for side in (0, 16))  # type: ignore[arg-type]
    state = torch.from_numpy(rng.normal(size=whole.shape).astype(np.float32))
    assert torch.allclose(whole(state, 0.5), tiled(state, 0.5), atol=1e-6)
    seen = 3 * (torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1) + state[:, :53, :70]
    inside = whole.prediction[:, 3:50, 5:65]  # where all four neighbours exist
    corners = [seen[:, y : y + 47, x : x + 60] for y in (0, 6) for x in (0, 10)]
    assert torch.allclose(inside, sum(corners) / 4, atol=1e-5)  # type: ignore[arg-type]


def test_the_base_is_given_from_minus_one_to_one_and_padded_by_reflection() -> None:
    class Base(Corners):
        def __call__(
            self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
        ) -> Tensor:
            return base

    for pixels in (np.array([[0, 51, 255]], np.uint8), np.array([[0, 0.2, 1]], np.float32)):
        predicted = TiledDenoiser(Base(0), pixels, np.zeros(4), device=torch.device("cpu"))(None, 1.0)
        assert predicted.shape == (3, 8, 8)
        row = torch.tensor([-1.0, -0.6, 1.0, -0.6, -1.0, -1.0, -1.0, -1.0])
        assert torch.allclose(predicted, row.expand(3, 8, 8))


def test_a_mirror_image_is_told_where_its_grid_lies_and_the_position_arrives() -> None:
    seen = []

    class Noted(Corners):
        def __call__(
            self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
        ) -> Tensor:
            seen.append((conditioning[0].numpy(), position))
            return base

    vector = pack(grid=grid_phase((3, 5)))
    pixels = np.zeros((16, 16, 3), np.uint8)
    denoise = TiledDenoiser(Noted(0), pixels, vector, device=torch.device("cpu"), ensemble=4)
    denoise(None, 1.0, 0.25)
    for (told, position), offset in zip(seen, [(3, 5), (3, -5), (-3, 5), (-3, -5)], strict=True):
        np.testing.assert_allclose(told, pack(grid=grid_phase(offset)), atol=1e-6)
        assert position is not None and position.tolist() == [0.25]
    denoise(None, 1.0)
    assert seen[-1][1] is None


@pytest.mark.parametrize("values", [[1.0, -2.0], [3e38, 3e38, -3e38]])
def test_finite_values_are_found_finite_even_if_their_sum_is_not(values: list[float]) -> None:
    assert _is_finite(torch.tensor(values))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_found(value: float) -> None:
    values = torch.zeros(3, 40, 40)
    values[1, 7, 9] = value
    assert not _is_finite(values)
    values[2, 0, 0] = -value
    assert not _is_finite(values)
