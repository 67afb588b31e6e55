"""Which of CompressAI's networks there are, and what their qualities mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.errors import UsageError
from enhance.learned.rate import step_conditioning, step_of

TRADE_OFFS = (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800)
"""λ of each quality, in bits per pixel + λ · squared error of 8-bit code values, of CompressAI's own weights."""


@dataclass(frozen=True)
class Network:
    """One of CompressAI's networks.

    Attributes:
        name: as CompressAI calls it; of the codec, too, and with a dot the extension of its files.
        title: as people write it.
        magic: with which its files begin.
        qualities: it has those from 1 to this.
    """

    name: str
    title: str
    magic: bytes
    qualities: int

    @property
    def extension(self) -> str:
        return f".{self.name}"


NETWORKS = (
    Network("bmshj2018-hyperprior", "Scale hyperprior (CompressAI)", b"\x8bBSH\r\n", 8),
    Network("mbt2018-mean", "Mean and scale hyperprior (CompressAI)", b"\x8bMBT\r\n", 8),
    Network("cheng2020-anchor", "Cheng 2020, anchor (CompressAI)", b"\x8bCHA\r\n", 6),
)


@dataclass(frozen=True)
class Quality:
    """The rate of a picture that one of CompressAI's networks coded.

    Attributes:
        network: which.
        quality: from 1, the strongest compression.

    Raises:
        UsageError: the network has no such quality.
    """

    network: Network
    quality: int

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= self.network.qualities:
            told = f"from 1, the strongest compression, to {self.network.qualities}, not {self.quality}"
            raise UsageError(f"a quality of {self.network.name} is {told}")

    @property
    def codec(self) -> str:
        return self.network.name

    @property
    def level(self) -> float:
        return float(self.quality)

    def conditioning(self) -> npt.NDArray[np.float32]:
        """[`conditioning.SIZE`], as `LearnedRate.conditioning`."""
        return step_conditioning(step_of(TRADE_OFFS[self.quality - 1]))

    def describe(self) -> dict[str, Any]:
        return {"quality": self.quality}
