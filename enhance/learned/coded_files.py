"""What decoders of learned codecs share: the registry's questions, answered from a file of `file_format`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from enhance.errors import DecodeError, UnsupportedImageError
from enhance.images import DecodedImage, InspectedImage, Metadata, Rate
from enhance.learned.file_format import CodedFile, parse
from enhance.system.limits import DEFAULT_LIMITS, Limits, way_out

_SMALL = 1 << 24


class CodedFileDecoder(ABC):
    """A decoder of one codec's files.

    Args:
        name: of the codec.
        extension: of its files, with its dot.
        magic: with which they begin.
        rates: how many there are.
    """

    def __init__(self, name: str, extension: str, magic: bytes, rates: int) -> None:
        self.name = name
        self.extensions = (extension,)
        self._magic = magic
        self._rates = rates

    @abstractmethod
    def rate_of(self, coded: CodedFile) -> Rate:
        """What the codec calls the rate of a file."""

    @abstractmethod
    def pixels_of(self, coded: CodedFile, source: str) -> npt.NDArray[np.float32]:
        """The picture: float32, 0 to 1, [H, W, 3] RGB or [H, W] gray. Errors as in `Decoder.decode`."""

    def sniff(self, head: bytes) -> bool:
        return head.startswith(self._magic)

    def inspect(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> InspectedImage:
        """What `decode` would find, from the file's header; its checksum is tested."""
        coded = self._parsed(data, source, limits)
        return InspectedImage(
            width=coded.width,
            height=coded.height,
            is_gray=coded.is_gray,
            rate=self.rate_of(coded),
            metadata=Metadata(),
            source=source,
            details=_describe(coded, data),
            notes=(),
            is_consistent=False,
        )

    def decode(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """The picture; errors as in `pixels_of`, and where the file is damaged or beyond the limits."""
        coded = self._parsed(data, source, limits)
        pixels = self.pixels_of(coded, source)
        return DecodedImage(pixels, self.rate_of(coded), source=source, details=_describe(coded, data))

    def _parsed(self, data: bytes, source: str, limits: Limits) -> CodedFile:
        coded = parse(data, source)
        size = f"{coded.width}x{coded.height} pixels"
        count = coded.width * coded.height
        if not 1 <= coded.rate <= self._rates:
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
