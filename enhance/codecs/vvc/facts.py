"""What a VVC stream says beside its samples: frames a second, the shape of a sample, and which light the values mean.

Frame rate: H.266, 7.3.5.1 (general_timing_hrd_parameters). Sample shape and colour: the VUI of H.274, clause 7, with
the code points of ITU-T H.273.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

from enhance.images import ColourDescription

# H.273, table 11 (SampleAspectRatio).
_ASPECTS = {
    1: (1, 1), 2: (12, 11), 3: (10, 11), 4: (16, 11), 5: (40, 33), 6: (24, 11), 7: (20, 11), 8: (32, 11), 9: (80, 33),
    10: (18, 11), 11: (15, 11), 12: (64, 33), 13: (160, 99), 14: (4, 3), 15: (3, 2), 16: (2, 1),
}  # fmt: skip
_OWN_ASPECT = 255
_UNSPECIFIED = 2


@dataclass(frozen=True)
class StreamFacts:
    """What is said of a stream's frames; None for what is not said.

    Attributes:
        frame_rate: frames a second, as a fraction.
        sample_aspect: width and height of a sample, as a fraction.
        colour: the light that the values mean.
    """

    frame_rate: tuple[int, int] | None = None
    sample_aspect: tuple[int, int] | None = None
    colour: ColourDescription | None = None


def read_facts(timing: Mapping[str, int], vui: Mapping[str, int]) -> StreamFacts:
    """The facts by the syntax elements of a sequence parameter set.

    Args:
        timing: time_scale, num_units_in_tick and elemental_duration_in_tc_minus1, as far as they are there.
        vui: the elements vui_*.
    """
    return StreamFacts(_frame_rate(timing), _sample_aspect(vui), _colour(vui))


def _frame_rate(timing: Mapping[str, int]) -> tuple[int, int] | None:
    scale = timing.get("time_scale", 0)
    units = timing.get("num_units_in_tick", 0) * (timing.get("elemental_duration_in_tc_minus1", 0) + 1)
    return _reduced(scale, units) if scale > 0 and units > 0 else None


def _sample_aspect(vui: Mapping[str, int]) -> tuple[int, int] | None:
    code = vui.get("vui_aspect_ratio_idc", 0)
    if code != _OWN_ASPECT:
        return _ASPECTS.get(code)
    width, height = vui.get("vui_sar_width", 0), vui.get("vui_sar_height", 0)
    return _reduced(width, height) if width > 0 and height > 0 else None


def _colour(vui: Mapping[str, int]) -> ColourDescription | None:
    primaries = vui.get("vui_colour_primaries", _UNSPECIFIED)
    transfer = vui.get("vui_transfer_characteristics", _UNSPECIFIED)
    return None if primaries == transfer == _UNSPECIFIED else ColourDescription(primaries, transfer)


def _reduced(numerator: int, denominator: int) -> tuple[int, int]:
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common
