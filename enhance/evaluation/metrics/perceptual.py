"""Metrics that need weights, as functions of two numpy pictures: code values 0-255, [H, W, 3] RGB or [H, W] gray."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from enhance.evaluation.metrics.distortion import Pixels, luma, pair
from enhance.evaluation.metrics.dists import DISTS
from enhance.evaluation.metrics.lpips import LPIPS, MIN_SIDE, Backbone
from enhance.evaluation.metrics.niqe import NIQE
from enhance.evaluation.metrics.weight_files import Place


class LpipsDistance:
    """LPIPS between numpy pictures; the network is loaded once.

    The features of the last original are kept, for all the pictures that are compared with it one after the other; so
    an original must not be changed in between.

    Args:
        backbone: "alex" or "squeeze".
        place: of the weights, see `weight_files.Place`.

    Raises:
        WeightsError: the weights are missing or damaged.
    """

    def __init__(self, backbone: Backbone = "alex", place: Place = None) -> None:
        self._network = LPIPS.load(backbone, place)
        self._last: tuple[Pixels, list[Tensor]] | None = None

    @torch.inference_mode()
    def __call__(self, original: Pixels, measured: Pixels) -> float:
        """LPIPS of two pictures, gray taken as RGB; NaN with a side below 32 pixels. Raises UsageError as `psnr`."""
        x, y = pair(original, measured)
        if min(x.shape[:2]) < MIN_SIDE:
            return math.nan
        if self._last is None or self._last[0] is not original:
            self._last = original, self._network.tap(_to_tensor(x) * 2 - 1)
        return float(self._network.compare(self._last[1], self._network.tap(_to_tensor(y) * 2 - 1)))


class DistsDistance:
    """DISTS between numpy pictures; the network is loaded once. Argument and error as in `LpipsDistance`."""

    def __init__(self, place: Place = None) -> None:
        self._network = DISTS.load(place)

    @torch.inference_mode()
    def __call__(self, original: Pixels, measured: Pixels) -> float:
        """DISTS of two pictures, gray taken as RGB. Raises UsageError as `psnr`."""
        x, y = pair(original, measured)
        return float(self._network(_to_tensor(x), _to_tensor(y)))


class Naturalness:
    """NIQE of numpy pictures. Argument and error as in `LpipsDistance`."""

    def __init__(self, place: Place = None) -> None:
        self._niqe = NIQE.load(place)

    def __call__(self, original: Pixels, measured: Pixels) -> float:
        """NIQE of the measured picture alone; NaN below two blocks of 96x96 pixels. Raises UsageError as `psnr`."""
        return self._niqe(luma(pair(original, measured)[1]))


def _to_tensor(pixels: Any) -> Tensor:
    """[1, 3, H, W] in [0, 1]."""
    rgb = np.stack([pixels] * 3, axis=2) if pixels.ndim == 2 else pixels
    return torch.from_numpy(rgb.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255))
