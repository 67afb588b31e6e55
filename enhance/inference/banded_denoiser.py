"""The denoiser as it is used on pictures: large windows in bands of rows, small ones in one piece."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from enhance.inference.bands import largest_window, predict_in_bands
from enhance.inference.rounded_weights import RoundedWeights
from enhance.models.unet import Denoiser, scales

LARGE = 1 << 20
"""Pixels above which windows are predicted in bands; below, bands cost as much time as they save."""

# Bytes for a channel of the finest level at one pixel: while a window is worked on, and of what is kept whole between
# bands. Measured as peak resident memory on 1, 2 and 4 megapixels, and rounded up.
_BYTES = {torch.float32: (36, 12), torch.bfloat16: (18, 7)}


class BandedDenoiser:
    """Predicts what a `Denoiser` predicts, equal but for rounding, in a third of the memory where a window is large.

    A `WindowNetwork` for inference: it computes no gradients that training could use.

    Args:
        denoiser: the network; where it lies on a device, its windows must lie there, too. With rounded weights it takes
            less time under autocast.
        tick: called after every band with the share of its window's work that it was.
    """

    def __init__(
        self, denoiser: Denoiser | RoundedWeights, tick: Callable[[float], object] = lambda share: None
    ) -> None:
        self._rounded = denoiser if isinstance(denoiser, RoundedWeights) else None
        self._denoiser = denoiser.denoiser if isinstance(denoiser, RoundedWeights) else denoiser
        self._tick = tick

    @property
    def stride(self) -> int:
        return self._denoiser.stride

    @property
    def receptive_radius(self) -> int:
        return self._denoiser.receptive_radius

    @property
    def knows_position(self) -> bool:
        return self._denoiser.config.position

    def window_bytes(self, height: int, width: int, dtype: torch.dtype) -> int:
        """Peak memory of a prediction, arguments and result included.

        Args:
            height, width: in pixels, multiples of `stride`.
            dtype: arithmetic of the network, float32 or bfloat16.
        """
        channels = self._denoiser.config.widths[0] / 4  # per pixel, at the finest level
        worked_on, kept = _BYTES[dtype]
        if height * width <= LARGE:
            return int(channels * worked_on * height * width)
        window = largest_window(self._denoiser.network, height, width)
        return int(channels * (worked_on * window + kept * height * width))

    def __call__(
        self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
    ) -> Tensor:
        """Predicts r0; arguments, result and errors as in `Denoiser.forward`."""
        count = len(base)
        if count == 1 or self._rounded is None or not self._rounded.takes_one:
            return self._predict(r_t, base, t, conditioning, position, self._tick)

        def one(index: int) -> Tensor:
            only = slice(index, index + 1)
            place = None if position is None else position[only]
            return self._predict(
                r_t[only], base[only], t[only], conditioning[only], place, lambda share: self._tick(share / count)
            )

        return torch.cat([one(index) for index in range(count)])

    def _predict(
        self,
        r_t: Tensor,
        base: Tensor,
        t: Tensor,
        conditioning: Tensor,
        position: Tensor | None,
        tick: Callable[[float], object],
    ) -> Tensor:
        denoiser = self._denoiser if self._rounded is None else self._rounded.now(base.device)
        if base.shape[2] * base.shape[3] <= LARGE:
            prediction: Tensor = denoiser(r_t, base, t, conditioning, position)
            return prediction
        signal, noise = scales(t, r_t.dtype)
        prediction = predict_in_bands(denoiser.network, r_t, base, t, conditioning, position, signal=signal, tick=tick)
        return prediction.to(r_t.dtype).mul_(noise).addcmul_(signal, r_t)
