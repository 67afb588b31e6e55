"""How originals are coded: the JPEG and VVC protocols under which numbers compare, and codecs' own encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from typing import Protocol as Protocol_

import numpy as np
from PIL import Image

from enhance.codecs.codec import Codec, RateEncoder
from enhance.codecs.vvc.encoding import encode_vvc
from enhance.errors import DecodeError, UsageError
from enhance.evaluation.measuring.originals import Pixels
from enhance.system.atomic_file import as_output_error, atomic_file

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


class Protocol(Protocol_):
    """How originals are coded."""

    @property
    def codec(self) -> str:
        """As in `Rate.codec`."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The rates: JPEG quality factors, slice QPs, or what else a codec has."""

    @property
    def mode(self) -> str | None:
        """In which mode originals are taken, see `load_original`."""

    def coded_part(self, original: Pixels) -> Pixels:
        """What of an original is coded and compared: all that the codec's format can hold."""

    def code(self, original: Pixels, level: int, name: str) -> bytes:
        """The bitstream of an original. Raises EnhanceError.

        Args:
            original: its pixels.
            level: one of `levels`.
            name: of its file, without suffix.
        """

    def describe(self) -> dict[str, Any]:
        """All that a stream depends on beside the original and the level, as plain JSON values."""


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

    codec = "jpeg"

    def __post_init__(self) -> None:
        wrong = [quality for quality in self.levels if not 1 <= quality <= 100]
        if wrong:
            raise UsageError(f"JPEG quality must be from 1 to 100, not {wrong[0]}")
        if self.subsampling not in SUBSAMPLINGS:
            raise UsageError(f"subsampling must be one of {', '.join(SUBSAMPLINGS)}, not {self.subsampling!r}")

    @property
    def mode(self) -> str | None:
        return "L" if self.gray else None

    def coded_part(self, original: Pixels) -> Pixels:
        """All of it."""
        return original

    def code(self, original: Pixels, level: int, name: str) -> bytes:
        """As `Protocol.code`."""
        stream = BytesIO()
        options = {} if original.ndim == 2 else {"subsampling": self.subsampling}
        Image.fromarray(original).save(stream, "JPEG", quality=level, **options)
        return stream.getvalue()

    def describe(self) -> dict[str, Any]:
        return {"encoder": "libjpeg in Pillow", "subsampling": self.subsampling, "gray": self.gray}


@dataclass(frozen=True)
class VvcProtocol:
    """VVC intra pictures, 10 bit 4:2:0, BT.709: given streams, or as the libvvenc inside imageio-ffmpeg codes them.

    Attributes:
        levels: slice QPs.
        streams: folder of streams STEM_qpQP.266 of the originals; None: code them.
        preset: of libvvenc, where it codes.
        cache: folder that keeps what libvvenc made, which takes seconds for a picture; made if it is missing.

    Raises:
        UsageError: a QP is outside 0-60, or there is no such folder.
    """

    levels: tuple[int, ...] = (32, 37, 42, 47)
    streams: Path | None = None
    preset: str = "medium"
    cache: Path | None = None

    codec = "vvc"
    mode = "RGB"

    def __post_init__(self) -> None:
        wrong = [qp for qp in self.levels if not 0 <= qp <= 60]
        if wrong:
            raise UsageError(f"qp must be from 0 to 60, not {wrong[0]}")
        if self.streams is not None and not self.streams.is_dir():
            raise UsageError("there is no such folder of streams", source=str(self.streams))

    def coded_part(self, original: Pixels) -> Pixels:
        """Without the last row or column where their number is odd, which 4:2:0 pictures of VVC cannot have."""
        return np.ascontiguousarray(original[: original.shape[0] // 2 * 2, : original.shape[1] // 2 * 2])

    def code(self, original: Pixels, level: int, name: str) -> bytes:
        """As `Protocol.code`."""
        if self.streams is not None:
            return _read(self.streams / f"{name}_qp{level}.266")
        if self.cache is None:
            return encode_vvc(original, level, preset=self.preset)
        what = f"{self.describe()} {level} {original.shape}".encode()
        path = self.cache / f"{sha256(what + original.tobytes()).hexdigest()[:32]}.266"
        return _kept(path, lambda: encode_vvc(original, level, preset=self.preset))

    def describe(self) -> dict[str, Any]:
        if self.streams is not None:
            return {"encoder": f"streams of {self.streams.resolve().name}"}
        from imageio_ffmpeg import get_ffmpeg_version

        return {"encoder": f"libvvenc in ffmpeg {get_ffmpeg_version()}", "preset": self.preset}


@dataclass(frozen=True)
class OwnEncoder:
    """A codec that brings an encoder, as its record has it.

    Attributes:
        codec: as in `Rate.codec`.
        encoder: of the record.
        levels: the rates; by default all.
    """

    codec: str
    encoder: RateEncoder
    levels: tuple[int, ...]

    mode = None

    def __post_init__(self) -> None:
        first, last = self.encoder.first, self.encoder.last
        wrong = [level for level in self.levels if not first <= level <= last]
        if wrong:
            raise UsageError(f"rates of {self.codec} are from {first} to {last}, not {wrong[0]}")

    @classmethod
    def of(cls, codec: Codec, levels: Sequence[int] | None = None) -> OwnEncoder:
        """The protocol of a codec, at some of its rates. Raises UsageError where it brings no encoder."""
        encoder = codec.encoder
        if encoder is None:
            raise UsageError(f"{codec.title} brings no encoder of its own")
        chosen = range(encoder.first, encoder.last + 1) if levels is None else dict.fromkeys(levels)
        return cls(codec.name, encoder, tuple(chosen))

    def coded_part(self, original: Pixels) -> Pixels:
        """All of it."""
        return original

    def code(self, original: Pixels, level: int, name: str) -> bytes:
        """As `Protocol.code`."""
        return self.encoder.encode(original, level)

    def describe(self) -> dict[str, Any]:
        return {"encoder": f"that of the codec {self.codec}"}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(f"this stream cannot be read: {error.strerror}", source=str(path)) from error


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's content, which is made where there is none. Raises OutputError, and what `make` raises."""
    if path.is_file():
        return _read(path)
    content = make()
    with as_output_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, overwrite=True) as file:
        file.write(content)
    return content
