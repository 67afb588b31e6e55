"""NIQE: how far a picture's local statistics are from those of undistorted photos; it needs no original.

Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE SPL 2013. Luma is normalised
by its local mean and deviation (equation 1); at two scales each 96x96 block gives 18 parameters of asymmetric
generalised Gaussians (equations 4 to 9), and the distance is that of the blocks' Gaussian to the one of a corpus of
photos (equation 10). The parameters of that corpus do not ship with this package. As in the published MATLAB code, no
block is left out for its sharpness; luma is that of BT.601, as in the codes that papers on restoration use.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from enhance.errors import WeightsError
from enhance.evaluation.metrics.weight_files import Place, find_weights

Plane = npt.NDArray[np.float64]

BLOCK = 96
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
_FEATURES = 36


class NIQE:
    """NIQE against a corpus of photos; `NIQE.load()` makes one.

    Args:
        mean: [36], of the corpus' features.
        covariance: [36, 36].
        window: [7, 7], sums to one: of the local mean and deviation.

    Raises:
        WeightsError: the shapes are others.
    """

    def __init__(self, mean: Plane, covariance: Plane, window: Plane) -> None:
        if (mean.shape, covariance.shape) != ((_FEATURES,), (_FEATURES, _FEATURES)) or window.shape != (7, 7):
            raise WeightsError("these are not NIQE's parameters: their shapes do not fit")
        self.mean, self.covariance, self.window = mean, covariance, window

    @classmethod
    def load(cls, place: Place = None) -> NIQE:
        """With the published parameters, `niqe_pris_params.npz`. Raises WeightsError: missing or damaged."""
        file = find_weights("NIQE", [["niqe_pris_params.npz"]], place)[0]
        try:
            with np.load(file) as content:
                names = ("mu_pris_param", "cov_pris_param", "gaussian_window")
                mean, covariance, window = (np.asarray(content[name], np.float64) for name in names)
        except Exception as error:  # a damaged archive raises errors of several kinds
            raise WeightsError(f"these are not NIQE's parameters: {error}", source=str(file)) from error
        return cls(mean.reshape(-1), covariance, window)

    def __call__(self, luma: npt.NDArray[np.floating]) -> float:
        """NIQE of a picture, lower is better; NaN for one that holds less than two blocks of 96x96.

        Args:
            luma: [H, W], 0-255; rounded to integers.
        """
        height, width = (length // BLOCK * BLOCK for length in luma.shape)
        if height * width < 2 * BLOCK**2:
            return math.nan
        plane = np.rint(luma[:height, :width].astype(np.float64))
        fine = _block_features(_normalise(plane, self.window), BLOCK)
        coarse = _block_features(_normalise(halve(plane), self.window), BLOCK // 2)
        features = np.concatenate([fine, coarse], axis=1)
        mean = np.nanmean(features, axis=0)
        covariance = np.cov(features[~np.isnan(features).any(axis=1)], rowvar=False)
        difference = self.mean - mean
        inverse = np.linalg.pinv((self.covariance + covariance) / 2)
        return math.sqrt(difference @ inverse @ difference)


def _normalise(plane: Plane, window: Plane) -> Plane:
    """Equation 1: (I - μ) / (σ + 1) with local mean and deviation; edges are repeated."""
    margin = len(window) // 2
    batch = torch.from_numpy(np.pad(plane, margin, "edge"))[None, None]
    kernel = torch.from_numpy(window)[None, None]
    mean, square = (functional.conv2d(values, kernel)[0, 0].numpy() for values in (batch, batch.square()))
    normalised: Plane = (plane - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)
    return normalised


def halve(plane: Plane) -> Plane:
    """Half the size by the cubic kernel (a = -1/2) widened to twice its support, edges mirrored: MATLAB's `imresize`.

    Args:
        plane: [H, W], even.
    """
    distances = np.abs(np.arange(8) - 3.5) / 2
    near = 1.5 * distances**3 - 2.5 * distances**2 + 1
    far = -0.5 * distances**3 + 2.5 * distances**2 - 4 * distances + 2
    taps = np.where(distances <= 1, near, far) / 2
    for _ in range(2):
        padded = np.pad(plane, ((3, 3), (0, 0)), "symmetric")
        rows = len(plane) // 2
        plane = np.stack([padded[start : start + 2 * rows : 2] for start in range(8)], axis=2) @ taps
        plane = plane.T
    return plane


def _block_features(normalised: Plane, side: int) -> Plane:
    """[number of blocks, 18]: shape and scale of the values, then of their products with four neighbours."""
    rows, columns = (length // side for length in normalised.shape)
    blocks = normalised.reshape(rows, side, columns, side).transpose(2, 0, 1, 3).reshape(-1, side, side)
    shape, left, right = _fit(blocks)
    features = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = _fit(blocks * np.roll(blocks, shift, axis=(1, 2)))
        features += [shape, (right - left) * _gamma_ratio(shape, 2, 1), left, right]
    return np.stack(features, axis=1)


def _fit(blocks: Plane) -> tuple[Plane, Plane, Plane]:
    """Asymmetric generalised Gaussians by moments: shape α, left and right scale β, [number of blocks] each.

    Lasmar, Stitou and Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009.
    """
    values = blocks.reshape(len(blocks), -1)
    left, right = (_root_mean_square(values, values * sign > 0) for sign in (-1, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = left / right
        ratio = np.abs(values).mean(axis=1) ** 2 / (values**2).mean(axis=1)
        wanted = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shapes, ratios = _ratio_table()
    alpha = shapes[np.abs(ratios - wanted[:, None]).argmin(axis=1)]
    scale = np.sqrt(_gamma_ratio(alpha, 1, 3))
    return alpha, left * scale, right * scale


def _root_mean_square(values: Plane, where: npt.NDArray[np.bool_]) -> Plane:
    """Of the chosen values in each row; NaN where none is chosen, as in a flat block."""
    with np.errstate(invalid="ignore"):
        found: Plane = np.sqrt((values**2 * where).sum(axis=1) / where.sum(axis=1))
    return found


def _gamma_ratio(alpha: Plane, above: int, below: int) -> Plane:
    """Γ(above/α) / Γ(below/α)."""
    return np.array([math.gamma(above / one) / math.gamma(below / one) for one in alpha])


@lru_cache(maxsize=1)
def _ratio_table() -> tuple[Plane, Plane]:
    """Shapes α from 0.2 to 10, and Γ(2/α)² / (Γ(1/α) Γ(3/α)) for each."""
    shapes = np.arange(0.2, 10.001, 0.001)
    return shapes, _gamma_ratio(shapes, 2, 1) * _gamma_ratio(shapes, 2, 3)
