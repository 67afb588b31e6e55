"""Gain in PSNR of the one-step output over the decoded JPEG, on images that are not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from enhance.codecs.jpeg_rate import JpegRate
from enhance.diffusion.thresholds import RateTable
from enhance.evaluation.metrics import mse
from enhance.models.unet import Denoiser
from enhance.training.degradation import Uint8, encode_jpeg

QUALITIES = (5, 10, 20, 40)
_NO_ERROR = 1e-9


class Validation:
    """A fixed set of coded images.

    Args:
        images: originals, uint8 [H, W, 3]; their central squares are used.
        qualities: IJG qualities, coded with 4:2:0 chroma.
        side: of the central squares, rounded down to a multiple of 16 where an image is smaller.
    """

    def __init__(self, images: Sequence[Uint8], qualities: Sequence[int] = QUALITIES, side: int = 256) -> None:
        self.originals = [_centre(image, side) for image in images]
        self.rates = {quality: JpegRate.from_quality(quality) for quality in qualities}
        self.decoded = {
            quality: [encode_jpeg(image, rate) for image in self.originals] for quality, rate in self.rates.items()
        }

    @torch.inference_mode()
    def gains(
        self, denoiser: Denoiser, residual_scale: RateTable, threshold: RateTable, device: torch.device
    ) -> dict[float, float]:
        """Mean gain in dB per quality, after rounding to 8 bits."""
        gains = {}
        for quality, rate in self.rates.items():
            scale, limit = residual_scale(quality), threshold(quality)
            conditioning = torch.from_numpy(rate.conditioning())[None].to(device)
            differences = []
            for original, decoded in zip(self.originals, self.decoded[quality]):
                base = torch.from_numpy(decoded.transpose(2, 0, 1).copy())[None].to(device).float() / 127.5 - 1
                with torch.autocast(device.type, torch.bfloat16):
                    r0 = denoiser(torch.zeros_like(base), base, torch.ones(1, device=device), conditioning)
                enhanced = base + scale * r0.float().clamp(-limit, limit)
                pixels = (
                    ((enhanced[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
                )
                left, before = (max(mse(original, picture), _NO_ERROR) for picture in (pixels, decoded))
                differences.append(10 * np.log10(before / left))
            gains[float(quality)] = float(np.mean(differences))
        return gains


def _centre(image: Uint8, side: int) -> Uint8:
    height, width = (min(side, length // 16 * 16) for length in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])
