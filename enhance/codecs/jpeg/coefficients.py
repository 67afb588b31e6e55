"""The quantised DCT coefficients of a JPEG file, and the grids and tables that give them their meaning.

The markers say what the planes look like; the entropy-coded data are decoded by `jpeglib`, which wraps libjpeg.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.markers import JpegMarkers, read_markers
from enhance.errors import DecodeError

Indices = npt.NDArray[np.int16]

_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2  # the Huffman-coded DCT processes of T.81
_SCAN_HEADER = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e]([\x01-\x04])")
# jpeglib keeps markers in C globals, and 50 of them: one reader at a time, and nothing that would make it keep many.
_JPEGLIB_LOCK = threading.Lock()
_MAX_LATE_SEGMENTS = 40
_APPLICATION_OR_COMMENT = re.compile(rb"\xff[\xe0-\xef\xfe]")


class NotProjectable(Exception):
    """The file's coefficients do not say in which intervals the original's lay, or cannot be read. One line."""


@dataclass(frozen=True)
class Component:
    """One plane of a JPEG.

    Attributes:
        ratio: image rows and columns per row and column of this plane (1 or more each).
        steps: [8, 8] float32, the quantisation table in natural order.
        grid: rows and columns of blocks, those that only fill up MCUs not counted.
    """

    ratio: tuple[int, int]
    steps: npt.NDArray[np.float32]
    grid: tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """The planes of a JPEG.

    Attributes:
        height, width: of the image, in pixels.
        components: one (gray) or three.
        is_rgb: the three planes are R, G, B; otherwise Y, Cb, Cr.
    """

    height: int
    width: int
    components: tuple[Component, ...]
    is_rgb: bool = False


def read_layout(jpeg: bytes, *, source: str) -> Layout:
    """Reads the layout of a JPEG's planes from its markers.

    Raises:
        NotProjectable: not 8-bit Huffman-coded gray, YCbCr or RGB with whole-number subsampling; a progressive file
            that ends before its last bits; or jpeglib is not installed.
        DecodeError: not a JPEG with a picture.
    """
    if importlib.util.find_spec("jpeglib") is None:
        raise NotProjectable("the package jpeglib is not installed")
    markers = read_markers(jpeg, source=source)
    frame = markers.frame
    if frame.marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        raise NotProjectable(f"{frame.process} files are not supported")
    if frame.precision != 8:
        raise NotProjectable(f"files of {frame.precision} bits per sample are not supported")
    if len(frame.components) not in (1, 3):
        kind = markers.color_space if len(frame.components) == 4 else f"{len(frame.components)}-component"
        raise NotProjectable(f"{kind} files are not supported")
    if not frame.height or not frame.width:
        raise NotProjectable("the header does not say the size")
    if not _is_complete(jpeg, markers):
        raise NotProjectable("the last scans are missing")
    late_segments = _APPLICATION_OR_COMMENT.findall(jpeg, _end_of_segments(markers), markers.end)
    if len(late_segments) > _MAX_LATE_SEGMENTS:
        raise NotProjectable("there are too many comments between the scans")
    return Layout(frame.height, frame.width, _components(markers), markers.color_space == "RGB")


def _components(markers: JpegMarkers) -> tuple[Component, ...]:
    frame = markers.frame
    # T.81 A.2.2: the factors of a single component mean nothing.
    factors = [(c.vertical, c.horizontal) for c in frame.components] if len(frame.components) > 1 else [(1, 1)]
    v_max, h_max = (max(factor) for factor in zip(*factors, strict=True))
    components = []
    for (v, h), table in zip(factors, markers.tables, strict=True):
        if v_max % v or h_max % h:
            raise NotProjectable("sampling factors that are no whole-number ratios are not supported")
        if table is None:
            raise NotProjectable("a quantisation table is missing")
        rows, columns = v_max // v, h_max // h
        grid = -(-frame.height // (8 * rows)), -(-frame.width // (8 * columns))
        components.append(Component((rows, columns), table.astype(np.float32), grid))
    return tuple(components)


def _end_of_segments(markers: JpegMarkers) -> int:
    """Where the last segment that may hold anything, even a thumbnail's scans, ends before the first scan."""
    return max((end for *_, end in markers.segments), default=0)


def _is_complete(jpeg: bytes, markers: JpegMarkers) -> bool:
    """Whether the scans bring every coefficient to its last bit (T.81 G.1.1.1: successive approximation)."""
    frame = markers.frame
    missing = {component.identifier: np.ones(64, bool) for component in frame.components}
    for match in _SCAN_HEADER.finditer(jpeg, _end_of_segments(markers), markers.end):
        count, start = match[1][0], match.end()
        parameters = jpeg[start + 2 * count : start + 2 * count + 3]
        if len(parameters) < 3:
            break
        first, last, approximation = parameters if frame.marker == _PROGRESSIVE else (0, 63, 0)
        for identifier in jpeg[start : start + 2 * count : 2]:
            if identifier in missing:
                missing[identifier][first : last + 1] &= bool(approximation & 15)
    return not any(bits.any() for bits in missing.values())


def read_coefficients(jpeg: bytes, layout: Layout, *, source: str) -> list[Indices]:
    """The quantised coefficients of every component, int16 [block rows, block columns, 8, 8] in natural order.

    Raises:
        DecodeError: libjpeg refuses the file, or finds other numbers of blocks than the header says.
    """
    hint = "switch the consistency with the bitstream off for this file"
    try:
        planes = _read_with_jpeglib(_without_segments(jpeg, source), len(layout.components))
    except Exception as error:  # anything that a C library's wrapper may raise on a file that it dislikes
        raise DecodeError("libjpeg refuses to read the DCT coefficients", source=source, hint=hint) from error
    if [plane.shape for plane in planes] != [(*component.grid, 8, 8) for component in layout.components]:
        raise DecodeError("the number of DCT blocks is not what the header says", source=source, hint=hint)
    return planes


def _without_segments(jpeg: bytes, source: str) -> bytes:
    """The file without application segments and comments, which may be many and large, and mean nothing here."""
    kept, position = [], 0
    for _, start, _, end in read_markers(jpeg, source=source).segments:
        kept.append(jpeg[position:start])
        position = end
    return b"".join([*kept, jpeg[position:]])


def _read_with_jpeglib(jpeg: bytes, num_components: int) -> list[Indices]:
    import jpeglib

    with tempfile.TemporaryDirectory(prefix="enhance-") as folder:
        path = Path(folder) / "coefficients.jpg"
        path.write_bytes(jpeg)
        with _JPEGLIB_LOCK:
            read = jpeglib.read_dct(str(path))
            return [np.asarray(plane, np.int16) for plane in (read.Y, read.Cb, read.Cr)[:num_components]]
