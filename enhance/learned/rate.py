"""The rate of a picture that the learned codec coded: which of the model's rates, and the step that it amounts to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.codecs import conditioning
from enhance.errors import UsageError

RATES = 8
STRONGEST, MILDEST = 0.0015, 0.06
"""λ of the first and the last rate, in bits per pixel + λ · squared error of 8-bit code values."""

_COEFFICIENTS = 64


@dataclass(frozen=True)
class LearnedRate:
    """Which rate, from 1, the strongest compression, to 8.

    Raises:
        UsageError: there is no such rate.
    """

    rate: int

    def __post_init__(self) -> None:
        check_rate(self.rate)

    @property
    def codec(self) -> str:
        return "learned"

    @property
    def level(self) -> float:
        return float(self.rate)

    @property
    def step(self) -> float:
        """Of the uniform quantiser that costs as much at the margin, in 8-bit code values."""
        return step_of(trade_off(self.rate - 1))

    def conditioning(self) -> npt.NDArray[np.float32]:
        """[`conditioning.SIZE`]: as `step_conditioning` has it."""
        return step_conditioning(self.step)

    def describe(self) -> dict[str, Any]:
        return {"rate": self.rate}


def step_conditioning(step: float) -> npt.NDArray[np.float32]:
    """[`conditioning.SIZE`]: a step in the place of JPEG's tables, the same for all coefficients, and 4:4:4."""
    steps = np.full(_COEFFICIENTS, math.log2(step) / 4 - 1)  # as `log_steps`
    return conditioning.pack(luma=steps, chroma=steps)


def trade_off(rate: int, rates: int = RATES) -> float:
    """λ of a rate, from 0; geometric."""
    return STRONGEST * (MILDEST / STRONGEST) ** (rate / max(rates - 1, 1))


def step_of(weight: float) -> float:
    """The step of uniform quantisers at a high rate with that λ, in 8-bit code values.

    Three components of a pixel have a squared error of Δ²/12 each, and halving Δ costs three bits: -dR/dD is
    18 / (Δ² ln 2).
    """
    return math.sqrt(18 / math.log(2) / weight)


def check_rate(rate: int, rates: int = RATES) -> None:
    """Raises UsageError unless there is such a rate."""
    if not 1 <= rate <= rates:
        raise UsageError(f"a rate is from 1, the strongest compression, to {rates}, not {rate}")
