"""Blocks of 8x8 luma samples, and the samples of other planes that lie in the same place."""

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
    down, across = block_sides(frame, plane)
    height, width = shape
    return blocks.repeat(down, axis=0)[:height].repeat(across, axis=1)[:, :width]
