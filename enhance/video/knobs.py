"""What suits video where the user leaves it open: gentler the more strongly the frames were compressed.

At high QPs little is left of a frame's texture, and what is put in its place is seen as specks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from enhance.images import ColourDescription, Rate
from enhance.knobs import DEFAULT_MODE, Knobs

_QPS = 36.0, 41.0
_PERCEPTIONS = 0.35, 0.2
"""The perception of one step up to the first QP, and from the second on. No frame of the validation clips that was
looked at loses more than 0.05 dB of luma then; with 0.4 at all QPs, one in ten at high QPs does, up to 0.12 dB."""


@dataclass(frozen=True)
class VideoKnobs:
    """The user's choices for a video; what is left open depends on the rate of each frame.

    Attributes:
        chosen: for frames of low QPs.
        is_open: the user asked for no looks.
    """

    chosen: Knobs
    is_open: bool

    def at(self, rate: Rate) -> Knobs:
        """The choices for one frame."""
        if not self.is_open:
            return self.chosen
        return replace(self.chosen, perception=round(float(np.interp(rate.level, _QPS, _PERCEPTIONS)), 3))

    def of(self, colour: ColourDescription | None) -> VideoKnobs:
        """The choices for frames of these colours: HDR, of which the model has seen none, gets no looks unasked.

        Measured in PQ code values on three validation clips at QP 37: luma gains 0.09 dB without looks, and loses 0.06
        dB with those that suit other video.
        """
        if colour is None or not colour.is_hdr or not self.is_open:
            return self
        return VideoKnobs(replace(self.chosen, perception=0.0), is_open=False)


def video_knobs(chosen: dict[str, Any]) -> VideoKnobs:
    """The user's choices; what is left open is what suits video.

    Raises:
        EnhanceError: see `Knobs`.
    """
    is_open = all(chosen.get(name) is None for name in ("mode", "steps", "perception"))
    if is_open:
        chosen = {**chosen, "mode": DEFAULT_MODE, "perception": _PERCEPTIONS[0]}
    return VideoKnobs(Knobs(**chosen), is_open)
