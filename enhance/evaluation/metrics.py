"""Distances between an original and a decoded or enhanced picture.

All take 8-bit code values (0-255) as [H, W, 3] RGB or [H, W] gray arrays and give a float. Values that are not
integers are rounded and clipped to 8 bits first: this is the picture that a user would see in a file.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enhance.errors import UsageError

if TYPE_CHECKING:
    from enhance.evaluation.lpips import LPIPS, Backbone

Pixels = npt.NDArray[Any]

# ITU-R BT.601 luma in limited range (16-235), for RGB in 0-255.
_LUMA_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255
_BLOCK = 8


def to_uint8(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Code values of any dtype, in 0-255, rounded and clipped to 8 bits."""
    return pixels if pixels.dtype == np.uint8 else np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _pair(original: Pixels, measured: Pixels) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Both pictures in 8 bits. Raises UsageError where they cannot be compared."""
    if original.shape != measured.shape:
        raise UsageError(f"pictures of different shapes cannot be compared: {original.shape} and {measured.shape}")
    if original.ndim != 2 and (original.ndim != 3 or original.shape[2] != 3):
        raise UsageError(f"expected [H, W, 3] RGB or [H, W] gray, not {list(original.shape)}")
    return to_uint8(original), to_uint8(measured)


def _decibels(squared_error: float) -> float:
    return math.inf if squared_error == 0 else 10 * math.log10(255**2 / squared_error)


def mse(original: Pixels, measured: Pixels) -> float:
    """Mean squared error over all channels, in squared 8-bit steps. Raises UsageError as `psnr`."""
    x, y = _pair(original, measured)
    return float(np.mean(np.square(x.astype(np.float64) - y)))


def psnr(original: Pixels, measured: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all channels together; infinite for equal pictures.

    Raises:
        UsageError: the shapes differ, or are not [H, W, 3] or [H, W].
    """
    return _decibels(mse(original, measured))


def luma(rgb: Pixels) -> npt.NDArray[np.float64]:
    """[H, W] luma of an 8-bit RGB picture (BT.601, 16-235), rounded to integers; gray comes back as it is."""
    return rgb.astype(np.float64) if rgb.ndim == 2 else np.rint(rgb @ _LUMA_WEIGHTS + 16)


def _edge_differences(plane: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Squared differences of horizontal neighbours: sums across and inside 8x8 blocks, and how many of each.

    A row is taken to have W / 8 - 1 block edges even where that is no integer, as the published codes have it, so that
    values compare.
    """
    height, width = plane.shape
    squares = np.square(np.diff(plane, axis=1)).sum(axis=0)
    across = float(squares[_BLOCK - 1 :: _BLOCK].sum())
    edges = height * (width / _BLOCK - 1)
    return across, float(squares.sum()) - across, edges, height * (width - 1) - edges


def blocking_effect(plane: Pixels) -> float:
    """Blocking effect factor (Yim and Bovik 2011), in squared steps; 0 without visible block edges.

    Args:
        plane: [H, W], one channel. Pictures with a side below 16 have no block edge to speak of and give 0.
    """
    if min(plane.shape) < 2 * _BLOCK:
        return 0.0
    values = plane.astype(np.float64)
    across_h, inside_h, edges_h, others_h = _edge_differences(values)
    across_v, inside_v, edges_v, others_v = _edge_differences(values.T)
    at_edges = (across_h + across_v) / (edges_h + edges_v)
    elsewhere = (inside_h + inside_v) / (others_h + others_v)
    weight = math.log2(_BLOCK) / math.log2(min(plane.shape))
    return weight * max(at_edges - elsewhere, 0.0)


def psnr_b(original: Pixels, measured: Pixels) -> float:
    """PSNR-B in dB: the blocking effect of the measured picture is added to the squared error.

    Yim and Bovik, "Quality assessment of deblocked images", IEEE TIP 2011, for gray. For colour the squared error is
    that of RGB and the blocking effect that of luma, as in the code of FBCNN (Jiang et al., ICCV 2021), on which the
    tables of later papers rest.

    Raises:
        UsageError: as `psnr`.
    """
    _, y = _pair(original, measured)
    return _decibels(mse(original, measured) + blocking_effect(luma(y)))


def ssim(original: Pixels, measured: Pixels) -> float:
    """Structural similarity (Wang et al. 2004), mean over channels: scikit-image's with its 7x7 uniform window.

    Papers use other windows, other channels or only luma: compare only values made by the same code. NaN for pictures
    with a side below 7.

    Raises:
        UsageError: as `psnr`, or scikit-image is not installed.
    """
    x, y = _pair(original, measured)
    try:
        from skimage import metrics
    except ImportError as error:
        raise UsageError("SSIM needs scikit-image", hint="pip install 'enhance[eval]'") from error
    if min(x.shape[:2]) < 7:
        return math.nan
    similarity: Any = metrics.structural_similarity
    return float(similarity(x, y, data_range=255, channel_axis=-1 if x.ndim == 3 else None))


class PerceptualDistance:
    """LPIPS between numpy pictures; the network is loaded once.

    Args:
        backbone: "alex" or "squeeze".
        weights: safetensors file or its folder; None: the folder in ENHANCE_METRICS_DIR.

    Raises:
        WeightsError: the weights are missing or damaged.
    """

    def __init__(self, backbone: Backbone = "alex", weights: str | os.PathLike[str] | None = None) -> None:
        from enhance.evaluation.lpips import LPIPS

        self._network: LPIPS = LPIPS.load(backbone, weights)

    def __call__(self, original: Pixels, measured: Pixels) -> float:
        """LPIPS of two pictures, gray taken as RGB; NaN with a side below 32 pixels. Raises UsageError as `psnr`."""
        import torch

        from enhance.evaluation.lpips import MIN_SIDE

        x, y = _pair(original, measured)
        if min(x.shape[:2]) < MIN_SIDE:
            return math.nan
        rgb = [np.stack([image] * 3, axis=2) if image.ndim == 2 else image for image in (x, y)]
        with torch.inference_mode():
            batches = [torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1) for image in rgb]
            return float(self._network(*batches))
