"""The measurement itself: code lossless originals as JPEG, decode, enhance, compare with the originals.

The plain decoded JPEG is measured beside every setting, so that a gain never compares numbers of different protocols.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from enhance.errors import DecodeError, UnsupportedImageError, UsageError
from enhance.evaluation import metrics
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.knobs import Knobs

LOSSLESS_SUFFIXES = (".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
BASELINE = "jpeg"
"""Name of the setting that does nothing: the decoded JPEG."""

Pixels = npt.NDArray[np.uint8]
Metric = Callable[[Pixels, Pixels], float]
Decode = Callable[[bytes], DecodedImage]
Enhance = Callable[[DecodedImage, Knobs], EnhancedImage]


@dataclass(frozen=True)
class Protocol:
    """How originals are coded.

    Attributes:
        qualities: JPEG quality factors.
        subsampling: "4:2:0" (Pillow's default), "4:2:2" or "4:4:4".
        gray: code the originals' luma (Pillow's conversion) as gray JPEG.

    Raises:
        UsageError: a quality is outside 1-100, or the subsampling is unknown.
    """

    qualities: tuple[int, ...] = (10, 20, 30, 40)
    subsampling: str = "4:2:0"
    gray: bool = False

    def __post_init__(self) -> None:
        wrong = [quality for quality in self.qualities if not 1 <= quality <= 100]
        if wrong:
            raise UsageError(f"JPEG quality must be from 1 to 100, not {wrong[0]}")
        if self.subsampling not in SUBSAMPLINGS:
            raise UsageError(f"subsampling must be one of {', '.join(SUBSAMPLINGS)}, not {self.subsampling!r}")

    def code(self, original: Pixels, quality: int) -> bytes:
        """The JPEG file that Pillow (libjpeg) makes of an original, [H, W, 3] RGB or [H, W] gray."""
        stream = BytesIO()
        options = {} if original.ndim == 2 else {"subsampling": self.subsampling}
        Image.fromarray(original).save(stream, "JPEG", quality=quality, **options)
        return stream.getvalue()


@dataclass(frozen=True)
class Measurement:
    """One picture at one quality under one setting.

    Attributes:
        image: file name of the original.
        quality: JPEG quality factor.
        setting: name of the setting; `BASELINE` for the decoded JPEG.
        bits_per_pixel: size of the JPEG file.
        seconds: wall time of the enhancement alone; 0 for the decoded JPEG.
        values: {metric: value}.
        record: what the enhancer did; None for the decoded JPEG.
    """

    image: str
    quality: int
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
    """Measures every original at every quality: first the decoded JPEG, then every setting.

    Args:
        originals: lossless image files.
        protocol: how they are coded.
        settings: {name: knobs}.
        decode: `enhance.codecs.decode`.
        enhance: `Enhancer.run`.
        measured: {name: metric(original, picture)}.

    Yields:
        len(originals) * len(qualities) * (1 + len(settings)) measurements.

    Raises:
        EnhanceError: an original cannot be read, or the enhancer fails.
    """
    for path in originals:
        original = load_original(path, protocol.gray)
        for quality in protocol.qualities:
            stream = protocol.code(original, quality)
            decoded = decode(stream)
            common: dict[str, Any] = {"image": path.name, "quality": quality}
            common["bits_per_pixel"] = 8 * len(stream) / (original.shape[0] * original.shape[1])

            def compare(picture: npt.NDArray[Any], original: Pixels = original) -> dict[str, float]:
                return {name: metric(original, metrics.to_uint8(picture)) for name, metric in measured.items()}

            yield Measurement(**common, setting=BASELINE, seconds=0.0, values=compare(decoded.pixels))
            for name, knobs in settings.items():
                started = time.perf_counter()
                enhanced = enhance(decoded, knobs)
                seconds = time.perf_counter() - started
                values = compare(enhanced.pixels)
                yield Measurement(**common, setting=name, seconds=seconds, values=values, record=enhanced.record)
