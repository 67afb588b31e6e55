"""VapourSynth: clips that were VVC, YUV, RGB or gray of any depth, enhanced frame by frame.

    from enhance.integrations.vapoursynth import enhance
    clip = enhance(clip, qp=37)

Neither vapoursynth nor torch is imported before something is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enhance.integrations.vapoursynth_clip import enhance

__all__ = ["enhance"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from enhance.integrations import vapoursynth_clip

    return getattr(vapoursynth_clip, name)
