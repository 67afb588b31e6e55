"""The residual of a picture against the samplers' own functions, for a network whose posterior is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from enhance.diffusion.noise import NoiseField
from enhance.diffusion.sampler import sample_ddim, sample_ddpm, start_from_gaussian, start_from_mmse
from enhance.diffusion.schedule import alpha_bar, timesteps
from enhance.inference import residual
from enhance.inference.residual import Residual, sample_residual
from enhance.inference.tiled_denoiser import TiledDenoiser
from enhance.knobs import Sampling

HEIGHT, WIDTH, THRESHOLD, SEED = 72, 80, 1.2, 5


class Gaussian:
    """E[r0 | r_t] for r0 ~ N(base, 0.3)."""

    stride, receptive_radius = 8, 0

    def __call__(
        self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
    ) -> Tensor:
        ab = alpha_bar(float(t))
        return base + ab**0.5 * 0.3 / (0.3 * ab + 1 - ab) * (r_t - ab**0.5 * base)


def picture() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)


def expected_sample(sampling: Sampling) -> tuple[Tensor, Tensor]:
    """r̂_1 and r̂_N with noise arrays of the whole picture."""

    def draw(index: int) -> Tensor:
        return torch.from_numpy(NoiseField(SEED).crop(index, 0, 0, HEIGHT, WIDTH))

    network, base = Gaussian(), torch.from_numpy(picture()).permute(2, 0, 1) * 2 - 1
    mmse = base.clamp(-THRESHOLD, THRESHOLD)
    if sampling.is_mean:
        return mmse, mmse
    from_mmse = sampling.init == "mmse"
    state = (
        start_from_mmse(mmse, draw(0), sampling.start) if from_mmse else start_from_gaussian(draw(0), sampling.start)
    )
    times = timesteps(sampling.start, sampling.sampler_steps)

    def denoise(r_t: Tensor, t: float) -> Tensor:
        return network(r_t, base, torch.tensor(t), torch.zeros(0))

    if sampling.sampler == "ddpm":
        return mmse, sample_ddpm(denoise, state, times, threshold=THRESHOLD, noise=lambda index: draw(1 + index))
    noise, eta = (lambda index: draw(1 + index)), sampling.eta
    return mmse, sample_ddim(denoise, state, times, threshold=THRESHOLD, eta=eta, noise=noise)


def sample(sampling: Sampling, threshold: float = THRESHOLD) -> Residual:
    state = residual.state_dtype(HEIGHT, WIDTH)
    cpu = torch.device("cpu")
    denoise = TiledDenoiser(Gaussian(), picture(), np.zeros(4), device=cpu, tile=24, state_dtype=state)
    return sample_residual(denoise, sampling, NoiseField(SEED), threshold)


CHOICES = [
    Sampling(1, 0.0, 0.5, "mmse", "ddim", 0.0),
    Sampling(1, 0.3, 0.9, "gaussian", "ddim", 0.0),
    Sampling(4, 1.0, 0.6, "mmse", "ddim", 0.0),
    Sampling(4, 0.3, 0.6, "mmse", "ddim", 0.7),
    Sampling(3, 1.0, 1.0, "gaussian", "ddim", 1.0),
    Sampling(5, 0.6, 0.8, "gaussian", "ddpm", 0.0),
]


@pytest.mark.parametrize("sampling", CHOICES, ids=str)
@pytest.mark.parametrize("large", [False, True])
def test_it_is_the_samplers_result_with_the_pictures_noise(
    sampling: Sampling, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(residual, "LARGE", 1)
    monkeypatch.setattr("enhance.frames.depth._BAND_PIXELS", 3000)  # several bands
    found = sample(sampling).rows(slice(10, 70), 70)
    mmse, sampled = (array[:, 10:70, :70].permute(1, 2, 0) for array in expected_sample(sampling))
    p = sampling.sample_share
    # float16 between the steps, and half a step of the 8 bits in which the mean is kept.
    tolerance = 0.003 + (1 - p) * THRESHOLD / 254 if large else 1e-5
    assert (found - (mmse + p * (sampled - mmse))).abs().max() < tolerance


def test_the_threshold_limits_the_mean_and_the_sample() -> None:
    for sampling in CHOICES:
        assert sample(sampling, 0.4).rows(slice(0, HEIGHT), WIDTH).abs().max().item() == pytest.approx(0.4)


def test_without_a_threshold_large_pictures_keep_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, sampling = slice(0, HEIGHT), CHOICES[2]
    whole = sample(sampling, math.inf).rows(rows, WIDTH)
    assert whole.abs().max() > THRESHOLD
    monkeypatch.setattr(residual, "LARGE", 1)
    assert (sample(sampling, math.inf).rows(rows, WIDTH) - whole).abs().max() < 0.003 + whole.abs().max() / 254
