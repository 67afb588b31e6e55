"""Distances between an original and a decoded or enhanced picture.

All take 8-bit code values (0-255) as [H, W, 3] RGB or [H, W] gray arrays and give a float. Values that are not
integers are rounded and clipped to 8 bits first: this is the picture that a user would see in a file.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.errors import UsageError

Pixels = npt.NDArray[Any]

# ITU-R BT.601 luma in limited range (16-235), for RGB in 0-255.
_LUMA_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255
_BLOCK = 8


def to_uint8(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Code values of any dtype, in 0-255, rounded and clipped to 8 bits."""
    return pixels if pixels.dtype == np.uint8 else np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def pair(original: Pixels, measured: Pixels) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
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
    x, y = pair(original, measured)
    return float(np.mean(np.square(x.astype(np.float64) - y)))


def psnr(original: Pixels, measured: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all channels together; infinite for equal pictures.

    Raises:
        UsageError: the shapes differ, or are not [H, W, 3] or [H, W].
    """
    return _decibels(mse(original, measured))


def luma(rgb: Pixels) -> npt.NDArray[np.float64]:
    """[H, W] luma of an 8-bit RGB picture (BT.601, 16-235), rounded to integers; gray comes back as it is."""
    return np.rint(_exact_luma(rgb))


def _exact_luma(rgb: Pixels) -> npt.NDArray[np.float64]:
    luma: npt.NDArray[np.float64] = rgb.astype(np.float64) if rgb.ndim == 2 else rgb @ _LUMA_WEIGHTS + 16
    return luma


def psnr_y(original: Pixels, measured: Pixels) -> float:
    """PSNR of luma (BT.601, 16-235, not rounded) in dB, with 255 as the peak: what papers on restoration call PSNR-Y.

    Raises:
        UsageError: as `psnr`.
    """
    x, y = pair(original, measured)
    return _decibels(float(np.mean(np.square(_exact_luma(x) - _exact_luma(y)))))


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
    _, y = pair(original, measured)
    return _decibels(mse(original, measured) + blocking_effect(luma(y)))


def ssim(original: Pixels, measured: Pixels) -> float:
    """Structural similarity (Wang et al. 2004), mean over channels: scikit-image's with its 7x7 uniform window.

    Papers use other windows, other channels or only luma: compare only values made by the same code. NaN for pictures
    with a side below 7.

    Raises:
        UsageError: as `psnr`, or scikit-image is not installed.
    """
    x, y = pair(original, measured)
    try:
        from skimage import metrics
    except ImportError as error:
        raise UsageError("SSIM needs scikit-image", hint="pip install 'enhance[eval]'") from error
    if min(x.shape[:2]) < 7:
        return math.nan
    similarity: Any = metrics.structural_similarity
    return float(similarity(x, y, data_range=255, channel_axis=-1 if x.ndim == 3 else None))


def ms_ssim(original: Pixels, measured: Pixels) -> float:
    """Multi-scale structural similarity, mean over channels: five scales, Gaussian windows of 11x11 pixels.

    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", Asilomar 2003, as
    pytorch-msssim computes it. NaN for pictures with a side below 161, which have no place for the coarsest window.

    Raises:
        UsageError: as `psnr`, or pytorch-msssim is not installed.
    """
    x, y = pair(original, measured)
    try:
        import pytorch_msssim
    except ImportError as error:
        raise UsageError("MS-SSIM needs pytorch-msssim", hint="pip install 'enhance[eval]'") from error
    if min(x.shape[:2]) < 161:
        return math.nan
    import torch

    batches = [torch.from_numpy(image.reshape(1, *image.shape[:2], -1)).movedim(3, 1).float() for image in (x, y)]
    with torch.inference_mode():
        return float(pytorch_msssim.ms_ssim(*batches, data_range=255))
