"""OpenCV: `imread`, `imdecode` and `VideoCapture` with its arguments and its BGR arrays, whose pictures are enhanced.

    from enhance.integrations import opencv as enhanced
    picture = enhanced.imread("photo.jpg")

It works beside any build of OpenCV, and without one: nothing of it is imported. torch is, with the first picture.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from enhance.images import EnhancedImage, EnhancementRecord

    Array = npt.NDArray[Any]

logger = logging.getLogger(__name__)

# `cv2.ImreadModes`
IMREAD_UNCHANGED = -1
IMREAD_GRAYSCALE = 0
IMREAD_COLOR = IMREAD_COLOR_BGR = 1
IMREAD_ANYDEPTH = 2
IMREAD_ANYCOLOR = 4
IMREAD_IGNORE_ORIENTATION = 128
IMREAD_COLOR_RGB = 256
_KNOWN = IMREAD_COLOR | IMREAD_ANYDEPTH | IMREAD_ANYCOLOR | IMREAD_IGNORE_ORIENTATION | IMREAD_COLOR_RGB

# `cv2.VideoCaptureProperties`
CAP_PROP_POS_FRAMES, CAP_PROP_FRAME_WIDTH, CAP_PROP_FRAME_HEIGHT, CAP_PROP_FRAME_COUNT = 1, 3, 4, 7


def imread(filename: str | os.PathLike[str], flags: int = IMREAD_COLOR_BGR, **options: Any) -> Array | None:
    """Reads a JPEG or VVC file as `cv2.imread` would, but enhanced; with `quality="auto"` others that once were JPEGs.

    Args:
        filename: the path.
        flags: as in OpenCV, but for those that reduce the size: what is enhanced has the size of the file.
        **options: `model`, `device`, `dtype` and the knobs, as in `enhance.enhance`; and `depth`, 8 or 16, in place of
            the flags' depth: the result is computed in floating point, so 16 bits are more than a JPEG's own.

    Returns:
        [H, W, 3] BGR or [H, W] gray, uint8; uint16 where `IMREAD_ANYDEPTH` or `IMREAD_UNCHANGED` meets a stream of more
        than 8 bits, and with `depth=16`. Upright, as OpenCV's is, unless the flags say otherwise. None where the file
        cannot be read, as in OpenCV; the reason is logged.

    Raises:
        UsageError: the flags are others, or a knob is out of range.
        WeightsError, DeviceError: see `errors`.
    """
    return _read(os.fspath(filename), flags, options)


def imdecode(
    buf: bytes | bytearray | memoryview | Array, flags: int = IMREAD_COLOR_BGR, **options: Any
) -> Array | None:
    """Decodes the bytes of a file, or an array [N] of them, as `imread` reads files."""
    return _read(bytes(buf), flags, options)


def enhance(picture: Array, **options: Any) -> Array:
    """Enhances an array of OpenCV's.

    Args:
        picture: [H, W, 3] BGR, [H, W, 4] BGR with alpha, [H, W] or [H, W, 1]; uint8, uint16 or float in [0, 1].
        **options: as in `enhance.enhance`; `quality` (it was a JPEG) or `qp` (VVC) has to be said.

    Returns:
        the same kind, BGR again.

    Raises:
        EnhanceError: see `errors`.
    """
    from enhance.enhancer import enhance as enhance_rgb

    return _turned(enhance_rgb(_turned(picture), **options))


class VideoCapture:
    """Reads the pictures of a VVC stream one by one as `cv2.VideoCapture` would, but enhanced. A context, too.

    Args:
        filename: the path of the stream.
        depth: 8 or 16 bits of the frames.
        **options: `model`, `device`, `dtype` and the knobs, as in `enhance.enhance`.

    Attributes:
        record: what was done to the frame that was read last; None before.
    """

    def __init__(self, filename: str | os.PathLike[str], *, depth: int = 8, **options: Any) -> None:
        from enhance.errors import DecodeError, UnsupportedImageError
        from enhance.video.pictures import enhanced_pictures, read_facts

        self.record: EnhancementRecord | None = None
        self._frames: Iterator[EnhancedImage] | None = None
        self._properties: dict[int, float] = {}
        self._read = 0
        name = os.fspath(filename)
        try:
            with open(name, "rb") as file:
                content = file.read()
            facts = read_facts(content, source=name)
        except (OSError, DecodeError, UnsupportedImageError) as error:
            logger.warning("%s", error)
            return
        self._properties = {
            CAP_PROP_FRAME_WIDTH: facts.frame.width,
            CAP_PROP_FRAME_HEIGHT: facts.frame.height,
            CAP_PROP_FRAME_COUNT: facts.count,
        }
        enhancer, knobs = _enhancer_and_knobs(options)
        self._frames = enhanced_pictures(content, enhancer, knobs, depth=depth, source_name=name)

    def isOpened(self) -> bool:
        """Whether it has frames to give, or had them."""
        return self._frames is not None

    def get(self, propId: int) -> float:
        """Width, height, count of the frames, or the number of those that were read; 0 for what is not known."""
        return float(self._read if propId == CAP_PROP_POS_FRAMES else self._properties.get(propId, 0.0))

    def read(self) -> tuple[bool, Array | None]:
        """The next frame, [H, W, 3] BGR or [H, W]; False and None at the end, and where the stream is damaged."""
        from enhance.errors import DecodeError, UnsupportedImageError

        try:
            image = next(self._frames, None) if self._frames is not None else None
        except (DecodeError, UnsupportedImageError) as error:
            logger.warning("%s", error)
            image = None
        if image is None:
            return False, None
        self._read += 1
        self.record = image.record
        return True, _turned(image.pixels)

    def release(self) -> None:
        """Ends the decoder."""
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()
        self._frames = None

    def __enter__(self) -> VideoCapture:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _read(source: str | bytes, flags: int, options: dict[str, Any]) -> Array | None:
    from enhance.codecs.registry import decode, make_decoders
    from enhance.errors import DecodeError, UnsupportedImageError, UsageError

    if flags != IMREAD_UNCHANGED and (flags < 0 or flags & ~_KNOWN):
        raise UsageError(f"flags {flags} are not handled", hint="read in full size, and reduce it with cv2.resize")
    depth = options.pop("depth", None)
    enhancer, knobs = _enhancer_and_knobs(options)
    try:
        decoded = decode(source, decoders=make_decoders(pixels=knobs.takes_pixels))
        deep = flags == IMREAD_UNCHANGED or flags & IMREAD_ANYDEPTH
        depth = depth or (16 if deep and decoded.details.get("precision", 8) > 8 else 8)
        return _as_asked(enhancer.run(decoded, knobs, depth=depth), flags)
    except (DecodeError, UnsupportedImageError) as error:
        logger.warning("%s", error)
        return None


def _as_asked(image: EnhancedImage, flags: int) -> Array:
    """An enhanced picture in the colours and the orientation that the flags say."""
    import numpy as np

    from enhance.metadata.carry_over import orient

    pixels = image.pixels
    if flags == IMREAD_UNCHANGED:
        return _turned(pixels)
    if not flags & IMREAD_IGNORE_ORIENTATION:
        pixels = orient(pixels, image.metadata.orientation)
    in_colour = flags & (IMREAD_COLOR | IMREAD_COLOR_RGB) or (flags & IMREAD_ANYCOLOR and pixels.ndim == 3)
    if not in_colour:
        return pixels if pixels.ndim == 2 else _gray(pixels)
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(colour) if flags & IMREAD_COLOR_RGB else _turned(colour)


def _gray(pixels: Array) -> Array:
    """Luma of BT.601, as `cv2.cvtColor` has it."""
    import numpy as np

    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.rint(luma).astype(pixels.dtype)


def _turned(pixels: Array) -> Array:
    """RGB for BGR and the other way round, a fourth channel in its place; gray as it is."""
    import numpy as np

    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        return pixels
    return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def _enhancer_and_knobs(options: dict[str, Any]) -> Any:
    from enhance.enhancer import shared_enhancer
    from enhance.knobs import Knobs

    where = {name: options.pop(name) for name in ("model", "device", "dtype") if name in options}
    if where.get("model") is not None:
        where["model"] = os.fspath(where["model"])
    return shared_enhancer(**where), Knobs(**options)
