"""Asks the codecs what the pixels of a picture tell of a coding before that of its file."""

from __future__ import annotations

from enhance.codecs.coding import Coding
from enhance.codecs.registry import all_codecs, find_codec
from enhance.codecs.unknown_rate import UnknownRate
from enhance.images import Pixels, Rate


def can_tell(rate: Rate) -> bool:
    """Whether some codec can tell more of a picture than the rate of its file, which may be unknown."""
    if isinstance(rate, UnknownRate):
        return any(codec.find_coding is not None for codec in all_codecs())
    codec = find_codec(rate.codec)
    return codec is not None and codec.find_earlier is not None


def find_earlier_coding(pixels: Pixels, rate: Rate) -> Coding | None:
    """The coding that did the damage, where the file does not tell it, or tells only a weaker one that came later.

    Args:
        pixels: of the picture, as decoded.
        rate: of its file; an `UnknownRate` where it tells none.

    Returns:
        the coding, or None where nothing is sure.
    """
    if isinstance(rate, UnknownRate):
        found = (codec.find_coding(pixels) for codec in all_codecs() if codec.find_coding is not None)
        return next((coding for coding in found if coding is not None), None)
    codec = find_codec(rate.codec)
    return None if codec is None or codec.find_earlier is None else codec.find_earlier(pixels, rate)
