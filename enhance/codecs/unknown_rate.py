"""The rate of pixels that do not tell how they were coded: it has to be said, or found out from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class UnknownRate:
    """Stands in `DecodedImage.rate` where nothing is known; no model is for its codec."""

    @property
    def codec(self) -> str:
        return "unknown"

    @property
    def level(self) -> float:
        return math.nan

    def conditioning(self) -> npt.NDArray[np.float32]:
        """Nothing can be told."""
        raise ValueError("pixels of which nothing is known cannot guide a network")

    def describe(self) -> dict[str, Any]:
        return {}
