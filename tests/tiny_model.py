"""A tiny random model that every test can afford."""

from __future__ import annotations

import torch

from enhance.diffusion.thresholds import RateTable
from enhance.models.checkpoint import Checkpoint
from enhance.models.unet import Denoiser, UNetConfig


def make_tiny_checkpoint(seed: int = 0) -> Checkpoint:
    """An untrained JPEG model of some thousand parameters, whose every input matters to its output."""
    config = UNetConfig(
        widths=(8, 8, 8, 8), encoder_blocks=(1, 1, 1), middle_blocks=1, decoder_blocks=(1, 1, 1), embedding=16
    )
    generator = torch.Generator().manual_seed(seed)
    denoiser = Denoiser(config).eval().requires_grad_(False)
    for parameter in denoiser.parameters():
        # New networks are zero where they add to the identity; an output of order one tests more.
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 16
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * fan_in**-0.5)
    denoiser.network.last.weight.mul_(0.2)
    return Checkpoint(
        denoiser=denoiser,
        residual_scale=RateTable((10.0, 90.0), (0.1, 0.03)),
        threshold=RateTable((10.0, 90.0), (4.0, 5.0)),
        name="tiny",
        sha256="0" * 64,
    )
