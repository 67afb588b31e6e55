"""Blocks of 8x8 pixels or luma samples, and the samples of planes that lie in the same place."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from enhance.frames.format import FrameFormat

BLOCK = 8
"""Luma samples in a row and in a column that are looked at together: a single sample may be as it is by chance."""

Value = TypeVar("Value", bound=np.generic)


def block_sides(frame: FrameFormat, plane: int) -> tuple[int, int]:
    """Rows and columns of a block in a plane."""
    down, across = frame.chroma_step if plane else (1, 1)
    return BLOCK // down, BLOCK // across


def to_samples(
    blocks: npt.NDArray[Value], frame: FrameFormat, plane: int, shape: tuple[int, ...]
) -> npt.NDArray[Value]:
    """The value of its block for each sample of a plane.

    Args:
        blocks: [rows, columns].
        frame: says how planes are sampled.
        plane: 0 for luma.
        shape: height and width of the plane.
    """
    return _repeated(blocks, block_sides(frame, plane), shape)


def to_pixels(blocks: npt.NDArray[Value], height: int, width: int) -> npt.NDArray[Value]:
    """The value of its block for each pixel, [height, width]."""
    return _repeated(blocks, (BLOCK, BLOCK), (height, width))


def _repeated(blocks: npt.NDArray[Value], sides: tuple[int, int], shape: tuple[int, ...]) -> npt.NDArray[Value]:
    height, width = shape
    return blocks.repeat(sides[0], axis=0)[:height].repeat(sides[1], axis=1)[:, :width]
