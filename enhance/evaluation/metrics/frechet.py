"""Distances between two sets of pictures: how far their patches are apart in the features of a network.

Fréchet distance: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium",
NeurIPS 2017. Kernel distance: Bińkowski et al., "Demystifying MMD GANs", ICLR 2018. With Inception's features they are
called FID and KID; with any others they are not, and do not compare with published values. Patches: Mentzer et al.,
"High-Fidelity Generative Image Compression", NeurIPS 2020, appendix A.7.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from enhance.evaluation.metrics.backbones import alex_features
from enhance.evaluation.metrics.weight_files import Place, load_weights

SIDE = 256
"""Height and width of a patch in pixels."""

Features = npt.NDArray[np.float32]
"""[N, D], a row for each patch."""


def patches(pixels: npt.NDArray[np.uint8], side: int = SIDE) -> list[npt.NDArray[np.uint8]]:
    """Patches of a picture: the whole ones of its grid, then those of the grid shifted by half a patch both ways.

    A picture of a x b whole patches gives a b + (a - 1)(b - 1); one that is smaller than a patch gives none.
    """
    found = []
    for offset in (0, side // 2):
        rows, columns = (range(offset, length // side * side - offset, side) for length in pixels.shape[:2])
        found += [pixels[y : y + side, x : x + side] for y in rows for x in columns]
    return found


def frechet_distance(x: Features, y: Features) -> float:
    """|μx - μy|² + tr(Σx + Σy - 2 (Σx Σy)^½), the squared Fréchet distance of two Gaussians; 0 for equal sets.

    Σ = A Aᵀ with A the centred features / √(N - 1), so the eigenvalues of (Σx Σy)^½ are the singular values of AxᵀAy,
    which needs no root of a matrix that may have no full rank.

    Args:
        x: [N, D], N at least 2.
        y: [M, D], M at least 2.
    """
    (mean_x, root_x), (mean_y, root_y) = _moments(x), _moments(y)
    shared = np.linalg.svd(root_x @ root_y.T, compute_uv=False).sum()
    spread = np.square(root_x).sum() + np.square(root_y).sum() - 2 * shared
    return float(np.square(mean_x - mean_y).sum() + spread)


def _moments(x: Features) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean [D], and a matrix R [min(N, D), D] with RᵀR the covariance."""
    values = x.astype(np.float64)
    mean = values.mean(axis=0)
    return mean, np.linalg.qr((values - mean) / np.sqrt(len(x) - 1)).R


def kernel_distance(x: Features, y: Features) -> float:
    """Squared maximum mean discrepancy under k(a, b) = (a·b / D + 1)³, without bias: below 0 for close sets.

    All pairs are taken at once, where published codes average over random subsets; the expectation is the same.

    Args:
        x: [N, D], N at least 2.
        y: [M, D], M at least 2.
    """
    a, b = x.astype(np.float64), y.astype(np.float64)

    def kernel(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = (p @ q.T / p.shape[1] + 1) ** 3
        return found

    def among(p: npt.NDArray[np.float64]) -> float:
        values = kernel(p, p)
        return float((values.sum() - np.trace(values)) / (len(p) * (len(p) - 1)))

    return among(a) + among(b) - 2 * float(kernel(a, b).mean())


class AlexFeatures(nn.Module):
    """AlexNet's last convolution averaged over each picture, frozen: 256 features. Stands in for Inception."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*alex_features()[0])
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, place: Place = None) -> AlexFeatures:
        """A network with torchvision's weights, alone or as part of LPIPS. Raises WeightsError."""
        network = cls()
        load_weights(network, "AlexNet", [["lpips_alex.safetensors"], ["alexnet-owt-*.pth"]], place, unused=("lin",))
        return network

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, H, W] RGB in [-1, 1] -> [B, 256]."""
        mean, std = x.new_tensor([-0.030, -0.088, -0.188]), x.new_tensor([0.458, 0.448, 0.450])
        features: Tensor = self.features((x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))
        return features.mean((2, 3))


@torch.inference_mode()
def patch_features(network: nn.Module, pixels: npt.NDArray[np.uint8]) -> Features:
    """Features of a picture's patches.

    Args:
        network: [B, 3, H, W] RGB in [-1, 1] -> [B, D]: `Inception` or `AlexFeatures`.
        pixels: uint8, [H, W, 3] RGB or [H, W] gray.

    Returns:
        [N, D]; [0, 0] for a picture that is smaller than a patch.
    """
    rgb = np.stack([pixels] * 3, axis=2) if pixels.ndim == 2 else pixels
    found = []
    for patch in patches(rgb):
        batch = torch.from_numpy(patch.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)
        found.append(network(batch).float().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
