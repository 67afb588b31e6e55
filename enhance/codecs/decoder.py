"""What a base decoder is: bytes of a file in, a decoded image out."""

from __future__ import annotations

from typing import Protocol

from enhance.images import DecodedImage, InspectedImage
from enhance.system.limits import DEFAULT_LIMITS, Limits

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

    def inspect(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> InspectedImage:
        """What `decode` would find, at as little cost as the codec allows. Arguments and errors as there."""

    def decode(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """Decodes a whole file.

        Args:
            data: the file.
            source: the name to use in messages.
            limits: refuse what is beyond them.

        Raises:
            DecodeError: the file is damaged or truncated.
            UnsupportedImageError: the file is of a kind that is not handled.
        """
