"""What a base decoder is, which ones there are, and how a file finds its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Union

from enhance.codecs.unknown_files import describe_format
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError, UsageError
from enhance.images import DecodedImage

logger = logging.getLogger(__name__)

Source = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", BinaryIO]

DEFAULT_MAX_PIXELS = 1_000_000_000
"""Pictures that claim more pixels than this are refused before any memory is taken for them."""

HEAD_SIZE = 4096
"""How many bytes of a file a decoder may look at to recognise it."""


class Decoder(Protocol):
    """Turns one kind of bitstream into pixels, its rate and its metadata."""

    @property
    def name(self) -> str:
        """Name of the codec, as in `Rate.codec`."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Lower-case file extensions with their dot, to find such files in a folder; never used to recognise one."""

    def sniff(self, head: bytes) -> bool:
        """True if a file that begins with `head` (up to `HEAD_SIZE` bytes) is this decoder's."""

    def decode(self, data: bytes, *, source: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> DecodedImage:
        """Decodes a whole file.

        Args:
            data: the file.
            source: the name to use in messages.
            max_pixels: refuse pictures with more pixels than this.

        Raises:
            DecodeError: the file is damaged or truncated.
            UnsupportedImageError: the file is of a kind that is not handled.
        """


def make_decoders(**vvc: Any) -> tuple[Decoder, ...]:
    """The decoders, in the order in which they are asked. A new codec is one more line here.

    Args:
        **vvc: options of `VvcDecoder`: `decoder` ("vtm", "vvdec", "ffmpeg" or "auto"), `vtm` (path of its DecoderApp),
            `matrix`, `full_range`, `chroma_location` (in place of what the stream says), `time_limit`, `patience`.
    """
    from enhance.codecs.jpeg.decoder import JpegDecoder
    from enhance.codecs.vvc.decoder import VvcDecoder

    return JpegDecoder(), VvcDecoder(**vvc)


@lru_cache(maxsize=1)
def all_decoders() -> tuple[Decoder, ...]:
    """The decoders as they are where nobody asks for another choice."""
    return make_decoders()


def known_extensions() -> tuple[str, ...]:
    """Lower-case extensions, with their dot, of the files that can be decoded."""
    return tuple(extension for decoder in all_decoders() for extension in decoder.extensions)


def codec_of_name(name: str) -> str | None:
    """The codec that a file's extension stands for; None: its first bytes will tell."""
    extension = Path(name).suffix.lower()
    return next((decoder.name for decoder in all_decoders() if extension in decoder.extensions), None)


def find_decoder(head: bytes, decoders: Sequence[Decoder] | None = None) -> Decoder | None:
    """The first decoder, of all by default, for a file that begins with `head`, or None."""
    asked = all_decoders() if decoders is None else decoders
    return next((decoder for decoder in asked if decoder.sniff(head[:HEAD_SIZE])), None)


def decode(
    source: Source,
    *,
    source_name: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    decoders: Sequence[Decoder] | None = None,
) -> DecodedImage:
    """Decodes a compressed picture of any known codec.

    Args:
        source: the file's bytes, its path, or an open binary file (read from where it stands to its end).
        source_name: the name to use in messages; by default the path, or the file object's name.
        max_pixels: refuse pictures with more pixels than this.
        decoders: those to ask, in this order, from `make_decoders` for example; `all_decoders()` by default.

    Raises:
        DecodeError: it cannot be read, is empty, damaged or truncated.
        UnsupportedImageError: it is of a kind that is not handled.
        UsageError: `source` is none of the above.
    """
    data, name = read_source(source, source_name=source_name)
    if not data:
        raise DecodeError("the file is empty", source=name, hint="get a fresh copy of the file")
    decoder = find_decoder(data[:HEAD_SIZE], decoders)
    if decoder is None:
        found, way_out = describe_format(data[:HEAD_SIZE])
        raise UnsupportedImageError(found, source=name, hint=way_out)
    try:
        return decoder.decode(data, source=name, max_pixels=max_pixels)
    except EnhanceError:
        raise
    except MemoryError:
        raise DecodeError(
            "not enough memory to decode it", source=name, hint="free memory, or lower max_pixels"
        ) from None
    except Exception as error:  # one bad file must never stop a batch
        logger.debug("%s: unexpected error in the %s decoder", name, decoder.name, exc_info=True)
        raise DecodeError(
            f"the {decoder.name} decoder failed: {error}", source=name, hint="the file is damaged"
        ) from error


def read_source(source: Source, *, source_name: str | None = None) -> tuple[bytes, str]:
    """The bytes of a file and its name for messages. Arguments and errors as in `decode`."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), source_name or "<memory>"
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source), source_name or os.fspath(source))
    if not hasattr(source, "read"):
        raise UsageError(f"cannot decode a {type(source).__name__}", hint="pass bytes, a path or an open binary file")
    stream_name = getattr(source, "name", None)
    name = source_name or (stream_name if isinstance(stream_name, str) else "<stream>")
    try:
        data = source.read()
    except (OSError, ValueError) as error:  # ValueError: a closed file, or text that is not in the expected encoding
        raise DecodeError(
            f"cannot be read: {error}", source=name, hint="open it in binary mode, for reading"
        ) from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise UsageError("the file object gives text, not bytes", source=name, hint="open it in binary mode")
    return bytes(data), name


def _read_path(path: Path, name: str) -> tuple[bytes, str]:
    try:
        return path.read_bytes(), name
    except FileNotFoundError:
        reason, hint = "no such file", "check the path"
    except IsADirectoryError:
        reason, hint = "is a folder, not a file", "name the files in it, or let `enhance run` walk it"
    except PermissionError:
        # Windows says "permission denied" for folders too.
        is_folder = path.is_dir()
        reason = "is a folder, not a file" if is_folder else "no permission to read it"
        hint = "name the files in it, or let `enhance run` walk it" if is_folder else "check the file's permissions"
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason, hint = f"cannot be read: {getattr(error, 'strerror', None) or error}", "check the path and the disk"
    except MemoryError:
        reason, hint = "does not fit into memory", "free memory"
    raise DecodeError(reason, source=name, hint=hint)
