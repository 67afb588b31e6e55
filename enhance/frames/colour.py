"""YCbCr frames to RGB and back: matrices, ranges, depths and chroma siting, in float throughout.

Matrices and ranges are those of ITU-R BT.601-7, BT.709-6 and BT.2020-2 (as ITU-T H.273 writes them down). Chroma is
resampled with a Lanczos kernel of three lobes, placed where the chroma samples lie.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enhance.errors import UsageError
from enhance.frames.depth import code_values
from enhance.frames.format import ColorSpace, FrameFormat, Plane, Planes
from enhance.images import Pixels

Float = npt.NDArray[np.float32]
Offsets = tuple[Float, ...]
"""What is added to the planes of a frame."""

LOBES = 3
"""Of the Lanczos kernel."""
# K_R and K_B: ITU-T H.273, table 4.
_LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
CHROMA_OFFSETS = {
    "left": (0.5, 0.0),
    "center": (0.5, 0.5),
    "topleft": (0.0, 0.0),
    "top": (0.0, 0.5),
    "bottomleft": (1.0, 0.0),
    "bottom": (1.0, 0.5),
}
"""Rows and columns by which the first chroma sample lies below and right of the first luma sample, in luma samples."""


def video_luma(pixels: Pixels) -> npt.NDArray[np.float32]:
    """How light a picture is, as BT.709 video of limited range says it but for black: 8-bit code values, [H, W].

    Args:
        pixels: [H, W, 3] RGB or [H, W] gray, of any kind that `DecodedImage` holds.
    """
    red, blue = _LUMA_WEIGHTS["bt709"]
    weights = np.array([red, 1 - red - blue, blue], np.float32) * np.float32(219 / 255)
    values = code_values(pixels)
    luma: npt.NDArray[np.float32] = values @ weights if values.ndim == 3 else values * weights.sum()
    return luma


def yuv_to_rgb(planes: Planes, frame: FrameFormat, space: ColorSpace) -> Float:
    """A frame as R'G'B'.

    Args:
        planes: as `frame` says.
        frame: layout of the planes.
        space: meaning of their values.

    Returns:
        float32 [H, W, 3] RGB, or [H, W] for 4:0:0; black is 0 and white is 1. Not clipped: a frame holds colours that
        no RGB in [0, 1] has, and they come back from `rgb_to_yuv`.

    Raises:
        UsageError: the planes are not what `frame` says, or "gbr" without 4:4:4.
    """
    _check(planes, frame, space)
    y = _luma_to_float(planes[0], frame, space)
    if len(planes) == 1:
        return y
    if space.matrix == "gbr":
        return np.stack([_luma_to_float(planes[2], frame, space), y, _luma_to_float(planes[1], frame, space)], axis=2)
    scale, zero = _chroma_levels(frame.depth, space.full_range)
    cb, cr = (_upsample(_centred(plane, zero, scale), frame, space) for plane in planes[1:])
    k_r, k_b = _LUMA_WEIGHTS[space.matrix]
    k_g = 1 - k_r - k_b
    rgb = np.empty((frame.height, frame.width, 3), np.float32)
    rgb[..., 0] = y + np.float32(2 * (1 - k_r)) * cr
    rgb[..., 1] = y - np.float32(2 * k_b * (1 - k_b) / k_g) * cb - np.float32(2 * k_r * (1 - k_r) / k_g) * cr
    rgb[..., 2] = y + np.float32(2 * (1 - k_b)) * cb
    return rgb


def rgb_to_yuv(rgb: npt.NDArray[np.floating], frame: FrameFormat, space: ColorSpace) -> Planes:
    """The inverse of `yuv_to_rgb`, rounded and clipped to the depth.

    Args:
        rgb: [H, W, 3], or [H, W] for 4:0:0; black is 0 and white is 1.
        frame: layout to make.
        space: meaning of its values.

    Returns:
        the planes. 4:4:4 and 4:0:0 frames come back exactly; subsampled chroma has passed two filters.

    Raises:
        UsageError: the picture is not of the frame's size and kind, or "gbr" without 4:4:4.
    """
    black, offsets = _black(frame, space), _to_planes(rgb, frame, space)
    return tuple(_quantised(level + offset, frame) for level, offset in zip(black, offsets))


def add_rgb_change(planes: Planes, change: npt.NDArray[np.floating], frame: FrameFormat, space: ColorSpace) -> Planes:
    """Changes a frame by what an enhancer added to its RGB.

    The matrices are linear, so only the change passes through them and through the chroma filter: what was not changed
    comes back exactly in every format, colours outside RGB included.

    Args:
        planes: the frame.
        change: [H, W, 3] RGB or [H, W], white minus black is 1.
        frame: layout of the planes.
        space: meaning of their values.

    Returns:
        new planes of the same layout, rounded and clipped to the depth.

    Raises:
        UsageError: as in `rgb_to_yuv`.
    """
    return add_to_planes(planes, rgb_change_to_planes(change, frame, space), frame)


def rgb_change_to_planes(change: npt.NDArray[np.floating], frame: FrameFormat, space: ColorSpace) -> Offsets:
    """What a change of RGB is in a frame's planes.

    Args:
        change, frame, space: as in `add_rgb_change`.

    Returns:
        float32 planes of the frame's shapes, in its code values, not rounded.

    Raises:
        UsageError: as in `rgb_to_yuv`.
    """
    return _to_planes(change, frame, space)


def add_to_planes(planes: Planes, offsets: Offsets, frame: FrameFormat) -> Planes:
    """New planes with offsets in code values added, rounded and clipped to the depth.

    Raises:
        UsageError: the planes are not what `frame` says.
    """
    _check_shapes(planes, frame)
    return tuple(_quantised(plane.astype(np.float32) + offset, frame) for plane, offset in zip(planes, offsets))


def _check(planes: Planes, frame: FrameFormat, space: ColorSpace) -> None:
    _check_shapes(planes, frame)
    _check_space(frame, space)


def _check_shapes(planes: Planes, frame: FrameFormat) -> None:
    shapes = tuple(plane.shape for plane in planes)
    if shapes != frame.plane_shapes:
        raise UsageError(f"planes of shapes {shapes} are not a {frame.subsampling} frame: {frame.plane_shapes}")


def _check_space(frame: FrameFormat, space: ColorSpace) -> None:
    if space.matrix == "gbr" and frame.subsampling not in ("4:4:4", "4:0:0"):
        raise UsageError(f"RGB planes (matrix gbr) are 4:4:4, not {frame.subsampling}")


def _luma_levels(depth: int, full_range: bool) -> tuple[float, float]:
    """Code values from black to white, and of black."""
    return (2.0**depth - 1, 0.0) if full_range else (219 * 2.0 ** (depth - 8), 16 * 2.0 ** (depth - 8))


def _chroma_levels(depth: int, full_range: bool) -> tuple[np.float32, np.float32]:
    """Code values from Cb = -1/2 to 1/2, and of 0."""
    scale = 2.0**depth - 1 if full_range else 224 * 2.0 ** (depth - 8)
    return np.float32(scale), np.float32(2.0 ** (depth - 1))


def _luma_to_float(plane: Plane, frame: FrameFormat, space: ColorSpace) -> Float:
    scale, black = _luma_levels(frame.depth, space.full_range)
    return _centred(plane, np.float32(black), np.float32(scale))


def _centred(plane: Plane, zero: np.float32, scale: np.float32) -> Float:
    values: Float = plane.astype(np.float32)
    values -= zero
    values /= scale
    return values


def _black(frame: FrameFormat, space: ColorSpace) -> tuple[np.float32, ...]:
    """The code values of black, a plane each."""
    luma = np.float32(_luma_levels(frame.depth, space.full_range)[1])
    chroma = luma if space.matrix == "gbr" else _chroma_levels(frame.depth, space.full_range)[1]
    return (luma, chroma, chroma)[: len(frame.plane_shapes)]


def _to_planes(rgb: npt.NDArray[np.floating], frame: FrameFormat, space: ColorSpace) -> Offsets:
    """The planes of a picture in code values, those of black taken off, not rounded: a linear map."""
    expected = (frame.height, frame.width) + (() if frame.subsampling == "4:0:0" else (3,))
    if rgb.shape != expected:
        raise UsageError(f"a picture of shape {rgb.shape} does not make a {frame.subsampling} frame of {expected}")
    _check_space(frame, space)
    values = rgb.astype(np.float32, copy=False)
    luma_scale = np.float32(_luma_levels(frame.depth, space.full_range)[0])
    if values.ndim == 2:
        return (values * luma_scale,)
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    if space.matrix == "gbr":
        return green * luma_scale, blue * luma_scale, red * luma_scale
    k_r, k_b = _LUMA_WEIGHTS[space.matrix]
    y = np.float32(k_r) * red + np.float32(1 - k_r - k_b) * green + np.float32(k_b) * blue
    chroma_scale, _ = _chroma_levels(frame.depth, space.full_range)
    cb = _downsample((blue - y) * np.float32(chroma_scale / (2 * (1 - k_b))), frame, space)
    cr = _downsample((red - y) * np.float32(chroma_scale / (2 * (1 - k_r))), frame, space)
    return y * luma_scale, cb, cr


def _quantised(values: Float, frame: FrameFormat) -> Plane:
    np.rint(values, out=values)
    return np.clip(values, 0, 2**frame.depth - 1, out=values).astype(frame.dtype)


# --- chroma ----------------------------------------------------------------------------------------------------------


def _upsample(chroma: Float, frame: FrameFormat, space: ColorSpace) -> Float:
    for axis in (0, 1):
        if frame.chroma_step[axis] == 2:
            chroma = _double(chroma, axis, CHROMA_OFFSETS[space.chroma_location][axis])
    return chroma[: frame.height, : frame.width]


def _downsample(values: Float, frame: FrameFormat, space: ColorSpace) -> Float:
    for axis in (0, 1):
        if frame.chroma_step[axis] == 2:
            values = _halve(values, axis, CHROMA_OFFSETS[space.chroma_location][axis])
    return values


def _double(samples: Float, axis: int, offset: float) -> Float:
    """Twice as many samples along an axis; sample j of the input lies at 2 j + offset of the output."""
    even = _filtered(samples, axis, _taps(-offset / 2, 1.0), 1)
    odd = _filtered(samples, axis, _taps((1 - offset) / 2, 1.0), 1)
    doubled = np.stack([even, odd], axis=axis + 1)
    shape = list(samples.shape)
    shape[axis] *= 2
    return doubled.reshape(shape)


def _halve(samples: Float, axis: int, offset: float) -> Float:
    """Half as many samples along an axis, an odd count rounded up; the inverse of `_double` for smooth input."""
    return _filtered(samples, axis, _taps(offset, 2.0), 2)


@lru_cache(maxsize=32)
def _taps(position: float, stretch: float) -> tuple[tuple[int, np.float32], ...]:
    """The kernel around `position`: offsets in samples and weights that add up to 1."""
    reach = LOBES * stretch
    places = [place for place in range(-16, 17) if abs(place - position) < reach]
    distances = (np.array(places) - position) / stretch
    weights = np.sinc(distances) * np.sinc(distances / LOBES)
    weights /= weights.sum()
    return tuple((place, np.float32(weight)) for place, weight in zip(places, weights) if abs(weight) > 1e-9)


def _filtered(samples: Float, axis: int, taps: tuple[tuple[int, np.float32], ...], step: int) -> Float:
    """Σ w_k x[step i + k] along an axis, the edge repeated."""
    length = samples.shape[axis]
    count = -(-length // step)
    before = max(0, -taps[0][0])
    after = max(0, taps[-1][0] + (count - 1) * step - (length - 1))
    widths = [(0, 0), (0, 0)]
    widths[axis] = (before, after)
    padded = np.pad(samples, widths, mode="edge")
    window: Callable[[slice], tuple[slice, slice]] = (
        (lambda part: (part, slice(None))) if axis == 0 else (lambda part: (slice(None), part))
    )
    total: Float | None = None
    for place, weight in taps:
        start = before + place
        part = padded[window(slice(start, start + (count - 1) * step + 1, step))] * weight
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total
