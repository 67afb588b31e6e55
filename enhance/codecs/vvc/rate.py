"""The rate of a VVC picture: its quantisation parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.codecs import conditioning
from enhance.errors import UsageError

MAX_QP = 63
_COEFFICIENTS = 64

_FINEST = 17.0
"""The lowest QP that models learned from, nearly. What a network says to lower ones than it has seen is noise: at 4 and
below it is larger than the picture."""


@dataclass(frozen=True)
class VvcRate:
    """Quantisation parameter of a picture coded by VVC.

    Attributes:
        qp: slice QP 0-63 (H.266, SliceQpY at 8 bits; higher depths may go below 0 in a stream and are taken as 0);
            fractions are meaningful, the quantiser step doubles every 6.
        estimated: True if the slice QP does not tell how coarse the picture is (QPs that change from block to block, or
            prediction from other pictures), and `qp` was estimated.
        predicted: True for the pictures of a video, of which most are predicted from others.

    Raises:
        UsageError: the QP is not from 0 to 63.
    """

    qp: float
    estimated: bool = False
    predicted: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.qp <= MAX_QP:
            raise UsageError(f"qp must be a number from 0 to {MAX_QP}, not {self.qp!r}")

    @classmethod
    def told(cls, qp: float, is_gray: bool) -> VvcRate:
        """The rate of a picture of which only the QP is known; it is the same in gray and in colour."""
        return cls(float(qp))

    @property
    def codec(self) -> str:
        return "vvc"

    @property
    def level(self) -> float:
        return float(self.qp)

    @property
    def luma_level(self) -> float:
        return self.level

    @property
    def chroma_level(self) -> float:
        return self.level

    @property
    def sampling(self) -> str:
        """What the network is told of chroma."""
        return "4:2:0"

    @property
    def known(self) -> float:
        """Factor on the correction: below the lowest QP that models know, errors fall as the quantiser's step does."""
        return float(min(1.0, 2 ** ((self.qp - _FINEST) / 6)))

    def conditioning(self) -> npt.NDArray[np.float32]:
        """[`conditioning.SIZE`]: the quantiser step of each coefficient in the place of JPEG's tables, and 4:2:0.

        A step of VVC is 2^((QP - 4) / 6) in the units of an orthonormal transform of 8-bit samples, which are those of
        a JPEG table, and it is the same for all coefficients where no scaling list is used. So one network reads both
        codecs, and a model for one starts from where a model for the other stands. QPs lower than models know are taken
        for the lowest.
        """
        steps = np.full(_COEFFICIENTS, (max(self.qp, _FINEST) - 4) / 6 / 4 - 1)  # as `log_steps`, below 1 too
        return conditioning.pack(luma=steps, chroma=steps, subsampling=(1, 1))

    def describe(self) -> dict[str, Any]:
        qp = round(float(self.qp), 2)
        return {"qp": int(qp) if qp == int(qp) else qp, "estimated": self.estimated}
