"""VapourSynth: clips that were VVC, YUV, RGB or gray of any depth, enhanced frame by frame.

    from enhance.integrations.vapoursynth import enhance
    clip = enhance(clip, qp=37)

Neither vapoursynth nor torch is imported before something is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enhance.integrations.on_demand import on_demand

if TYPE_CHECKING:
    from enhance.integrations.vapoursynth_clip import enhance

__all__ = ["enhance"]

__getattr__ = on_demand(__name__, enhance="vapoursynth_clip")
