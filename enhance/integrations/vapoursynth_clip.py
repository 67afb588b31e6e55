"""The filter itself; `enhance.integrations.vapoursynth` is the place to import it from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import vapoursynth as installed_vapoursynth

from enhance.codecs.vvc.rate import VvcRate
from enhance.diffusion.noise import NoiseField
from enhance.enhancer import shared_enhancer
from enhance.errors import UsageError
from enhance.frames.colour import add_to_planes
from enhance.frames.format import CHROMA_LOCATIONS, ChromaLocation, ColorSpace, FrameFormat, Matrix, Planes, Subsampling
from enhance.images import ColourDescription, DecodedImage, EnhancedImage
from enhance.knobs import check_names
from enhance.video.filter import FrameFilter
from enhance.video.knobs import video_knobs

vs: Any = installed_vapoursynth  # its types are missing where it is

_KEPT_BLOCKS = 512  # of noise: 24 MiB
# ITU-T H.273, as the frame property `_Matrix` has them; 2 is "not said".
_MATRICES: dict[int, Matrix] = {0: "gbr", 1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
_SUBSAMPLINGS: dict[tuple[int, int], Subsampling] = {(1, 1): "4:2:0", (1, 0): "4:2:2", (0, 0): "4:4:4"}
_LOOK_DEPTH = 16
"""Bits in which the network sees frames of floating point."""

Qp = float | Sequence[float] | str
"""One for all frames, one for each, or the name of the frame property that holds it."""


def enhance(
    clip: Any,
    qp: Qp,
    *,
    matrix: Matrix | None = None,
    full_range: bool | None = None,
    chroma_location: ChromaLocation | None = None,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    dtype: str = "auto",
    **knobs: Any,
) -> Any:
    """Enhances the frames of a clip that was coded by VVC, each when it is asked for, and in any order.

    Args:
        clip: YUV 4:2:0, 4:2:2, 4:4:4, RGB or gray, 8 to 16 bits of whole numbers, or floating point, of one format.
        qp: that the video was coded with; for all frames, a sequence with one for each, or the name of the frame
            property that holds it.
        matrix, full_range, chroma_location: as in `ColorSpace`, in place of what a frame's properties say. Where
            neither says it, BT.709 and limited range, and chroma samples on the left, as VapourSynth takes it.
        model, device, dtype: as in `Enhancer`.
        **knobs: as in `Knobs`; what is left open is what suits video, as in `enhance filter`.

    Returns:
        a clip of the same format and length; all frame properties are kept.

    Raises:
        UsageError: it is no clip, its format is another, a QP or a knob is out of range or unknown, or there are fewer
            QPs than frames.
    """
    check_names(knobs, ("matrix", "full_range", "chroma_location", "model", "device", "dtype"))
    layout = _layout(clip)
    ColorSpace(matrix or "bt709", bool(full_range), chroma_location or "left")  # refuses words that are none
    choices = video_knobs(knobs)
    noise = NoiseField(int(choices.chosen.seed), _KEPT_BLOCKS)
    enhancer = shared_enhancer(None if model is None else os.fspath(model), device, dtype)

    def run(decoded: DecodedImage, colour: ColourDescription) -> EnhancedImage:
        return enhancer.run(decoded, choices.of(colour).for_frame(decoded), noise=noise)

    is_rgb = clip.format.color_family == vs.RGB
    look = _Look(layout, is_rgb, run, matrix, full_range, chroma_location)
    rate_at = _rates(qp, clip.num_frames)

    def frame_at(n: int, f: Any) -> Any:
        return look.enhanced(f, rate_at(n, f.props))

    return clip.std.ModifyFrame(clips=clip, selector=frame_at)


@dataclass(frozen=True)
class _Look:
    """How frames of one clip are seen and changed.

    Attributes:
        frame: the layout in which the network sees them.
        is_rgb: their planes are R, G, B.
        run: enhances a picture of such colours.
        matrix, full_range, chroma_location: what the user says.
    """

    frame: FrameFormat
    is_rgb: bool
    run: Callable[[DecodedImage, ColourDescription], EnhancedImage]
    matrix: Matrix | None
    full_range: bool | None
    chroma_location: ChromaLocation | None

    def enhanced(self, source: Any, rate: VvcRate) -> Any:
        """A copy of a frame with the correction added."""
        planes = tuple(np.asarray(source[index]) for index in self._order)
        is_float = planes[0].dtype.kind == "f"
        space = self._space(source.props, is_float)
        seen = _as_integers(planes, space) if is_float else planes
        colour = ColourDescription(*(int(source.props.get(name, 2)) for name in ("_Primaries", "_Transfer")))
        offsets = FrameFilter(lambda decoded: self.run(decoded, colour), self.frame, space).correct(seen, rate)
        result = source.copy()
        changed = _add_floats(planes, offsets) if is_float else add_to_planes(planes, offsets, self.frame)
        for index, plane in zip(self._order, changed):
            np.copyto(np.asarray(result[index]), plane)
        return result

    @property
    def _order(self) -> tuple[int, ...]:
        """The planes as `ColorSpace` has them: Y, Cb, Cr, or G, B, R."""
        if self.frame.subsampling == "4:0:0":
            return (0,)
        return (1, 2, 0) if self.is_rgb else (0, 1, 2)

    def _space(self, properties: Mapping[str, Any], is_float: bool) -> ColorSpace:
        """What the values of a frame mean; floating point is always full range."""
        if self.is_rgb:
            return ColorSpace("gbr", full_range=True)
        code = int(properties.get("_Matrix", 2))
        matrix = self.matrix or ("bt709" if code in (0, 2) else _MATRICES.get(code))
        if matrix is None:
            raise UsageError(f"frames of matrix {code} are not known", hint="say matrix=, or convert the clip first")
        place = int(properties.get("_ChromaLocation", 0))
        location = self.chroma_location or CHROMA_LOCATIONS[place if 0 <= place < len(CHROMA_LOCATIONS) else 0]
        said = self.full_range if self.full_range is not None else _is_full(properties)
        return ColorSpace(matrix, is_float or said, location)


def _is_full(properties: Mapping[str, Any]) -> bool:
    """Whether a frame is said to be of full range, by the present property or by the one before it."""
    if "_Range" in properties:
        return int(properties["_Range"]) == 1
    return int(properties.get("_ColorRange", 1)) == 0


def _layout(clip: Any) -> FrameFormat:
    """The layout in which a clip's frames are seen. Raises UsageError for other formats."""
    kind = getattr(clip, "format", None)
    if not isinstance(clip, vs.VideoNode):
        raise UsageError(f"a {type(clip).__name__} is no clip", hint="pass a clip of a source filter")
    if kind is None or not clip.width:
        raise UsageError("a clip whose format varies cannot be enhanced", hint="convert it to one format first")
    is_float = kind.sample_type == vs.FLOAT
    gray = kind.color_family == vs.GRAY
    subsampling = "4:0:0" if gray else _SUBSAMPLINGS.get((kind.subsampling_w, kind.subsampling_h))
    if subsampling is None or not (is_float or 8 <= kind.bits_per_sample <= 16):
        hint = "YUV 4:2:0, 4:2:2, 4:4:4, RGB or gray of 8 to 16 bits, or floating point"
        raise UsageError(f"clips of {kind.name} cannot be enhanced", hint=hint)
    return FrameFormat(clip.width, clip.height, subsampling, _LOOK_DEPTH if is_float else kind.bits_per_sample)


def _rates(qp: Qp, count: int) -> Callable[[int, Mapping[str, Any]], VvcRate]:
    """The rate of a frame by its number and its properties. Raises UsageError where it can be seen beforehand."""
    if isinstance(qp, str):
        return lambda n, properties: _rate(_property(properties, qp, n))
    if np.ndim(qp):
        rates = [_rate(each) for each in qp]  # type: ignore[union-attr]
        if len(rates) < count:
            raise UsageError(f"{len(rates)} QPs for {count} frames")
        return lambda n, properties: rates[n]
    rate = _rate(qp)
    return lambda n, properties: rate


def _rate(qp: object) -> VvcRate:
    try:
        return VvcRate(float(qp), predicted=True)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(f"a QP is a number from 0 to 63, not {qp!r}") from None


def _property(properties: Mapping[str, Any], name: str, number: int) -> Any:
    if name not in properties:
        raise UsageError(f"frame {number} has no property {name!r} that says its QP")
    return properties[name]


def _as_integers(planes: Planes, space: ColorSpace) -> Planes:
    """Planes of floating point as whole numbers of 16 bits, for the network to see; chroma's zero is in the middle."""
    white = 2**_LOOK_DEPTH - 1
    zeros = [0.0 if space.matrix == "gbr" or not index else 2.0 ** (_LOOK_DEPTH - 1) for index in range(len(planes))]
    return tuple(
        np.clip(np.rint(plane.astype(np.float32) * white + zero), 0, white).astype(np.uint16)
        for plane, zero in zip(planes, zeros)
    )


def _add_floats(planes: Planes, offsets: Sequence[npt.NDArray[np.float32]]) -> Planes:
    """Planes of floating point with a correction in 16-bit code values; nothing is rounded or clipped."""
    white = np.float32(2**_LOOK_DEPTH - 1)
    return tuple((plane + offset / white).astype(plane.dtype) for plane, offset in zip(planes, offsets))
