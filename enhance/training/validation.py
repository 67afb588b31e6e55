"""What a network does to pictures that are not trained on: the gain of the one-step output, its dots and its looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from enhance.evaluation.metrics.dots import dots_beyond
from enhance.images import Rate
from enhance.models.unet import Denoiser
from enhance.training.arithmetic import autocast
from enhance.training.crops import centre
from enhance.training.degradation import Uint8, encode_jpeg
from enhance.training.vvc_pairs import code_pictures

QUALITIES = (5, 10, 20, 40, 75, 90)
QPS = (27, 32, 37, 42, 47)
LOOKS_LEVELS = (10, 20, 37)
"""Qualities and QPs at which looks are measured."""
POSITIONS = (0.5, 1.0)
SIDE = 256
"""Of the central squares that are coded, rounded down to a multiple of 16 where an image is smaller."""

Decoded = npt.NDArray[Any]
Distance = Callable[[Uint8, Uint8], float]
"""(original, measured) -> perceptual distance."""

_NO_ERROR = 1e-9


@dataclass(frozen=True)
class OneStep:
    """A network that is being trained, as a function of decoded pictures.

    Attributes:
        denoiser, residual_scale, threshold: as in `Checkpoint`.
        device, dtype: where and in which arithmetic it is computed.
    """

    denoiser: Denoiser
    residual_scale: RateTable
    threshold: RateTable
    device: torch.device
    dtype: torch.dtype = torch.bfloat16

    @torch.inference_mode()
    def __call__(self, decoded: Decoded, rate: Rate, position: float = 0.0) -> Uint8:
        """The one-step output, rounded to 8 bits.

        Args:
            decoded: [H, W, 3] in 8-bit code values, H and W multiples of 16.
            rate: how it was coded.
            position: between the posterior mean (0) and the best looks (1).
        """
        scale, limit = self.residual_scale(rate.level), self.threshold(rate.level)
        conditioning = torch.from_numpy(rate.conditioning())[None].to(self.device)
        base = torch.from_numpy(decoded.transpose(2, 0, 1).copy())[None].to(self.device).float() / 127.5 - 1
        t = torch.ones(1, device=self.device)
        with autocast(self.device, self.dtype):
            r0 = self.denoiser(torch.zeros_like(base), base, t, conditioning, t * position if position else None)
        enhanced = (base + scale * r0.float().clamp(-limit, limit) + 1) * 127.5
        return to_uint8(enhanced[0].permute(1, 2, 0).cpu().numpy())


@dataclass(frozen=True)
class CodedSet:
    """Pictures that were coded once.

    Attributes:
        originals: uint8 [H, W, 3].
        coded: for each rate the decoded pictures, [H, W, 3] in 8-bit code values, rounded or not.
    """

    originals: list[Uint8]
    coded: list[tuple[Rate, list[Decoded]]]

    def gains(self, model: OneStep) -> dict[float, list[float]]:
        """Gain in PSNR over the decoded picture, in dB, for each level of the rate and picture."""
        return {
            rate.level: [_gain(x, y, model(y, rate)) for x, y in zip(self.originals, decoded)]
            for rate, decoded in self.coded
        }


@dataclass(frozen=True)
class Validation:
    """A fixed set of coded images.

    Attributes:
        photos: whose mean gains tell how well it restores.
        graphics: pictures that are not photos, where there are such; the worst of them counts.
        distance: perceptual distance, where there is one.
        positions: at which looks are measured; none for a network that knows no position.
    """

    photos: CodedSet
    graphics: CodedSet | None = None
    distance: Distance | None = None
    positions: Sequence[float] = ()

    @classmethod
    def of_jpegs(
        cls,
        images: Sequence[Uint8],
        qualities: Sequence[int] = QUALITIES,
        *,
        graphics: Sequence[Uint8] = (),
        distance: Distance | None = None,
        positions: Sequence[float] = (),
    ) -> Validation:
        """The images' central squares as JPEGs with 4:2:0 chroma."""

        def code(images: Sequence[Uint8]) -> CodedSet:
            originals = [_centre(image) for image in images]
            rates = [JpegRate.from_quality(quality) for quality in qualities]
            return CodedSet(originals, [(rate, [encode_jpeg(x, rate) for x in originals]) for rate in rates])

        return cls(code(images), code(graphics) if graphics else None, distance, positions)

    @classmethod
    def of_vvc(
        cls,
        images: Sequence[Uint8],
        cache: Path,
        qps: Sequence[int] = QPS,
        *,
        preset: str = "fast",
        workers: int = 1,
        distance: Distance | None = None,
        positions: Sequence[float] = (),
    ) -> Validation:
        """The images' central squares as VVC intra pictures by libvvenc; `cache` keeps them from run to run."""
        originals = [_centre(image) for image in images]
        coded: list[tuple[Rate, list[Decoded]]] = [
            (VvcRate(qp), list(code_pictures(originals, qp, cache, preset=preset, workers=workers))) for qp in qps
        ]
        return cls(CodedSet(originals, coded), None, distance, positions)

    def measure(self, model: OneStep) -> dict[str, float]:
        """Everything in one row: mean gains, for graphics the worst too, and what looks cost and are worth.

        Names: gain_q10, graphics_q10, graphics_worst_q10; at a position gain_q10_p0.5, dots_q10_p0.5, lpips_q10_p0.5.
        Dots are those beyond the original's; a QP's number stands in the place of a quality's.
        """
        row = {f"gain_q{level:g}": _mean(gains) for level, gains in self.photos.gains(model).items()}
        if self.graphics:
            for level, gains in self.graphics.gains(model).items():
                row[f"graphics_q{level:g}"] = _mean(gains)
                row[f"graphics_worst_q{level:g}"] = min(gains)
        for rate, decoded in self.photos.coded:
            if rate.level in LOOKS_LEVELS:
                for position in self.positions:
                    measured = self._looks(model, rate, decoded, position)
                    place = f"q{rate.level:g}_p{position:g}"
                    row |= {f"{name}_{place}": value for name, value in measured.items()}
        return row

    def _looks(self, model: OneStep, rate: Rate, decoded: list[Decoded], position: float) -> dict[str, float]:
        originals = self.photos.originals
        pictures = [model(picture, rate, position) for picture in decoded]
        measured = {
            "gain": _mean([_gain(*three) for three in zip(originals, decoded, pictures)]),
            "dots": _mean([dots_beyond(*pair) for pair in zip(originals, pictures)]),
        }
        if self.distance:
            measured["lpips"] = _mean([self.distance(*pair) for pair in zip(originals, pictures)])
        return measured


def _gain(original: Uint8, decoded: Decoded, enhanced: Uint8) -> float:
    left, before = (max(mse(original, picture), _NO_ERROR) for picture in (enhanced, decoded))
    return float(10 * np.log10(before / left))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _centre(image: Uint8) -> Uint8:
    height, width = (min(SIDE, length // 16 * 16) for length in image.shape[:2])
    return centre(image, height, width)
