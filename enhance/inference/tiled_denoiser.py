"""The network over a whole picture, or several of one size: tile by tile, on any device, within a budget of memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from enhance.codecs.conditioning import mirrored
from enhance.errors import DeviceError, WeightsError
from enhance.frames.depth import white_level
from enhance.images import Pixels
from enhance.inference.banded_denoiser import BandedDenoiser
from enhance.inference.rounded_weights import RoundedWeights
from enhance.inference.tiling import Box, Tile, TilePlan, crop_padded, crop_padded_images, padded
from enhance.models.unet import Denoiser
from enhance.system import memory

_BYTES_PER_PIXEL = 640

_MIRRORS = ((), (-1,), (-2,), (-2, -1))
"""Dimensions that are turned round. A window is a multiple of the network's stride, so its grid stays in place."""

_MIRROR_BYTES_PER_PIXEL = 4 * 3 * 4
"""Of a mirrored state and picture, the prediction turned back, and the sum, in float32."""

State = Tensor | Callable[[Box], Tensor] | None
"""A state [..., 3, H', W'], a function that makes its windows [3, h, w], or none."""


class WindowNetwork(Protocol):
    """What a network must offer to be used on windows of a picture.

    `enhance.models.unet.Denoiser` is one, `BandedDenoiser` another.
    Its `window_bytes(height, width, dtype)` may say how much memory it needs; 640 bytes a pixel if it does not. Its
    `knows_position` may say that it knows a position between the posterior mean and the best looks.
    """

    @property
    def stride(self) -> int: ...

    @property
    def receptive_radius(self) -> int: ...

    def __call__(
        self, r_t: Tensor, base: Tensor, t: Tensor, conditioning: Tensor, position: Tensor | None = None
    ) -> Tensor: ...


class TiledDenoiser:
    """Predicts the correction of a picture, whatever its size; samplers call it (`diffusion.sampler.Denoise`).

    The state and the prediction cover the picture padded to multiples of the network's stride, [3, H', W']. Where the
    network's device is too small for them, they lie on the CPU, and only windows travel. Several pictures of one size
    go through the network together, as one batch; states and predictions are then [N, 3, H', W'].

    Args:
        network: already on `device`. A `Denoiser`, with rounded weights or without, is asked through `BandedDenoiser`:
            large windows go in bands of rows.
        pixels: [H, W, 3] or [H, W]; uint8, uint16 or float32 in [0, 1], as in `DecodedImage`. Several: a tensor
            [N, 3, H, W] in [0, 1].
        conditioning: [F], `Rate.conditioning()`; for several pictures [N, F].
        tile: side of the tiles; 0: one piece; "auto": the fewest that fit into `budget` bytes.
        device, dtype: where and in which arithmetic the network is computed (float32 or bfloat16).
        state_dtype, state_device: of the state and the prediction; on the CPU by default.
        budget: bytes for one window of all pictures, used with "auto".
        ensemble: how many mirror images are predicted and averaged, 1, 2 or 4, the picture itself the first of them
            (geometric self-ensemble, Lim et al. 2017, "Enhanced deep residual networks for single image
            super-resolution", without the transposed ones: JPEG's tables tell rows from columns).
        tick: called with the share of a call's work that was done since it was last called; the sum is 1 for a call,
            but where tiles had to be computed again.

    Attributes:
        plan: the tiles; smaller ones after the device ran out of memory, which does not change the result.
        notes: what the user should know, one line each.
    """

    def __init__(
        self,
        network: WindowNetwork | RoundedWeights,
        pixels: Pixels | Tensor,
        conditioning: np.ndarray,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        tile: int | str = "auto",
        state_dtype: torch.dtype = torch.float32,
        state_device: torch.device | None = None,
        budget: int = 2**30,
        ensemble: int = 1,
        tick: Callable[[float], object] = lambda share: None,
    ) -> None:
        self._tick, self._window_share, self._left_of_window = tick, 0.0, 0.0
        if isinstance(network, (Denoiser, RoundedWeights)):
            network = BandedDenoiser(network, self._tell)
        self._network, self._pixels = network, pixels
        count, (height, width) = _count_and_size(pixels)
        self._device, self._dtype = device, dtype
        self._mirrors = _MIRRORS[:ensemble]
        self._conditioning: dict[tuple[int, ...], Tensor] = {
            mirror: _mirrored(np.atleast_2d(conditioning), mirror).to(device) for mirror in self._mirrors
        }
        stride, radius = network.stride, network.receptive_radius
        if isinstance(tile, str):
            mirrors = _MIRROR_BYTES_PER_PIXEL if ensemble > 1 else 0

            def affordable(height: int, width: int) -> bool:
                return (count or 1) * (window_bytes(network, height, width, dtype) + mirrors * height * width) <= budget

            self.plan = TilePlan.within(height, width, affordable, radius, stride)
        else:
            self.plan = TilePlan.with_tiles(height, width, tile, radius, stride)
        several = () if count is None else (count,)
        self.shape = (*several, 3, padded(height, stride), padded(width, stride))
        self.state_dtype, self.state_device = state_dtype, state_device or torch.device("cpu")
        self._prediction: Tensor | None = None
        self._repeated = 0

    @property
    def knows_position(self) -> bool:
        """Whether the network knows a position between the posterior mean and the best looks."""
        return bool(getattr(self._network, "knows_position", False))

    @property
    def prediction(self) -> Tensor:
        """The array that every call fills and returns, [..., 3, H', W']."""
        if self._prediction is None:
            self._prediction = torch.empty(self.shape, dtype=self.state_dtype, device=self.state_device)
        return self._prediction

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._repeated:
            return ()
        return (f"{self._repeated} tile(s) computed in float32: bfloat16 gave a value that is not finite",)

    def __call__(self, r_t: State, t: float, position: float = 0.0) -> Tensor:
        """Predicts r0 for the whole padded picture.

        Args:
            r_t: state [..., 3, H', W'], or what makes its windows; None at t = 1, where the network ignores it.
            t: noise level, 0 to 1.
            position: at t = 1, from 0, the posterior mean, to 1, the best looks.

        Returns:
            [..., 3, H', W']; the next call overwrites it.

        Raises:
            DeviceError: out of memory with the smallest tiles.
            WeightsError: the prediction is not finite in float32 either, or the network knows no position.
        """
        while True:
            try:
                for tile in self.plan:
                    rows, columns = tile.core.slices
                    self.prediction[..., rows, columns] = self._core(tile, r_t, t, position)
                return self.prediction
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
                smaller = self.plan.smaller()
                if smaller is None:
                    raise DeviceError(
                        f"out of memory on {self._device} with the smallest tiles",
                        hint="close other programs" + (", or use --device cpu" if self._device.type != "cpu" else ""),
                    ) from error
            # Outside of the handler: the error holds the frames, and with them the arrays, that did not fit.
            self.plan = smaller
            memory.release_cached_memory(self._device)

    def _core(self, tile: Tile, r_t: State, t: float, position: float) -> Tensor:
        rows, columns = tile.window.slices
        self._window_share = tile.core.area / (self.shape[1] * self.shape[2] * len(self._mirrors))
        base = self._base(tile.window)
        if r_t is None:
            state = base.new_zeros(()).expand(base.shape)
        else:
            state = self._to_device(r_t(tile.window) if callable(r_t) else r_t[..., rows, columns])
            state = state.expand(base.shape)  # a window that is made is one for all pictures
        core = (..., *tile.core.inside(tile.window).slices)
        prediction = self._evaluate(state, base, t, position, self._dtype)[core]
        if not _is_finite(prediction) and self._dtype != torch.float32:
            self._repeated += 1
            prediction = self._evaluate(state, base, t, position, torch.float32)[core]
        if not _is_finite(prediction):
            raise WeightsError("the network's prediction is not finite", hint="the checkpoint is damaged")
        return prediction.to(self.state_device)

    def _evaluate(self, state: Tensor, base: Tensor, t: float, position: float, dtype: torch.dtype) -> Tensor:
        time, place = (torch.full((len(base),), value, device=self._device) for value in (t, position))
        looks = place if position else None
        low = dtype != torch.float32

        def seen_in(mirror: tuple[int, ...]) -> Tensor:
            # Disabled explicitly, so that a caller's own autocast does not decide for us.
            with torch.autocast(self._device.type, dtype=dtype if low else None, enabled=low):
                turned = _turn(state, mirror), _turn(base, mirror)
                self._left_of_window = 1.0
                prediction = self._network(*turned, time, self._conditioning[mirror], looks)
                self._tell(self._left_of_window)
            return _turn(prediction.float(), mirror)

        total = seen_in(self._mirrors[0])
        for mirror in self._mirrors[1:]:
            total = total + seen_in(mirror)
        return total if len(self._mirrors) == 1 else total / len(self._mirrors)

    def _tell(self, share: float) -> None:
        """A share of one evaluation of the window under way is done."""
        self._left_of_window -= share
        self._tick(share * self._window_share)

    def _base(self, window: Box) -> Tensor:
        """A window of the decoded picture, [1, 3, h, w] in [-1, 1], or of all of them."""
        if isinstance(self._pixels, Tensor):
            return self._to_device(crop_padded_images(self._pixels, window)).mul_(2).sub_(1)
        crop = crop_padded(self._pixels, window)
        values = torch.from_numpy(np.array(crop if crop.dtype == np.uint8 else crop.astype(np.float32)))
        if values.ndim == 2:
            values = values[..., None].expand(-1, -1, 3)
        return self._to_device(values.permute(2, 0, 1)).mul_(2 / white_level(crop.dtype)).sub_(1)

    def _to_device(self, values: Tensor) -> Tensor:
        moved = values.to(self._device)
        moved = moved if moved.ndim == 4 else moved[None]
        # `copy`: the result is changed in place, and must never be the state itself.
        return moved.to(torch.float32, memory_format=torch.channels_last, copy=True)


def _count_and_size(pixels: Pixels | Tensor) -> tuple[int | None, tuple[int, int]]:
    """How many pictures there are, None for a picture alone; their height and width."""
    if isinstance(pixels, Tensor):
        return pixels.shape[0], (pixels.shape[2], pixels.shape[3])
    return None, (pixels.shape[0], pixels.shape[1])


def _mirrored(conditioning: np.ndarray, mirror: tuple[int, ...]) -> Tensor:
    """What the network is told of mirrored pictures, [N, F]."""
    told = [mirrored(vector, rows=-2 in mirror, columns=-1 in mirror) for vector in conditioning]
    return torch.from_numpy(np.stack(told))


def _is_finite(values: Tensor) -> bool:
    """Whether no value is infinite or not a number, in one pass: their sum would be neither finite, then."""
    return bool(values.sum().isfinite()) or bool(values.isfinite().all())  # a sum may overflow, too


def _turn(images: Tensor, mirror: tuple[int, ...]) -> Tensor:
    """The images, or a mirrored copy."""
    return images.flip(mirror) if mirror else images


def window_bytes(network: WindowNetwork, height: int, width: int, dtype: torch.dtype) -> int:
    """Memory that a window takes while the network works on it."""
    own: Callable[[int, int, torch.dtype], int] | None = getattr(network, "window_bytes", None)
    return own(height, width, dtype) if own else _BYTES_PER_PIXEL * height * width
