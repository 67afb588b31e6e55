"""Draws the correction of a picture from the network: its mean r̂_1, a sample r̂_N, or a mixture of both.

The arrays cover the whole picture, or several of one size. Above `LARGE` pixels they are kept in fewer bits, so that
100 megapixels fit into 2 GiB; this depends on the size of the picture alone, never on tiles or on what is free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from enhance.diffusion.noise import BLOCK, NoiseField
from enhance.diffusion.sampler import (
    Threshold,
    limited,
    sample_ddim,
    sample_ddpm,
    start_from_gaussian,
    start_from_mmse,
)
from enhance.diffusion.schedule import timesteps
from enhance.frames.depth import row_bands
from enhance.inference.tiled_denoiser import TiledDenoiser
from enhance.inference.tiling import Box
from enhance.knobs import Sampling

LARGE = 1 << 24


@dataclass(frozen=True)
class Residual:
    """The correction of a picture, r = r̂_1 + p (r̂_N - r̂_1), in units of s(q), the RMS error at its rate.

    Attributes:
        mmse: r̂_1, [3, H', W'] of the padded picture, or [N, 3, H', W'] of several; None where p = 1.
        sample: r̂_N, likewise; None where p = 0.
        sample_share: p.
        mmse_step: unit of `mmse`.
    """

    mmse: Tensor | None
    sample: Tensor | None
    sample_share: float
    mmse_step: float = 1.0

    def rows(self, rows: slice, width: int) -> Tensor:
        """Rows of one picture on the CPU, float32 [h, width, 3]; the padding is left out."""
        return self._mixed(lambda part: part[:, rows, :width].permute(1, 2, 0)).cpu()

    def images(self, height: int, width: int) -> Tensor:
        """The corrections of several pictures where they are, float32 [N, 3, height, width]."""
        return self._mixed(lambda part: part[:, :, :height, :width])

    def _mixed(self, crop: Callable[[Tensor], Tensor]) -> Tensor:
        parts = ((self.mmse, (1 - self.sample_share) * self.mmse_step), (self.sample, self.sample_share))
        terms = [crop(part).float() * weight for part, weight in parts if part is not None]
        return terms[0] if len(terms) == 1 else terms[0].add_(terms[1])


def state_dtype(height: int, width: int) -> torch.dtype:
    """The arithmetic in which the state of a picture is kept between two steps.

    float16 rounds a value r by at most |r| / 2048, and a unit of r is 20 code values at the lowest quality: less than
    0.01 of one where |r| < 1, about 0.05 at the threshold.
    """
    return torch.float16 if height * width > LARGE else torch.float32


def state_bytes(height: int, width: int, sampling: Sampling) -> int:
    """Memory that the arrays of `sample_residual` take."""
    large = height * width > LARGE
    arrays = 1.0 if sampling.evaluations == 1 else 2.0
    if 0 < sampling.sample_share < 1:  # the mean beside the sample
        arrays += 0.5 if large else 1.0
    return int(3 * height * width * (2 if large else 4) * arrays)


def sample_residual(denoise: TiledDenoiser, sampling: Sampling, noise: NoiseField, threshold: Threshold) -> Residual:
    """Draws the residual of a picture, or of several.

    Args:
        denoise: the network over this picture.
        sampling: steps, perception, start.
        noise: the picture's noise field; several pictures share it.
        threshold: τ(q), may be infinite; of several pictures a tensor [N, 1, 1, 1] where the states are.

    Returns:
        the residual; it holds the array of `denoise`, which must not be called again.
    """
    first = limited(denoise(None, 1.0), threshold) if sampling.needs_mmse else None
    if sampling.is_mean:
        return Residual(first, None, 0.0)
    if sampling.evaluations == 1 and denoise.knows_position:
        return Residual(None, limited(denoise(None, 1.0, sampling.perception), threshold), 1.0)
    if sampling.evaluations == 1:
        # Looked at once, so the state is made window by window: no second array of the picture's size.
        def scaled_noise(window: Box) -> Tensor:
            return start_from_gaussian(_crop(noise, 0, *window.slices), sampling.start)

        return Residual(None, limited(denoise(scaled_noise, sampling.start), threshold), 1.0)
    kept, step = None, 1.0
    if first is not None and sampling.sample_share < 1:
        kept, step = _keep(first)
    r_t = _start(denoise, first, sampling, noise)
    times = timesteps(sampling.start, sampling.sampler_steps)

    def draw(index: int) -> Tensor:
        # The samplers have no more use for the prediction when they ask for noise, and it has the right size.
        return _fill(denoise.prediction, noise, 1 + index)

    if sampling.sampler == "ddpm":
        sample = sample_ddpm(denoise, r_t, times, threshold=threshold, noise=draw)
    else:
        sample = sample_ddim(denoise, r_t, times, threshold=threshold, eta=sampling.eta, noise=draw)
    return Residual(kept, sample, sampling.sample_share, step)


def _keep(first: Tensor) -> tuple[Tensor, float]:
    """A copy of the mean r̂_1, kept until the sample is there to be mixed with it, and the unit of its values.

    In large pictures it has 8 bits over its range, usually ±τ at most: steps of 2 τ s(q) 127.5 / 254, 0.84 code values
    at quality 1, 0.5 at 10 and 0.25 at 75, so an error of at most half of that, times 1 - p.
    """
    if first.dtype == torch.float32:
        return first.clone(), 1.0
    lowest, highest = first.aminmax()
    step = max(float(highest), -float(lowest), torch.finfo(first.dtype).tiny) / 127
    kept = torch.empty(first.shape, dtype=torch.int8, device=first.device)
    for rows in row_bands(first.shape[-2], first.shape[-1]):
        kept[..., rows, :] = first[..., rows, :].float().div_(step).round_().to(torch.int8)
    return kept, step


def _start(denoise: TiledDenoiser, first: Tensor | None, sampling: Sampling, noise: NoiseField) -> Tensor:
    state = torch.empty(denoise.shape, dtype=denoise.state_dtype, device=denoise.state_device)
    for rows in row_bands(state.shape[-2], state.shape[-1], BLOCK):
        drawn = _crop(noise, 0, rows, slice(0, state.shape[-1])).to(state.device)
        if sampling.init == "mmse" and first is not None:
            mean = first[..., rows, :].float()
            state[..., rows, :] = start_from_mmse(mean, drawn.repeat(*mean.shape[:-3], 1, 1, 1), sampling.start)
        else:
            state[..., rows, :] = start_from_gaussian(drawn, sampling.start)
    return state


def _fill(out: Tensor, noise: NoiseField, draw: int) -> Tensor:
    for rows in row_bands(out.shape[-2], out.shape[-1], BLOCK):
        out[..., rows, :] = _crop(noise, draw, rows, slice(0, out.shape[-1]))
    return out


def _crop(noise: NoiseField, draw: int, rows: slice, columns: slice) -> Tensor:
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return torch.from_numpy(noise.crop(draw, rows.start, columns.start, height, width))
