"""A model's file in fewer bytes, without loss.

The high bytes of half-precision weights are sign and exponent, of which few are usual; beside the low bytes, which are
noise, no compressor sees that. So all bytes at even places come first, then all at odd ones, and both are deflated.
"""

from __future__ import annotations

import zlib

import torch
from safetensors.torch import load, save

MARK = "enhance-learned-packed-1"
_TENSOR = "deflated"


def pack(content: bytes) -> bytes:
    """A safetensors file that holds another, or any bytes of an even number."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
    deflated = deflater.compress(content[::2] + content[1::2]) + deflater.flush()
    return bytes(save({_TENSOR: torch.frombuffer(bytearray(deflated), dtype=torch.uint8)}, {"format": MARK}))


def unpack(packed: bytes, most: int) -> bytes:
    """Inverse of `pack`.

    Raises:
        ValueError: it is damaged, or holds more than `most` bytes.
        SafetensorError: it is damaged.
    """
    inflater = zlib.decompressobj()
    try:
        planes = inflater.decompress(load(packed)[_TENSOR].numpy().tobytes(), most + 1)
    except (zlib.error, KeyError) as error:
        raise ValueError(f"its packed content is damaged: {error}") from error
    if not inflater.eof or len(planes) > most or len(planes) % 2:
        raise ValueError("its packed content is cut, or larger than any")
    content = bytearray(len(planes))
    content[::2], content[1::2] = planes[: len(planes) // 2], planes[len(planes) // 2 :]
    return bytes(content)
