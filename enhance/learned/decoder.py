"""The learned codec's decoder, as the registry asks for it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.errors import DecodeError, UnsupportedImageError
from enhance.images import DecodedImage, InspectedImage, Metadata
from enhance.learned.file_format import CodedFile, is_coded, parse
from enhance.learned.rate import RATES, LearnedRate
from enhance.system.limits import DEFAULT_LIMITS, Limits, way_out

if TYPE_CHECKING:
    from enhance.learned.model import LearnedModel

_SMALL = 1 << 24


class LearnedDecoder:
    """Decodes files of the learned codec.

    Args:
        base: the codec's own model; by default the one that ships.
    """

    name = "learned"
    extensions = (".msh",)

    def __init__(self, *, base: str | os.PathLike[str] | None = None) -> None:
        self._base = base

    def sniff(self, head: bytes) -> bool:
        return is_coded(head)

    def inspect(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> InspectedImage:
        """What `decode` would find, from the file's header; its checksum is tested."""
        coded = _parsed(data, source, limits)
        return InspectedImage(
            width=coded.width,
            height=coded.height,
            is_gray=coded.is_gray,
            rate=LearnedRate(coded.rate),
            metadata=Metadata(),
            source=source,
            details=_describe(coded, data),
            notes=(),
            is_consistent=False,
        )

    def decode(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """The picture: float32, 0 to 1, [H, W, 3] RGB or [H, W] gray. Errors as in `coding.decode`."""
        from enhance.learned.coding import decode

        coded = _parsed(data, source, limits)
        pixels = decode(coded, self._model(), source)
        return DecodedImage(pixels, LearnedRate(coded.rate), source=source, details=_describe(coded, data))

    def _model(self) -> LearnedModel:
        from enhance.learned.model import SHIPPED, open_model

        return open_model(SHIPPED if self._base is None else Path(self._base))


def _parsed(data: bytes, source: str, limits: Limits) -> CodedFile:
    coded = parse(data, source)
    size = f"{coded.width}x{coded.height} pixels"
    count = coded.width * coded.height
    if not 1 <= coded.rate <= RATES:
        raise DecodeError(f"a rate of {coded.rate}", source=source, hint="get a fresh copy of the file")
    if count > limits.max_pixels:
        reason = f"{size}, more than the limit of {limits.max_pixels / 1e6:g} megapixels"
        raise UnsupportedImageError(reason, source=source, hint=way_out("max_pixels"))
    if count > max(_SMALL, limits.max_expansion * len(data)):
        raise UnsupportedImageError(f"{size} in {len(data)} bytes", source=source, hint=way_out("max_expansion"))
    return coded


def _describe(coded: CodedFile, data: bytes) -> dict[str, object]:
    return {
        "bits_per_pixel": round(8 * len(data) / math.prod((coded.width, coded.height)), 4),
        "base_model": coded.model.hex(),
    }
