"""Which codecs there are, and how a file finds its decoder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from enhance.codecs import reading
from enhance.codecs.codec import Codec
from enhance.codecs.decoder import HEAD_SIZE, Decoder
from enhance.codecs.jpeg.codec import JPEG
from enhance.codecs.pixels.decoder import PixelDecoder
from enhance.codecs.reading import Source, read_source
from enhance.codecs.unknown_files import describe_format
from enhance.codecs.vvc.codec import VVC
from enhance.errors import DecodeError, EnhanceError, UnsupportedImageError
from enhance.images import DecodedImage, InspectedImage
from enhance.system.limits import DEFAULT_LIMITS, Limits

logger = logging.getLogger(__name__)

GROUP = "enhance.codecs"
"""Of the entry points by which installed packages add codecs, each of them a `Codec`."""


@lru_cache(maxsize=1)
def all_codecs() -> tuple[Codec, ...]:
    """The codecs that are known, in the order in which they are asked: JPEG, VVC, and those that packages add."""
    return JPEG, VVC, *added_codecs()[0]


@lru_cache(maxsize=1)
def added_codecs() -> tuple[tuple[Codec, ...], dict[str, str]]:
    """The codecs of installed packages, by the entry points of the group `enhance.codecs`.

    Returns:
        the codecs, in the order of their entry points' names; and of those that cannot be used the reason, by the name
        of the entry point. A package that does not work must not stop the others.
    """
    found, problems = {JPEG.name: JPEG, VVC.name: VVC}, {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            codec = point.load()
            if not isinstance(codec, Codec):
                raise TypeError(f"{point.value} is no enhance.codecs.codec.Codec")
            if found.setdefault(codec.name, codec) is not codec:
                raise ValueError(f"there is a codec {codec.name!r} already")
        except Exception as error:
            problems[point.name] = f"{type(error).__name__}: {error}"
            logger.warning("the codec %r that a package adds is left out: %s", point.name, problems[point.name])
    return tuple(codec for codec in found.values() if codec not in (JPEG, VVC)), problems


def find_codec(name: str) -> Codec | None:
    """The codec of that name, as in `Rate.codec`."""
    return next((codec for codec in all_codecs() if codec.name == name), None)


def level_name(codec: str) -> str:
    """What a codec's rates are called in tables: "quality", "QP"; "level" if it is not known."""
    known = find_codec(codec)
    return known.level if known else "level"


def abandon_decoding() -> None:
    """Ends the waits for input and the programs that decoders run: for a program that was interrupted.

    Whatever waits for them, in any thread, fails with an error.
    """
    reading.abandon()
    for codec in all_codecs():
        if codec.abandon is not None:
            codec.abandon()


def make_decoders(*, pixels: bool = False, **options: Any) -> tuple[Decoder, ...]:
    """The decoders of all codecs, in the order in which they are asked.

    Args:
        pixels: and last of all one for files that do not tell how their pixels were coded before: PNG, WebP, BMP, TIFF.
        **options: of any codec's decoder. JPEG has `strict` and `salvage`, see `JpegDecoder`. VVC has `decoder` ("vtm",
            "vvdec", "ffmpeg" or "auto"), `vtm` (path of its DecoderApp), `matrix`, `full_range`, `chroma_location` (in
            place of what the stream says), `time_limit` and `patience`.

    Raises:
        TypeError: no codec has such an option.
    """
    unknown = options.keys() - {name for codec in all_codecs() for name in codec.options}
    if unknown:
        raise TypeError(f"no decoder has an option {min(unknown)!r}")
    made = [
        codec.decoder(**{name: options[name] for name in codec.options if name in options}) for codec in all_codecs()
    ]
    return (*made, PixelDecoder()) if pixels else tuple(made)


@lru_cache(maxsize=1)
def all_decoders() -> tuple[Decoder, ...]:
    """The decoders of all codecs with their usual options."""
    return make_decoders()


def known_extensions(decoders: Sequence[Decoder] | None = None) -> tuple[str, ...]:
    """Lower-case extensions, with their dot, of the files that decoders, all by default, can decode."""
    asked = all_decoders() if decoders is None else decoders
    return tuple(extension for decoder in asked for extension in decoder.extensions)


def codec_of_name(name: str) -> str | None:
    """The name of the codec that a file's extension stands for; None where only its first bytes can tell."""
    extension = Path(name).suffix.lower()
    return next((decoder.name for decoder in all_decoders() if extension in decoder.extensions), None)


def usual_extension(codec: str) -> str:
    """What the files of a codec are called, with its dot: ".jpg"; nothing if it is not known."""
    found = (decoder.extensions for decoder in all_decoders() if decoder.name == codec)
    return next((extensions[0] for extensions in found if extensions), "")


def find_decoder(head: bytes, decoders: Sequence[Decoder] | None = None) -> Decoder | None:
    """The first decoder, of all by default, for a file that begins with `head`, or None."""
    asked = all_decoders() if decoders is None else decoders
    return next((decoder for decoder in asked if decoder.sniff(head[:HEAD_SIZE])), None)


def decode(
    source: Source,
    *,
    source_name: str | None = None,
    max_pixels: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    decoders: Sequence[Decoder] | None = None,
) -> DecodedImage:
    """Decodes a compressed picture of any known codec.

    Args:
        source: the file's bytes, its path, or an open binary file (read from where it stands to its end).
        source_name: the name to use in messages; by default the path, or the file object's name.
        max_pixels: refuse pictures with more pixels than this; `limits` says it, too.
        limits: refuse what is beyond them.
        decoders: those to ask, in this order, from `make_decoders` for example; `all_decoders()` by default.

    Raises:
        DecodeError: it cannot be read, is empty, damaged or truncated.
        UnsupportedImageError: it is of a kind that is not handled.
        UsageError: `source` is none of the above.
    """
    limits = limits if max_pixels is None else replace(limits, max_pixels=max_pixels)
    data, name = read_source(source, source_name=source_name, limits=limits)
    decoder = _decoder_of(data, name, decoders)
    with _one_clear_error(name, decoder.name):
        return decoder.decode(data, source=name, limits=limits)


def inspect(
    source: Source,
    *,
    source_name: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    decoders: Sequence[Decoder] | None = None,
) -> InspectedImage:
    """What `decode` would find, without decoding pixels where the codec allows. Arguments and errors as there."""
    data, name = read_source(source, source_name=source_name, limits=limits)
    decoder = _decoder_of(data, name, decoders)
    with _one_clear_error(name, decoder.name):
        return decoder.inspect(data, source=name, limits=limits)


def _decoder_of(data: bytes, name: str, decoders: Sequence[Decoder] | None) -> Decoder:
    if not data:
        raise DecodeError("the file is empty", source=name, hint="get a fresh copy of the file")
    decoder = find_decoder(data[:HEAD_SIZE], decoders)
    if decoder is None:
        found, way_out = describe_format(data[:HEAD_SIZE])
        raise UnsupportedImageError(found, source=name, hint=way_out)
    return decoder


@contextmanager
def _one_clear_error(name: str, codec: str) -> Iterator[None]:
    """Whatever a decoder raises becomes an error that a user can act on: one bad file must never stop a batch."""
    try:
        yield
    except EnhanceError:
        raise
    except MemoryError:
        hint = "free memory, or lower --max-megapixels"
        raise DecodeError("not enough memory to decode it", source=name, hint=hint) from None
    except Exception as error:
        logger.debug("%s: unexpected error in the %s decoder", name, codec, exc_info=True)
        reason = f"the {codec} decoder failed: {type(error).__name__}: {error}"
        raise DecodeError(reason, source=name, hint="the file is damaged") from error
