"""The limits against files made to do harm, all of them: what real files never meet, and an option for each.

| limit | option of the command line | default | why |
|---|---|---|---|
| `max_pixels` | `--max-megapixels` | 1000, at most 4290 | memory: about ten bytes a pixel, before the network |
| `max_bytes` | `--max-megabytes` | 1024 | an input is read as a whole |
| `max_segments` | `--max-segments` | 10,000 | a segment of four bytes costs a hundred times that in memory |
| `max_scans` | `--max-scans` | 500 | each scan of a JPEG goes through the whole picture again |
| `max_expansion` | `--max-expansion` | 100,000 | arithmetic coding can claim any size with a few bytes |
| `special_files` | `--special-files` | no | a pipe or a device may give nothing for ever, or bytes without end |

A file beyond a limit is refused before memory is taken for it, with a message that names the option.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_MAX_PIXELS = 1_000_000_000
"""Pictures that claim more pixels than this are refused before any memory is taken for them."""

PIXELS_CEILING = 65500**2
"""The most that `max_pixels` can be: the largest picture that libjpeg decodes."""

_FIELDS_OF_OPTIONS = {
    "max_pixels": "--max-megapixels", "max_bytes": "--max-megabytes", "max_segments": "--max-segments",
    "max_scans": "--max-scans", "max_expansion": "--max-expansion",
}  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What an input may be at most.

    Attributes:
        max_pixels: width times height of a picture or a frame.
        max_bytes: of an input that is read as a whole.
        max_segments: marker segments of a JPEG. Real files have some ten; an ICC profile or extended XMP of a hundred
            megabytes would need two thousand.
        max_scans: of a JPEG. Progressive files of libjpeg have 10, of mozjpeg and jpegrescan up to 64.
        max_expansion: pixels for each byte of entropy-coded data, above 16 megapixels, where arithmetic coding sets no
            bound of its own. (A Huffman-coded block takes a bit at least, which is 512.)
        special_files: named pipes, devices and sockets are read, too, not only regular files and stdin.
    """

    max_pixels: int = DEFAULT_MAX_PIXELS
    max_bytes: int = 1 << 30
    max_segments: int = 10_000
    max_scans: int = 500
    max_expansion: int = 100_000
    special_files: bool = False


DEFAULT_LIMITS = Limits()


def way_out(field: str) -> str:
    """The hint of a message about a limit: "raise --max-scans (Limits.max_scans)" for `max_scans`."""
    return f"raise {_FIELDS_OF_OPTIONS[field]} (Limits.{field}) if you trust the file"
