"""What a planar YCbCr frame is: its size, subsampling and depth, and how its values stand for colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from enhance.errors import UsageError

Plane = npt.NDArray[Any]
Planes = tuple[Plane, ...]
"""Y, or Y, Cb, Cr; uint8 at 8 bits a sample, uint16 above. Their shapes are `FrameFormat.plane_shapes`."""

Subsampling = Literal["4:0:0", "4:2:0", "4:2:2", "4:4:4"]
Matrix = Literal["bt601", "bt709", "bt2020", "gbr"]
ChromaLocation = Literal["left", "center", "topleft", "top", "bottomleft", "bottom"]

SUBSAMPLINGS: tuple[Subsampling, ...] = get_args(Subsampling)
MATRICES: tuple[Matrix, ...] = get_args(Matrix)
CHROMA_LOCATIONS: tuple[ChromaLocation, ...] = get_args(ChromaLocation)

MIN_DEPTH, MAX_DEPTH = 8, 16
_STEPS: dict[str, tuple[int, int]] = {"4:2:0": (2, 2), "4:2:2": (1, 2), "4:4:4": (1, 1)}


@dataclass(frozen=True)
class FrameFormat:
    """Layout of a frame.

    Attributes:
        width, height: of the luma plane, in samples.
        subsampling: "4:0:0" (luma alone), "4:2:0", "4:2:2" or "4:4:4".
        depth: bits per sample, 8 to 16.

    Raises:
        UsageError: a value is out of range.
    """

    width: int
    height: int
    subsampling: Subsampling = "4:2:0"
    depth: int = 8

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise UsageError(f"a frame of {self.width}x{self.height} samples cannot be")
        if self.subsampling not in SUBSAMPLINGS:
            raise UsageError(f"subsampling must be one of {', '.join(SUBSAMPLINGS)}, not {self.subsampling!r}")
        if not MIN_DEPTH <= self.depth <= MAX_DEPTH:
            raise UsageError(f"depth must be from {MIN_DEPTH} to {MAX_DEPTH} bits, not {self.depth}")

    @property
    def chroma_step(self) -> tuple[int, int]:
        """Luma samples per chroma sample, vertically and horizontally; (1, 1) where there is no chroma."""
        return _STEPS.get(self.subsampling, (1, 1))

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of Y, or of Y, Cb and Cr; an odd size rounds chroma up."""
        luma = (self.height, self.width)
        if self.subsampling == "4:0:0":
            return (luma,)
        vertical, horizontal = self.chroma_step
        chroma = (-(-self.height // vertical), -(-self.width // horizontal))
        return luma, chroma, chroma

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the planes in memory, and little-endian in raw files."""
        return np.dtype(np.uint8 if self.depth == 8 else "<u2")

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame in a raw file: the planes one after the other."""
        return sum(rows * columns for rows, columns in self.plane_shapes) * self.dtype.itemsize

    def unpack(self, raw: bytes | bytearray | memoryview) -> Planes:
        """The planes of one raw frame of exactly `frame_bytes` bytes; they share its memory."""
        samples = np.frombuffer(raw, self.dtype)
        planes, start = [], 0
        for rows, columns in self.plane_shapes:
            planes.append(samples[start : start + rows * columns].reshape(rows, columns))
            start += rows * columns
        return tuple(planes)

    def pack(self, planes: Planes) -> bytes:
        """The inverse of `unpack`."""
        return b"".join(np.ascontiguousarray(plane, self.dtype).tobytes() for plane in planes)


@dataclass(frozen=True)
class ColorSpace:
    """How the planes' values stand for R'G'B'.

    Attributes:
        matrix: "bt601", "bt709", "bt2020" (non-constant luminance), or "gbr" (the planes are G, B, R; 4:4:4 only).
        full_range: black to white is 0 to 2^depth - 1; otherwise 16 to 235, scaled to the depth.
        chroma_location: where a chroma sample lies within its luma samples (H.274, ChromaLocInfo types 0 to 5 are
            left, center, topleft, top, bottomleft, bottom). It matters for 4:2:0, and its horizontal part for 4:2:2.
            A stream that does not say is taken as "center", which is what ffmpeg's converter assumes and makes.

    Raises:
        UsageError: there is no such matrix or location.
    """

    matrix: Matrix = "bt709"
    full_range: bool = False
    chroma_location: ChromaLocation = "center"

    def __post_init__(self) -> None:
        if self.matrix not in MATRICES:
            raise UsageError(f"matrix must be one of {', '.join(MATRICES)}, not {self.matrix!r}")
        if self.chroma_location not in CHROMA_LOCATIONS:
            raise UsageError(
                f"chroma location must be one of {', '.join(CHROMA_LOCATIONS)}, not {self.chroma_location!r}"
            )

    def replaced(
        self, matrix: Matrix | None, full_range: bool | None, chroma_location: ChromaLocation | None
    ) -> ColorSpace:
        """This one, with what is given in its place; None keeps."""
        return ColorSpace(
            matrix or self.matrix,
            self.full_range if full_range is None else full_range,
            chroma_location or self.chroma_location,
        )

    def describe(self) -> str:
        """In words, for records and messages: "BT.709, limited range"."""
        name = "RGB" if self.matrix == "gbr" else f"BT.{self.matrix[2:]}"
        return f"{name}, {'full' if self.full_range else 'limited'} range"
