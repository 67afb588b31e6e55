"""How much of a decoded picture is textured, by which looks are worth their error.

What looks add is about as large everywhere, 0.2 to 0.3 code values at QP 25, but the error that is left by the codec is
not: 0.4 to 0.7 in wallpapers, gradients and blurred photos, 3 to 5 in natural clips. Those gain luma with looks, and
smooth pictures lose up to 1.3 dB. Two measures tell them apart, the share of samples that equal their neighbours and
the mean step between neighbours, in 8-bit code values of limited range:

                                                        share        step
    ten natural clips (two of them dark or calm)      0.1 to 0.59  1.5 to 6.9
    wallpapers, with and without windows before them  0.54 to 0.98  0.5 to 5.2
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.frames.colour import video_luma

EVEN = 0.5, 0.7
"""The share of samples that equal their neighbours below and on the right, at which looks begin to be left, and are."""
STEP = 1.0, 2.5
"""The mean step between neighbours, in 8-bit code values, below which there are no looks, and from which on all."""


def texture(pixels: npt.NDArray[Any]) -> float:
    """0 for a smooth picture to 1 for a textured one, without steps between.

    Args:
        pixels: as in `DecodedImage`.
    """
    luma = video_luma(pixels)
    if min(luma.shape) < 2:
        return 1.0
    across, down = np.abs(np.diff(luma, axis=1))[:-1], np.abs(np.diff(luma, axis=0))[:, :-1]
    even = float(((across < 1) & (down < 1)).mean())
    step = float(across.mean() + down.mean()) / 2
    return float(min(np.interp(even, EVEN, (1, 0)), np.interp(step, STEP, (0, 1))))
