"""The quantised DCT coefficients of a JPEG file, and the grids and tables that give them their meaning.

The markers say what the planes look like; the entropy-coded data are decoded by libjpeg.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg import libjpeg
from enhance.codecs.jpeg.markers import JpegMarkers, read_markers, without_metadata
from enhance.codecs.jpeg.mozjpeg import is_of_mozjpeg
from enhance.errors import DecodeError
from enhance.system.limits import Limits

Indices = libjpeg.Indices

# The DCT processes of T.81 that are not hierarchical: baseline, extended and progressive, the last two also with
# arithmetic coding.
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1, 0xC9), (0xC2, 0xCA)
# The decoder has judged the file before.
_NO_LIMITS = Limits(max_segments=2**63, max_scans=2**63)
_SCAN_HEADER = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e]([\x01-\x04])")


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
        is_rounded: the coefficients are the original's, rounded to the nearest step; otherwise the encoder chose them.
    """

    height: int
    width: int
    components: tuple[Component, ...]
    is_rgb: bool = False
    is_rounded: bool = True


def read_layout(jpeg: bytes, *, source: str) -> Layout:
    """Reads the layout of a JPEG's planes from its markers.

    Raises:
        NotProjectable: not 8-bit gray, YCbCr or RGB with whole-number subsampling; a progressive file that ends before
            its last bits; or jpeglib is not installed.
        DecodeError: not a JPEG with a picture.
    """
    if libjpeg.find_library() is None:
        raise NotProjectable("the package jpeglib is not installed")
    markers = read_markers(jpeg, source=source, limits=_NO_LIMITS)
    frame = markers.frame
    if frame.marker not in (*_SEQUENTIAL, *_PROGRESSIVE):
        raise NotProjectable(f"{frame.process} files are not supported")
    if frame.precision != 8:
        raise NotProjectable(f"files of {frame.precision} bits per sample are not supported")
    if len(frame.components) not in (1, 3):
        kind = markers.color_space if len(frame.components) == 4 else f"{len(frame.components)}-component"
        raise NotProjectable(f"{kind} files are not supported")
    if not frame.height or not frame.width:
        raise NotProjectable("the header does not say the size")
    if not has_all_scans(jpeg, markers):
        raise NotProjectable("the last scans are missing")
    components = _components(markers)
    is_rounded = not all(is_of_mozjpeg(component.steps) for component in components)
    return Layout(frame.height, frame.width, components, markers.color_space == "RGB", is_rounded)


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


def has_all_scans(jpeg: bytes, markers: JpegMarkers) -> bool:
    """Whether the scans bring every coefficient to its last bit (T.81 G.1.1.1: successive approximation)."""
    frame = markers.frame
    missing = {component.identifier: np.ones(64, bool) for component in frame.components}
    for match in _SCAN_HEADER.finditer(jpeg, markers.first_scan, markers.end):
        count, start = match[1][0], match.end()
        parameters = jpeg[start + 2 * count : start + 2 * count + 3]
        if len(parameters) < 3:
            break
        first, last, approximation = parameters if frame.marker in _PROGRESSIVE else (0, 63, 0)
        for identifier in jpeg[start : start + 2 * count : 2]:
            if identifier in missing:
                missing[identifier][first : last + 1] &= bool(approximation & 15)
    return not any(bits.any() for bits in missing.values())


def read_coefficients(jpeg: bytes, layout: Layout, *, source: str) -> list[Indices]:
    """The quantised coefficients of every component, int16 [block rows, block columns, 8, 8] in natural order.

    Raises:
        DecodeError: libjpeg refuses the file.
    """
    hint = "switch the consistency with the bitstream off for this file"
    picture = without_metadata(jpeg, read_markers(jpeg, source=source, limits=_NO_LIMITS))
    try:
        planes = libjpeg.read(picture, [component.grid for component in layout.components]).planes
    except libjpeg.LibjpegError as error:
        reason = f"libjpeg refuses to read the DCT coefficients: {error}"
        raise DecodeError(reason, source=source, hint=hint) from error
    return list(planes)
