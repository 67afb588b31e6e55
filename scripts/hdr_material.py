"""HDR frames made of SDR ones, for measuring: the same pictures in PQ or HLG code values, with brighter highlights.

SDR white is 203 cd/m² (ITU-R BT.2408), and light grows from there to 1,000 cd/m² at full value. Transfer functions and
primaries are those of ITU-R BT.2100-2, BT.1886 and BT.2020-2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from enhance.frames.colour import rgb_to_yuv, yuv_to_rgb
from enhance.frames.format import ColorSpace, FrameFormat, Planes

Float = npt.NDArray[np.float32]
Transfer = Literal["sdr", "pq", "hlg"]

SPACES = {"sdr": ColorSpace(), "pq": ColorSpace("bt2020"), "hlg": ColorSpace("bt2020")}
_TAGS = {"pq": "smpte2084", "hlg": "arib-std-b67"}
_PEAK, _WHITE = 1000.0, 203.0
_GAMMA = 2.4
# BT.2087: RGB of BT.709 to RGB of BT.2020, linear.
_WIDER = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float64
)  # fmt: skip
_LUMA = np.array([0.2627, 0.6780, 0.0593])
_SYSTEM_GAMMA = 1.2


def tags(transfer: Transfer) -> list[str]:
    """ffmpeg's arguments that make libvvenc say what the values mean; its planes are not changed."""
    if transfer == "sdr":
        return []
    kinds = "bt2020", _TAGS[transfer], "bt2020nc"
    told = dict(zip(("color_primaries", "color_trc", "colorspace"), kinds))
    names = [word for name, kind in told.items() for word in (f"-{name}", kind)]
    return ["-vf", "setparams=" + ":".join(f"{name}={kind}" for name, kind in told.items()), *names]


def in_transfer(planes: Planes, frame: FrameFormat, transfer: Transfer) -> Planes:
    """A frame of BT.709 in another transfer function, BT.2020 primaries and matrix; as it is for "sdr"."""
    if transfer == "sdr":
        return planes
    light = yuv_to_rgb(planes, frame, SPACES["sdr"]).clip(0, 1).astype(np.float64) ** _GAMMA
    nits = (_WHITE * light + (_PEAK - _WHITE) * light**4) @ _WIDER.T
    values = perceptual_quantizer(nits) if transfer == "pq" else hybrid_log_gamma(nits)
    return rgb_to_yuv(values.astype(np.float32), frame, SPACES[transfer])


def perceptual_quantizer(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """PQ's values, 0 to 1, of light in cd/m² (BT.2100, table 4: inverse EOTF)."""
    power = np.clip(nits / 10000, 0, 1) ** (2610 / 16384)
    ratio = (3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)
    return np.asarray(ratio ** (2523 / 32))


def hybrid_log_gamma(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """HLG's values, 0 to 1, of light in cd/m² [..., 3] on a display of 1,000 (BT.2100, table 5: inverse OOTF, OETF)."""
    shown = np.clip(nits / _PEAK, 0, 1)
    luminance = np.maximum(shown @ _LUMA, 1e-9)[..., None]
    scene = np.clip(shown * luminance ** (1 / _SYSTEM_GAMMA - 1), 0, 1)
    logarithmic = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logarithmic)
