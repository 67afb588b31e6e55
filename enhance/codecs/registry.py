"""Which base decoders there are, and how a file finds its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from enhance.codecs.decoder import HEAD_SIZE, Decoder, Source, read_source
from enhance.codecs.unknown_files import describe_format
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.images import DEFAULT_MAX_PIXELS, DecodedImage

logger = logging.getLogger(__name__)


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
