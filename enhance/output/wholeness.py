"""Whether a file that lies in the place of a result is a whole picture, judged by its beginning and its end."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Literal

from PIL import Image

from enhance.output.encoders import OutputFormat
from enhance.output.plain import check_available

State = Literal["whole", "cut", "foreign"]

_BOXES = tuple(bytes([0, 0, 0, length]) + b"ftyp" for length in range(16, 68, 4))
_BEGINNINGS = {
    OutputFormat.PNG: (b"\x89PNG\r\n\x1a\n",),
    OutputFormat.JPEG: (b"\xff\xd8\xff",),
    OutputFormat.WEBP: (b"RIFF",),
    OutputFormat.TIFF: (b"II*\0", b"MM\0*"),
    OutputFormat.BMP: (b"BM",),
    OutputFormat.PPM: (b"P6", b"P5"),
    OutputFormat.JXL: (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    # The length of the first box, "ftyp", goes before its name.
    OutputFormat.AVIF: _BOXES,
    OutputFormat.HEIC: _BOXES,
}
_ENDS = {OutputFormat.PNG: b"\0\0\0\0IEND\xaeB`\x82", OutputFormat.JPEG: b"\xff\xd9"}


def judge(path: str | os.PathLike[str], fmt: OutputFormat) -> State:
    """What lies in a result's place.

    Args:
        path: of something that exists, perhaps a link to nothing.
        fmt: what the result will be written as.

    Returns:
        "whole"; "cut" for an empty file, the beginning of one, or a link to nothing, which nobody misses; "foreign" for
        everything else, which is somebody's.
    """
    try:
        size = Path(path).stat().st_size
        if not Path(path).is_file():
            return "foreign"
        with Path(path).open("rb") as file:
            head = file.read(12)
            file.seek(max(size - 12, 0))
            tail = file.read()
    except FileNotFoundError:
        return "cut"
    except OSError:
        return "foreign"
    beginnings = _BEGINNINGS[fmt]
    if not head.startswith(beginnings):
        return "cut" if any(beginning.startswith(head) for beginning in beginnings) else "foreign"
    return "whole" if _has_end(path, fmt, size, head, tail) else "cut"


def _has_end(path: str | os.PathLike[str], fmt: OutputFormat, size: int, head: bytes, tail: bytes) -> bool:
    if fmt in _ENDS:
        return tail.endswith(_ENDS[fmt])
    if fmt is OutputFormat.WEBP:
        return int.from_bytes(head[4:8], "little") + 8 <= size
    return _tiff_extent(path) <= size if fmt is OutputFormat.TIFF else _can_be_decoded(path, fmt)


def _can_be_decoded(path: str | os.PathLike[str], fmt: OutputFormat) -> bool:
    check_available(fmt.value)
    try:
        with Image.open(path) as image:
            image.load()
        return True
    except Exception:  # Pillow raises almost anything at a file that was cut
        return False


def _tiff_extent(path: str | os.PathLike[str]) -> float:
    """Where the last strip of a TIFF ends; infinite for one that cannot be opened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=["TIFF"]) as image:
                tags = image.tag_v2
            return max(start + length for start, length in zip(tags[273], tags[279], strict=True))
    except Exception:  # Pillow raises almost anything at a file that was cut
        return float("inf")
