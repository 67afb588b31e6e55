"""The measurement itself: code lossless originals, decode, enhance, compare with the originals.

The plain decoded picture is measured beside every setting, so that a gain never compares numbers of different
protocols.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from typing import Protocol as Protocol_

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.codecs.vvc_encoding import encode_vvc
from enhance.errors import DecodeError, UnsupportedImageError, UsageError
from enhance.evaluation import metrics
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.knobs import Knobs
from enhance.reconstruction import code_values

LOSSLESS_SUFFIXES = (".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
BASELINE = "decoded"
"""Name of the setting that does nothing."""

Pixels = npt.NDArray[np.uint8]
Metric = Callable[[Pixels, Pixels], float]
Decode = Callable[[bytes], DecodedImage]
Enhance = Callable[[DecodedImage, Knobs], EnhancedImage]


class Protocol(Protocol_):
    """How originals are coded."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The rates: JPEG quality factors, or slice QPs."""

    @property
    def gray(self) -> bool:
        """Code the originals' luma alone."""

    def code(self, original: Pixels, level: int, name: str) -> bytes:
        """The bitstream of an original, [H, W, 3] RGB or [H, W] gray. Raises EnhanceError.

        Args:
            original: its pixels.
            level: one of `levels`.
            name: of its file, without suffix.
        """


@dataclass(frozen=True)
class JpegProtocol:
    """JPEG as Pillow (libjpeg) codes it.

    Attributes:
        levels: JPEG quality factors.
        subsampling: "4:2:0" (Pillow's default), "4:2:2" or "4:4:4".
        gray: code the originals' luma (Pillow's conversion) as gray JPEG.

    Raises:
        UsageError: a quality is outside 1-100, or the subsampling is unknown.
    """

    levels: tuple[int, ...] = (10, 20, 30, 40)
    subsampling: str = "4:2:0"
    gray: bool = False

    def __post_init__(self) -> None:
        wrong = [quality for quality in self.levels if not 1 <= quality <= 100]
        if wrong:
            raise UsageError(f"JPEG quality must be from 1 to 100, not {wrong[0]}")
        if self.subsampling not in SUBSAMPLINGS:
            raise UsageError(f"subsampling must be one of {', '.join(SUBSAMPLINGS)}, not {self.subsampling!r}")

    def code(self, original: Pixels, level: int, name: str) -> bytes:
        """As `Protocol.code`."""
        stream = BytesIO()
        options = {} if original.ndim == 2 else {"subsampling": self.subsampling}
        Image.fromarray(original).save(stream, "JPEG", quality=level, **options)
        return stream.getvalue()


@dataclass(frozen=True)
class VvcProtocol:
    """VVC intra pictures, 10 bit 4:2:0, BT.709: given streams, or as the libvvenc inside imageio-ffmpeg codes them.

    Attributes:
        levels: slice QPs.
        streams: folder of streams STEM_qpQP.266 of the originals; None: code them.
        preset: of libvvenc, where it codes.

    Raises:
        UsageError: a QP is outside 0-60, or there is no such folder.
    """

    levels: tuple[int, ...] = (32, 37, 42, 47)
    streams: Path | None = None
    preset: str = "medium"

    def __post_init__(self) -> None:
        wrong = [qp for qp in self.levels if not 0 <= qp <= 60]
        if wrong:
            raise UsageError(f"qp must be from 0 to 60, not {wrong[0]}")
        if self.streams is not None and not self.streams.is_dir():
            raise UsageError("there is no such folder of streams", source=str(self.streams))

    @property
    def gray(self) -> bool:
        return False

    def code(self, original: Pixels, level: int, name: str) -> bytes:
        """As `Protocol.code`."""
        if self.streams is None:
            return encode_vvc(original, level, preset=self.preset)
        path = self.streams / f"{name}_qp{level}.266"
        try:
            return path.read_bytes()
        except OSError as error:
            raise DecodeError(f"this stream cannot be read: {error.strerror}", source=str(path)) from error


@dataclass(frozen=True)
class Measurement:
    """One picture at one quality under one setting.

    Attributes:
        image: file name of the original.
        level: JPEG quality factor, or slice QP.
        setting: name of the setting; `BASELINE` for the decoded picture.
        bits_per_pixel: size of the coded file.
        seconds: wall time of the enhancement alone; 0 for the decoded picture.
        values: {metric: value}.
        record: what the enhancer did; None for the decoded picture.
    """

    image: str
    level: int
    setting: str
    bits_per_pixel: float
    seconds: float
    values: dict[str, float] = field(default_factory=dict)
    record: EnhancementRecord | None = None


def find_originals(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Lossless images of a folder, sorted by name.

    Args:
        folder: where they are; subfolders are not searched.
        names: the ones to take, with or without suffix; empty: all.

    Raises:
        UsageError: there is no such folder, it holds no lossless image, or a name is not among them.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder of originals", source=str(folder))
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in LOSSLESS_SUFFIXES]
    if not found:
        hint = f"originals must be lossless: {', '.join(LOSSLESS_SUFFIXES)}"
        raise UsageError("no originals in this folder", source=str(folder), hint=hint)
    missing = set(names) - {path.name for path in found} - {path.stem for path in found}
    if missing:
        raise UsageError(f"no image is called {', '.join(sorted(missing))}", source=str(folder))
    return [path for path in found if not names or path.name in names or path.stem in names]


def load_original(path: Path, gray: bool = False) -> Pixels:
    """Pixels of a lossless image: [H, W, 3] RGB, or [H, W] if it is gray or `gray` is asked for; uint8.

    Raises:
        DecodeError: it cannot be read.
        UnsupportedImageError: it has more than 8 bits a channel, or is a lossy WebP.
    """
    try:
        # A lossless WebP holds a VP8L chunk, first or after its metadata; a lossy one holds "VP8 ".
        if path.suffix.lower() == ".webp" and b"VP8L" not in path.read_bytes():
            raise UnsupportedImageError("a lossy WebP is no original", source=str(path))
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise UnsupportedImageError("originals must have 8 bits a channel", source=str(path))
            return np.array(image.convert("L" if gray or image.mode in ("1", "L", "LA") else "RGB"))
    except OSError as error:
        raise DecodeError(f"this original cannot be read: {error}", source=str(path)) from error


def standard_metrics() -> dict[str, Metric]:
    """PSNR, PSNR-B and SSIM; LPIPS is added by those who have its weights."""
    return {"psnr": metrics.psnr, "psnr_b": metrics.psnr_b, "ssim": metrics.ssim}


def measure(
    originals: Sequence[Path],
    protocol: Protocol,
    settings: Mapping[str, Knobs],
    decode: Decode,
    enhance: Enhance,
    measured: Mapping[str, Metric],
) -> Iterator[Measurement]:
    """Measures every original at every level: first the decoded picture, then every setting.

    Args:
        originals: lossless image files.
        protocol: how they are coded.
        settings: {name: knobs}.
        decode: `enhance.codecs.decode`.
        enhance: `Enhancer.run`.
        measured: {name: metric(original, picture)}.

    Yields:
        len(originals) * len(levels) * (1 + len(settings)) measurements.

    Raises:
        EnhanceError: an original cannot be read, or the enhancer fails.
    """
    for path in originals:
        original = load_original(path, protocol.gray)
        for level in protocol.levels:
            stream = protocol.code(original, level, path.stem)
            decoded = decode(stream)
            common: dict[str, Any] = {"image": path.name, "level": level}
            common["bits_per_pixel"] = 8 * len(stream) / (original.shape[0] * original.shape[1])

            def compare(picture: npt.NDArray[Any], original: Pixels = original) -> dict[str, float]:
                seen = metrics.to_uint8(code_values(picture))
                return {name: metric(original, seen) for name, metric in measured.items()}

            yield Measurement(**common, setting=BASELINE, seconds=0.0, values=compare(decoded.pixels))
            for name, knobs in settings.items():
                started = time.perf_counter()
                enhanced = enhance(decoded, knobs)
                seconds = time.perf_counter() - started
                values = compare(enhanced.pixels)
                yield Measurement(**common, setting=name, seconds=seconds, values=values, record=enhanced.record)
