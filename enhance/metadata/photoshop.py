"""The image resources of a Photoshop segment (APP13), which hold IPTC captions, keywords and credits.

Adobe Photoshop File Formats Specification, "Image Resources Section": "8BIM", a number, a Pascal string, a length and
the resource; string and resource are filled up to even lengths.
"""

from __future__ import annotations

from collections.abc import Iterator

HEADER = b"Photoshop 3.0\0"
_SIGNATURE = b"8BIM"
_IPTC = 0x0404
_THUMBNAILS = (0x0409, 0x040C)


def carried_resources(resources: bytes) -> bytes | None:
    """The resources without thumbnails, which show the picture as it was; None where they are damaged or none is left.

    Args:
        resources: what follows `HEADER` in a file's segments, joined.
    """
    try:
        kept = [whole for number, whole in _walk(resources) if number not in _THUMBNAILS]
    except ValueError:
        return None
    return b"".join(kept) or None


def has_iptc(resources: bytes) -> bool:
    """True if there is anything that people wrote, a caption for example. The resources must not be damaged."""
    return any(number == _IPTC for number, _ in _walk(resources))


def _walk(resources: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(resources):
        if resources[at : at + 4] != _SIGNATURE or at + 8 > len(resources):
            if not resources[at:].strip(b"\0"):
                return  # filled up
            raise ValueError("no resource where one should begin")
        name = 1 + resources[at + 6]
        length_at = at + 6 + name + name % 2
        length = int.from_bytes(resources[length_at : length_at + 4], "big")
        end = length_at + 4 + length
        if length_at + 4 > len(resources) or end > len(resources):
            raise ValueError("a resource that is cut")
        yield int.from_bytes(resources[at + 4 : at + 6], "big"), resources[at:end] + bytes(length % 2)
        at = end + length % 2
