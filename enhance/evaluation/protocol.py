"""How originals are coded: the JPEG and VVC protocols under which numbers compare."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol as Protocol_

from PIL import Image

from enhance.codecs.vvc_encoding import encode_vvc
from enhance.errors import DecodeError, UsageError
from enhance.evaluation.originals import Pixels

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


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
