"""Paths, bytes, PIL images, arrays and tensors: each becomes decoded images, and their results the same kind again."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, Union

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from enhance.codecs.codec import Codec, RateKnob
from enhance.codecs.registry import all_codecs, decode, find_codec, make_decoders
from enhance.codecs.unknown_rate import UnknownRate
from enhance.errors import DecodeError, UnsupportedImageError, UsageError, one_line
from enhance.frames.depth import to_dtype
from enhance.images import DecodedImage, EnhancedImage, Metadata, Pixels, Rate
from enhance.metadata.carry_over import carry_over, orient, read_orientation
from enhance.output.writer import OutputFormat, check_depth, encode_image

PictureOrPath = Union[Image.Image, str, "os.PathLike[str]"]
"""What becomes a PIL image."""

FileContent = Union[bytes, bytearray, memoryview, "BinaryIO"]
"""What becomes the bytes of a file."""

Array = TypeVar("Array", bound=npt.NDArray[Any])

Restore = Callable[[Sequence[EnhancedImage]], Any]

_NO_FILE = "no projection onto the bitstream: only files bring theirs along"
# A network's output may leave [0, 1] a little; what goes farther has another unit.
_OVERSHOOT = 0.5
# Modes without loss in Pillow's conversion to the second one; LA and RGBA keep their alpha beside the pixels.
_MODES = {
    "L": "L", "1": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "P": "RGB",
    "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB",
}  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """What a caller passed in, as decoded images, with the way back to the caller's own kind.

    Attributes:
        images: one; for tensors as many as the batch has.
        restore: makes the source's kind of the enhanced images.
        has_alpha: True if `restore` adds an alpha channel, which the enhanced images alone do not have.
        gives_bytes: True if `restore` gives the bytes of a file.
    """

    images: tuple[DecodedImage, ...]
    restore: Restore
    has_alpha: bool = False
    gives_bytes: bool = False


def open_source(
    source: Any,
    *,
    told: Mapping[str, float] | None = None,
    find_out: bool = False,
    format: str | None = None,
    depth: int | None = None,
) -> Opened:
    """Makes decoded images of whatever a caller passes in: decodes files, converts pixels.

    Args:
        source: see `Enhancer.__call__`.
        told: `Knobs.told_rates`, for sources that do not tell how strongly they were compressed.
        find_out: such sources are taken where nothing is told, too: their pixels will be asked.
        format: of the bytes that bytes and binary files give; PNG by default.
        depth: bits per sample of those bytes, see `encode_image`.

    Raises:
        UsageError: the source is of no known kind, or does not tell its rate.
        DecodeError, UnsupportedImageError: see `codecs.registry.decode`.
    """
    by_user = _Told(told or {}, find_out)
    if isinstance(source, Image.Image):
        return _open_pil(source, by_user)
    if isinstance(source, np.ndarray):
        return _open_array(source, by_user)
    if isinstance(source, torch.Tensor):
        return _open_tensor(source, by_user)
    decoders = make_decoders(pixels=bool(told) or find_out)
    if isinstance(source, (str, os.PathLike)):
        return Opened((decode(source, decoders=decoders),), lambda enhanced: to_pil(enhanced[0], upright=True))
    if isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        chosen = OutputFormat.from_name(format or "png")
        check_depth(chosen, depth)
        return Opened(
            (decode(source, decoders=decoders),),
            lambda enhanced: encode_image(enhanced[0], chosen, depth=depth),
            gives_bytes=True,
        )
    kinds = "a path, bytes, a binary file, a PIL image, an array or a tensor"
    raise UsageError(f"a {type(source).__name__} cannot be enhanced", hint=f"pass {kinds}")


def to_pil(image: EnhancedImage, *, upright: bool = False) -> Image.Image:
    """A PIL image of mode L or RGB, 8 bits; EXIF, ICC profile, XMP and resolution are in its `info`.

    Args:
        image: the picture.
        upright: apply the orientation to the pixels and set its tag to 1; otherwise both stay as stored.
    """
    pixels = to_dtype(image.pixels, np.uint8)
    height, width = pixels.shape[:2]
    carried = carry_over(image.metadata, width=width, height=height, apply_orientation=upright, source=image.source)
    result = Image.fromarray(orient(pixels, image.metadata.orientation if upright else 1))
    for name in ("exif", "icc_profile", "xmp", "comment", "dpi"):
        value = getattr(carried, name)
        if value is not None:
            result.info[name] = value
    return result


def rate_told(told: Mapping[str, float], is_gray: bool, kind: str) -> Rate:
    """How pixels were compressed, from what the user says.

    Args:
        told: `Knobs.told_rates`.
        is_gray: of the picture.
        kind: what they are, for messages: "a tensor".

    Raises:
        UsageError: nothing was said, or two things.
    """
    return _Told(told).rate(is_gray, kind)


@dataclass(frozen=True)
class _Told:
    """What the user says about pixels that do not tell how they were compressed.

    Attributes:
        values: of knobs, by name.
        find_out: where there are none, the pixels themselves are to be asked.
    """

    values: Mapping[str, float]
    find_out: bool = False

    def rate(self, is_gray: bool, kind: str) -> Rate:
        knobs: dict[str, tuple[Codec, RateKnob]] = {}
        for codec in all_codecs():
            if codec.knob is not None:
                knobs.setdefault(codec.knob.name, (codec, codec.knob))
        meant = [knobs[name] for name in self.values if name in knobs]
        if len(meant) > 1:
            titles, names = (" or ".join(words) for words in zip(*((codec.title, knob.name) for codec, knob in meant)))
            raise UsageError(f"{kind} was either {titles}", hint=f"pass {names}, not both")
        if not meant and self.find_out:
            return UnknownRate()
        if not meant:
            ways = " or ".join(f"{knob.name}={knob.values} of the {codec.title}" for codec, knob in knobs.values())
            hint = f"pass {ways} that it was, quality='auto', or the file itself"
            raise UsageError(f"{kind} does not tell how it was compressed", hint=hint)
        knob = meant[0][1]
        return knob.rate(self.values[knob.name], is_gray)


def _open_pil(image: Image.Image, told: _Told) -> Opened:
    if image.mode not in _MODES:
        raise UnsupportedImageError(f"a PIL image of mode {image.mode}", hint="convert it to L, RGB or RGBA first")
    if 0 in image.size:
        raise UsageError("the image has no pixels")
    _load(image)
    mode = "RGBA" if image.mode == "P" and "transparency" in image.info else _MODES[image.mode]
    metadata = _pil_metadata(image, keeps_profile=_MODES[image.mode][0] == image.mode[0])
    converted = image if image.mode == mode else image.convert(mode)
    alpha = converted.getchannel("A") if mode in ("LA", "RGBA") else None
    pixels = np.array(converted.convert("L" if mode in ("L", "LA") else "RGB"))
    rate = _pil_rate(image) or told.rate(pixels.ndim == 2, "this PIL image")
    decoded = DecodedImage(pixels, rate, metadata, source=_name_of(image), notes=notes_without_file(rate))

    def restore(enhanced: Sequence[EnhancedImage]) -> Image.Image:
        result = to_pil(enhanced[0])
        if alpha is not None:
            result.putalpha(alpha)
        return result

    return Opened((decoded,), restore, alpha is not None)


def _load(image: Image.Image) -> None:
    """Reads a picture that was only opened. Raises DecodeError where Pillow cannot: it was cut, or is closed."""
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError, AttributeError) as error:
        reason = f"Pillow cannot read it: {one_line(error)}"
        raise DecodeError(reason, source=_name_of(image), hint="pass the path") from error


def _name_of(image: Image.Image) -> str:
    return os.fspath(getattr(image, "filename", "") or "<PIL image>")


def _pil_rate(image: Image.Image) -> Rate | None:
    """How a PIL image was compressed, if it still knows: one of `Image.open` does, an edited copy does not."""
    told = (codec.rate_of_image(image) for codec in all_codecs() if codec.rate_of_image is not None)
    return next((rate for rate in told if rate is not None), None)


def _pil_metadata(image: Image.Image, keeps_profile: bool) -> Metadata:
    exif, xmp = image.info.get("exif"), image.info.get("xmp")
    exif = exif if not exif or exif.startswith(b"Exif\0\0") else b"Exif\0\0" + exif
    xmp = xmp if isinstance(xmp, bytes) else None
    comment, dpi = image.info.get("comment"), image.info.get("dpi")
    return Metadata(
        exif=exif,
        icc_profile=image.info.get("icc_profile") if keeps_profile else None,
        xmp=xmp,
        comment=comment if isinstance(comment, bytes) else None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        orientation=read_orientation(exif, xmp),
    )


def _open_array(array: Pixels, told: _Told) -> Opened:
    channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    is_float = array.dtype.kind == "f"
    native = array.dtype.newbyteorder("=")
    if not (is_float or native in (np.uint8, np.uint16)) or channels not in (1, 3, 4):
        kind = f"an array of shape {array.shape} and dtype {array.dtype}"
        hint = "pass [H, W, 3] RGB (not BGR), [H, W, 4] or [H, W] of uint8, uint16, or floating point in [0, 1]"
        raise UsageError(f"{kind} is not a picture", hint=hint)
    if 0 in array.shape:
        raise UsageError("the array has no pixels")
    if is_float:
        _check_range(float(array.min()), float(array.max()), "array")
    samples = array.astype(np.float32 if is_float else native, copy=False)
    pixels = samples.reshape(array.shape[:2]) if channels == 1 else samples[..., :3]
    decoded = _plain(pixels, told, "<array>", "an array")

    def restore(enhanced: Sequence[EnhancedImage]) -> Pixels:
        found = to_dtype(enhanced[0].pixels, samples.dtype).reshape(pixels.shape)
        result = found.astype(array.dtype, copy=False)
        return np.concatenate([result, array[..., 3:]], axis=2) if channels == 4 else result.reshape(array.shape)

    return Opened((decoded,), restore, channels == 4)


@dataclass(frozen=True)
class OpenedTensor:
    """A tensor that a caller passed in, as a batch of pictures where it lies, with the way back to its own shape.

    Attributes:
        images: [N, 3, H, W] RGB or [N, 1, H, W] gray, floating point in [0, 1]; no copy where it was that already.
        source: the tensor as it came; with alpha where it has a fourth channel.
    """

    images: torch.Tensor
    source: torch.Tensor

    @classmethod
    def of(cls, tensor: torch.Tensor) -> OpenedTensor:
        """Raises UsageError for what is no picture, RGB or gray, floating point in [0, 1] or uint8."""
        _check_tensor(tensor)
        values = tensor.detach().reshape(-1, *tensor.shape[-3:])[:, :3]
        return cls(values if values.is_floating_point() else values / 255, tensor)

    def restore(self, enhanced: torch.Tensor) -> torch.Tensor:
        """The enhanced pictures in the shape, the dtype and the place of the source, with its alpha."""
        result = enhanced if self.source.is_floating_point() else (enhanced * 255).round_()
        result = result.to(self.source.device, self.source.dtype)
        if self.source.shape[-3] == 4:
            alpha = self.source.detach().reshape(-1, *self.source.shape[-3:])[:, 3:]
            result = torch.cat([result, alpha], dim=1)
        return result.reshape(self.source.shape)


def _check_tensor(tensor: torch.Tensor) -> None:
    if tensor.ndim not in (3, 4) or tensor.shape[-3] not in (1, 3, 4) or not _is_sample(tensor.dtype):
        kind = f"a tensor of shape {list(tensor.shape)} and dtype {str(tensor.dtype).removeprefix('torch.')}"
        raise UsageError(f"{kind} is not a picture", hint="pass a float tensor [N, 3, H, W], RGB in [0, 1], or uint8")
    if tensor.layout != torch.strided or tensor.is_meta:
        kind = "meta" if tensor.is_meta else str(tensor.layout).removeprefix("torch.")
        raise UsageError(f"a {kind} tensor is not a picture", hint="pass one that holds all its values")
    if 0 in tensor.shape[-2:]:
        raise UsageError("the tensor has no pixels")
    if not tensor.numel():
        return
    if tensor.is_floating_point():
        low, high = torch.aminmax(tensor.detach())
        _check_range(float(low), float(high), "tensor")


def _is_sample(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype == torch.uint8


def _check_range(low: float, high: float, kind: str) -> None:
    """Raises UsageError for extremes that are not those of a picture in [0, 1]."""
    if not math.isfinite(low) or not math.isfinite(high):  # one value that is no number makes both so
        raise UsageError(f"the {kind} has values that are not finite")
    if not (low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT):
        reason = f"the {kind}'s values run from {low:g} to {high:g}, not from 0 to 1"
        raise UsageError(reason, hint="divide by 255, or undo the normalisation")


def _open_tensor(tensor: torch.Tensor, told: _Told) -> Opened:
    opened = OpenedTensor.of(tensor)
    values = opened.images.to("cpu", torch.float32)
    channels = values.shape[1]
    colour = values.permute(0, 2, 3, 1).contiguous().numpy()
    images = tuple(
        _plain(pixels[..., 0] if channels == 1 else pixels, told, f"<tensor {index}>", "a tensor")
        for index, pixels in enumerate(colour)
    )

    def restore(enhanced: Sequence[EnhancedImage]) -> torch.Tensor:
        result = values.clone()
        for target, image in zip(result, enhanced, strict=True):
            target[:] = torch.from_numpy(image.pixels.reshape(*values.shape[-2:], -1)).permute(2, 0, 1)
        return opened.restore(result)

    return Opened(images, restore, tensor.shape[-3] == 4)


def _plain(pixels: Pixels, told: _Told, source: str, kind: str) -> DecodedImage:
    rate = told.rate(pixels.ndim == 2, kind)
    return DecodedImage(pixels, rate, source=source, notes=notes_without_file(rate))


def notes_without_file(rate: Rate) -> tuple[str, ...]:
    """What the user should know of pixels that come without their file, one line each."""
    codec = find_codec(rate.codec)
    return (_NO_FILE,) if codec is not None and codec.says_originals else ()
