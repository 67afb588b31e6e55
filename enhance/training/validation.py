"""Gain in PSNR of the one-step output over the decoded picture, on images that are not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.vvc.rate import VvcRate
from enhance.diffusion.thresholds import RateTable
from enhance.evaluation.metrics.distortion import mse, to_uint8
from enhance.images import Rate
from enhance.models.unet import Denoiser
from enhance.training.crops import centre
from enhance.training.degradation import Uint8, encode_jpeg
from enhance.training.vvc_pairs import code_pictures

QUALITIES = (5, 10, 20, 40)
QPS = (27, 32, 37, 42, 47)
SIDE = 256
"""Of the central squares that are coded, rounded down to a multiple of 16 where an image is smaller."""

_NO_ERROR = 1e-9


@dataclass(frozen=True)
class Validation:
    """A fixed set of coded images.

    Attributes:
        originals: uint8 [H, W, 3].
        coded: for each rate the decoded pictures, [H, W, 3] in 8-bit code values, rounded or not.
    """

    originals: list[Uint8]
    coded: list[tuple[Rate, list[npt.NDArray[Any]]]]

    @classmethod
    def of_jpegs(cls, images: Sequence[Uint8], qualities: Sequence[int] = QUALITIES) -> Validation:
        """The images' central squares as JPEGs with 4:2:0 chroma."""
        originals = [_centre(image) for image in images]
        rates = [JpegRate.from_quality(quality) for quality in qualities]
        return cls(originals, [(rate, [encode_jpeg(image, rate) for image in originals]) for rate in rates])

    @classmethod
    def of_vvc(
        cls, images: Sequence[Uint8], cache: Path, qps: Sequence[int] = QPS, *, preset: str = "fast", workers: int = 1
    ) -> Validation:
        """The images' central squares as VVC intra pictures by libvvenc; `cache` keeps them from run to run."""
        originals = [_centre(image) for image in images]
        coded: list[tuple[Rate, list[npt.NDArray[Any]]]] = [
            (VvcRate(qp), list(code_pictures(originals, qp, cache, preset=preset, workers=workers))) for qp in qps
        ]
        return cls(originals, coded)

    @torch.inference_mode()
    def gains(
        self, denoiser: Denoiser, residual_scale: RateTable, threshold: RateTable, device: torch.device
    ) -> dict[float, float]:
        """Mean gain in dB per level of the rate, after rounding to 8 bits."""
        gains = {}
        for rate, pictures in self.coded:
            scale, limit = residual_scale(rate.level), threshold(rate.level)
            conditioning = torch.from_numpy(rate.conditioning())[None].to(device)
            differences = []
            for original, decoded in zip(self.originals, pictures):
                base = torch.from_numpy(decoded.transpose(2, 0, 1).copy())[None].to(device).float() / 127.5 - 1
                with torch.autocast(device.type, torch.bfloat16):
                    r0 = denoiser(torch.zeros_like(base), base, torch.ones(1, device=device), conditioning)
                enhanced = (base + scale * r0.float().clamp(-limit, limit) + 1) * 127.5
                pixels = to_uint8(enhanced[0].permute(1, 2, 0).cpu().numpy())
                left, before = (max(mse(original, picture), _NO_ERROR) for picture in (pixels, decoded))
                differences.append(10 * np.log10(before / left))
            gains[rate.level] = float(np.mean(differences))
        return gains


def _centre(image: Uint8) -> Uint8:
    height, width = (min(SIDE, length // 16 * 16) for length in image.shape[:2])
    return centre(image, height, width)
