"""A picture of a learned codec as a file; `docs/learned.md` describes it byte by byte."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from enhance.errors import DecodeError, UnsupportedImageError

MAGIC = b"\x8bMSH\r\n"
VERSION = 1
_HEAD = struct.Struct("<6sBBB8sIIIII")
_CHECK = struct.Struct("<I")
_FRESH_COPY = "get a fresh copy of the file"
_GRAY = 1


@dataclass(frozen=True)
class CodedFile:
    """What a file says.

    Attributes:
        rate: from 1.
        is_gray: the picture has one channel.
        model: the first eight bytes of the SHA-256 of the model that coded it.
        width, height: in pixels.
        indices: CRC-32 of the indices of the latent's tables, one byte each, as the encoder computed them.
        hyper, latent: the coded symbols.
        magic: the file's first bytes, which tell the codec.
    """

    rate: int
    is_gray: bool
    model: bytes
    width: int
    height: int
    indices: int
    hyper: bytes
    latent: bytes
    magic: bytes = MAGIC

    def to_bytes(self) -> bytes:
        head = _HEAD.pack(
            self.magic, VERSION, self.rate, _GRAY * self.is_gray, self.model, self.width, self.height, self.indices,
            len(self.hyper), len(self.latent),
        )  # fmt: skip
        content = head + self.hyper + self.latent
        return content + _CHECK.pack(zlib.crc32(content))


def parse(data: bytes, source: str) -> CodedFile:
    """Reads a file.

    Raises:
        DecodeError: it is damaged or truncated.
        UnsupportedImageError: it is of a later version.
    """
    if len(data) < _HEAD.size + _CHECK.size:
        raise DecodeError("the file is cut inside its header", source=source, hint=_FRESH_COPY)
    magic, version, rate, flags, model, width, height, indices, hyper, latent = _HEAD.unpack_from(data)
    if version != VERSION or flags & ~_GRAY:
        raise UnsupportedImageError(f"version {version}.{flags}", source=source, hint="use a later enhance")
    size = _HEAD.size + hyper + latent + _CHECK.size
    if len(data) != size:
        reason = f"the file has {len(data)} bytes and not {size}"
        raise DecodeError(reason, source=source, hint=_FRESH_COPY)
    if zlib.crc32(data[: -_CHECK.size]) != _CHECK.unpack_from(data, size - _CHECK.size)[0]:
        raise DecodeError("the file's checksum is not that of its content", source=source, hint=_FRESH_COPY)
    if not width or not height:
        raise DecodeError(f"a picture of {width}x{height} pixels", source=source, hint=_FRESH_COPY)
    start = _HEAD.size
    strings = data[start : start + hyper], data[start + hyper : start + hyper + latent]
    return CodedFile(rate, bool(flags & _GRAY), model, width, height, indices, *strings, magic)
