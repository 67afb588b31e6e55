"""The measurement itself: code lossless originals, decode, enhance, compare with the originals.

The plain decoded picture is measured beside every setting, so that a gain never compares numbers of different
protocols.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from enhance.evaluation import metrics
from enhance.evaluation.originals import Pixels, load_original
from enhance.evaluation.protocol import Protocol
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.knobs import Knobs
from enhance.reconstruction import code_values

BASELINE = "decoded"
"""Name of the setting that does nothing."""

Metric = Callable[[Pixels, Pixels], float]
Decode = Callable[[bytes], DecodedImage]
Enhance = Callable[[DecodedImage, Knobs], EnhancedImage]


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
