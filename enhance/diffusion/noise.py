"""Gaussian noise that belongs to places, not to the order of drawing.

A sample must not depend on tiles, batch, device or threads. So the noise is a field on the infinite plane whose value
at (draw, row, column) is a function of the seed alone: Philox is a counter-based generator (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011), its key is (seed, draw) and its counter starts at the block's place. A
crop costs only the blocks that it touches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BLOCK = 64
CHANNELS = 3


@dataclass(frozen=True)
class NoiseField:
    """Independent standard normal values at every draw, channel, row >= 0 and column >= 0.

    Args:
        seed: 0 to 2^64 - 1; fields of different seeds are independent.
    """

    seed: int

    def crop(self, draw: int, top: int, left: int, height: int, width: int) -> npt.NDArray[np.float32]:
        """A rectangle of one draw of the field.

        Args:
            draw: 0 for the initial state, then one number per step; draws are independent.
            top, left: first row and column, >= 0.
            height, width: size in pixels.

        Returns:
            float32 [3, height, width]; overlapping crops agree bit for bit where they overlap.
        """
        out = np.empty((CHANNELS, height, width), np.float32)
        for row in range(top // BLOCK, -(-(top + height) // BLOCK)):
            for column in range(left // BLOCK, -(-(left + width) // BLOCK)):
                to_rows, from_rows = _overlap(top, height, row)
                to_columns, from_columns = _overlap(left, width, column)
                out[:, to_rows, to_columns] = self._block(draw, row, column)[:, from_rows, from_columns]
        return out

    def _block(self, draw: int, row: int, column: int) -> npt.NDArray[np.float32]:
        key = np.array([self.seed, draw], np.uint64)
        # The low counter word is the generator's own; the high ones keep the streams of blocks 2^128 values apart.
        counter = np.array([0, 0, row, column], np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
        return generator.standard_normal((CHANNELS, BLOCK, BLOCK), np.float32)


def _overlap(start: int, length: int, block: int) -> tuple[slice, slice]:
    """Where block number `block` meets start..start+length: in the crop's and in the block's own coordinates."""
    first = max(start, block * BLOCK)
    last = min(start + length, (block + 1) * BLOCK)
    return slice(first - start, last - start), slice(first - block * BLOCK, last - block * BLOCK)
