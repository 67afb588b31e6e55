"""What suits video where the user leaves it open: gentler the more strongly a frame was compressed, and on smooth ones.

At high QPs little is left of a frame's texture, and what is put in its place is seen as specks. A smooth frame, as the
ground of most recordings of screens, is coded nearly without error, so that the little that looks add to it is most of
what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from enhance.images import ColourDescription, DecodedImage, Rate
from enhance.knobs import DEFAULT_MODE, Knobs
from enhance.video.texture import texture

_QPS = 28.0, 36.0, 41.0
_PERCEPTIONS = 0.5, 0.35, 0.2
"""The perception of one step at these QPs, in textured frames. No frame of the validation clips that was looked at
loses more than 0.05 dB of luma then; with 0.4 at all QPs, one in ten at high QPs does, up to 0.12 dB. At QPs 25 to 28,
0.5 instead of 0.35 costs 0.007 dB and takes LPIPS from 11.3 to 13.1 % below that of the decoded frames, 0.7 to 13.6 %.
"""


@dataclass(frozen=True)
class VideoKnobs:
    """The user's choices for a video; what is left open depends on the rate of each frame and on what it shows.

    Attributes:
        chosen: for textured frames of low QPs.
        is_open: the user asked for no looks.
    """

    chosen: Knobs
    is_open: bool

    def for_frame(self, frame: DecodedImage) -> Knobs:
        """The choices for one frame."""
        return self.at(frame.rate, texture(frame.pixels)) if self.is_open else self.chosen

    def at(self, rate: Rate, textured: float = 1.0) -> Knobs:
        """The choices for a frame of this rate; `textured` is its `texture`, 0 to 1."""
        if not self.is_open:
            return self.chosen
        perception = textured * float(np.interp(rate.level, _QPS, _PERCEPTIONS))
        return replace(self.chosen, perception=round(perception, 3))

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
