"""Keeps the features of pictures' patches in files, and measures distances between sets of pictures from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

from enhance.evaluation.measuring.measurement import ORIGINAL, Key
from enhance.evaluation.metrics.catalog import KINDS
from enhance.evaluation.metrics.frechet import Features, frechet_distance, kernel_distance, patch_features
from enhance.system.atomic_file import as_output_error, atomic_file

_DISTANCES = {"fid": frechet_distance, "fd_alex": frechet_distance, "kid": kernel_distance, "kd_alex": kernel_distance}


def original_of(key: Key) -> Key:
    """The key of the original that a picture was made from."""
    return Key(key.codec, 0, key.image, ORIGINAL)


class PatchStore:
    """Features of pictures and of originals.

    Args:
        folder: of the files; made when the first is written.
        networks: {features: network for `patch_features`}.
    """

    def __init__(self, folder: Path, networks: Mapping[str, nn.Module]) -> None:
        self._folder, self._networks = folder, networks

    def keep(self, key: Key, pixels: npt.NDArray[np.uint8]) -> None:
        """Computes and writes what is not there yet. Raises OutputError."""
        for features, network in self._networks.items():
            path = self._path(features, key)
            if not path.exists():
                with as_output_error(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                found = patch_features(network, pixels)
                with atomic_file(path, overwrite=True) as file:
                    np.save(file, found)

    def has(self, key: Key) -> bool:
        """True if nothing has to be computed for this picture and its original."""
        both = (key, original_of(key))
        return all(self._path(features, one).exists() for features in self._networks for one in both)

    def distances(self, metrics: Iterable[str], keys: Sequence[Key]) -> dict[str, float]:
        """Distances between pictures and their originals as two sets, {metric: distance}; NaN below two patches."""
        found = {}
        for metric in metrics:
            features = KINDS[metric].features
            pictures, originals = self._load(features, keys), self._load(features, [*map(original_of, keys)])
            found[metric] = _DISTANCES[metric](originals, pictures) if len(pictures) > 1 else math.nan
        return found

    def _path(self, features: str, key: Key) -> Path:
        name = sha256("\n".join(map(str, key)).encode()).hexdigest()
        return self._folder / features / f"{name[:32]}.npy"

    def _load(self, features: str, keys: Sequence[Key]) -> Features:
        found = [np.load(self._path(features, key)) for key in keys]
        return np.concatenate([one for one in found if len(one)] or [np.zeros((0, 0), np.float32)])
