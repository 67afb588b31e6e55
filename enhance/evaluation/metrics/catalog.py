"""Which metrics there are, and those of them that can be measured here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

from enhance.errors import EnhanceError, UsageError
from enhance.evaluation.metrics import distortion
from enhance.evaluation.metrics.distortion import Pixels

if TYPE_CHECKING:
    from torch import nn

    from enhance.evaluation.metrics.weight_files import Place

Metric = Callable[[Pixels, Pixels], float]
"""(original, measured) in 8-bit code values -> value."""


@dataclass(frozen=True)
class Kind:
    """What a metric is called, and how it is read.

    Attributes:
        title: for tables and plots.
        digits: decimals that mean something.
        lower_is_better: True for distances.
        features: for a distance between sets of pictures the network whose features it takes: "inception" or "alex".
    """

    title: str
    digits: int
    lower_is_better: bool = False
    features: str = ""


KINDS = {
    "psnr": Kind("PSNR", 2),
    "psnr_y": Kind("PSNR-Y", 2),
    "psnr_b": Kind("PSNR-B", 2),
    "ssim": Kind("SSIM", 4),
    "ms_ssim": Kind("MS-SSIM", 4),
    "lpips_alex": Kind("LPIPS", 4, True),
    "lpips_squeeze": Kind("LPIPS (SqueezeNet)", 4, True),
    "dists": Kind("DISTS", 4, True),
    "niqe": Kind("NIQE", 3, True),
    "fid": Kind("FID/256", 2, True, "inception"),
    "kid": Kind("KID/256", 5, True, "inception"),
    "fd_alex": Kind("FD/256 (AlexNet)", 4, True, "alex"),
    "kd_alex": Kind("KD/256 (AlexNet)", 5, True, "alex"),
}
"""The distances between sets are over patches of 256x256 pixels; with AlexNet's features they are no FID and no KID."""

USUAL = ("psnr", "psnr_b", "ssim", "lpips_alex")
"""What the table on a terminal holds."""


_LIBRARIES = {"ssim": ("skimage", "scikit-image"), "ms_ssim": ("pytorch_msssim", "pytorch-msssim")}


@dataclass(frozen=True)
class Metrics:
    """What is measured, everything in the order of `KINDS`.

    Attributes:
        of_pictures: {name: metric}.
        of_sets: names of the distances between sets.
        networks: {features: network for `frechet.patch_features`}.
        left_out: {name: why it cannot be measured}.
    """

    of_pictures: dict[str, Metric] = field(default_factory=dict)
    of_sets: list[str] = field(default_factory=list)
    networks: dict[str, nn.Module] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, str]:
        """Titles of those that are left out, together where the reason is the same: {titles: reason}."""
        titles: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            titles.setdefault(reason, []).append(KINDS[name].title)
        return {", ".join(names): reason for reason, names in titles.items()}


def choose(names: Sequence[str], place: Place = None) -> Metrics:
    """Makes metrics ready. One whose weights or library are missing is left out, with the reason.

    Args:
        names: of `KINDS`.
        place: of the weights, see `weight_files.Place`.

    Raises:
        UsageError: there is no metric of such a name, or none at all can be measured.
    """
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise UsageError(f"there is no metric {unknown[0]!r}", hint=f"there are {', '.join(KINDS)}")
    found = Metrics()
    for name in (name for name in KINDS if name in names):
        features = KINDS[name].features
        try:
            if not features:
                found.of_pictures[name] = _metric(name, place)
                continue
            if features not in found.networks:
                found.networks[features] = _network(features, place)
            found.of_sets.append(name)
        except EnhanceError as error:
            found.left_out[name] = str(error)
    if not found.of_pictures:
        raise UsageError("no metric of single pictures is left", hint="; ".join(found.left_out.values()) or "name one")
    return found


def _metric(name: str, place: Place) -> Metric:
    """Raises WeightsError or UsageError: its weights or its library are missing."""
    if name in _LIBRARIES:
        module, distribution = _LIBRARIES[name]
        if find_spec(module) is None:
            raise UsageError(f"{KINDS[name].title} needs {distribution}", hint="pip install 'enhance[eval]'")
    simple = {"psnr": distortion.psnr, "psnr_y": distortion.psnr_y, "psnr_b": distortion.psnr_b}
    simple |= {"ssim": distortion.ssim, "ms_ssim": distortion.ms_ssim}
    if name in simple:
        return simple[name]
    from enhance.evaluation.metrics.perceptual import DistsDistance, LpipsDistance, Naturalness

    makers: dict[str, Callable[[], Metric]] = {
        "lpips_alex": lambda: LpipsDistance("alex", place),
        "lpips_squeeze": lambda: LpipsDistance("squeeze", place),
        "dists": lambda: DistsDistance(place),
        "niqe": lambda: Naturalness(place),
    }
    return makers[name]()


def _network(features: str, place: Place) -> nn.Module:
    """Raises WeightsError: its weights are missing."""
    from enhance.evaluation.metrics.frechet import AlexFeatures
    from enhance.evaluation.metrics.inception import Inception

    return Inception.load(place) if features == "inception" else AlexFeatures.load(place)
