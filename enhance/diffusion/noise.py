"""Gaussian noise that belongs to places, not to the order of drawing.

A sample must not depend on tiles, batch, device or threads. So the noise is a field on the infinite plane whose value
at (draw, row, column) is a function of the seed alone: Philox is a counter-based generator (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011), its key is (seed, draw) and its counter starts at the block's place. A
crop costs only the blocks that it touches.

Its bits become normal values by the transform of Box and Muller (1958), here and not in numpy: numpy promises Philox's
bits for all versions to come, but not what its `standard_normal` makes of them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

BLOCK = 64
CHANNELS = 3

_PAIRS = CHANNELS * BLOCK * BLOCK // 2
_UNIT = np.float32(2**-32)
_TURN = np.float32(2 * np.pi * 2**-32)


class NoiseField:
    """Independent standard normal values at every draw, channel, row >= 0 and column >= 0. Thread-safe.

    Args:
        seed: 0 to 2^64 - 1; fields of different seeds are independent.
        kept_blocks: how many of the blocks (48 KiB) that were asked for last are kept, for pictures that share a field.
    """

    def __init__(self, seed: int, kept_blocks: int = 0) -> None:
        self.seed = seed
        self._block = lru_cache(maxsize=kept_blocks)(self._make_block)

    def crop(self, draw: int, top: int, left: int, height: int, width: int) -> Array:
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

    def _make_block(self, draw: int, row: int, column: int) -> Array:
        key = np.array([self.seed, draw], np.uint64)
        # The low counter word is the generator's own; the high ones keep the streams of blocks 2^128 values apart.
        counter = np.array([0, 0, row, column], np.uint64)
        bits = np.random.Philox(key=key, counter=counter).random_raw(_PAIRS)
        return _to_normal(bits.astype("<u8", copy=False).view("<u4")).reshape(CHANNELS, BLOCK, BLOCK)


def _to_normal(bits: npt.NDArray[np.uint32]) -> Array:
    """A standard normal value for each 32 bits: [2 N] -> [2 N], up to 6.8 in size."""
    # √(-2 ln u) (cos 2πv, sin 2πv) with u in (0, 1] from the first half, v in [0, 1) from the second.
    u, v = bits.reshape(2, -1)
    radius = u.astype(np.float32)
    radius += np.float32(0.5)
    radius *= _UNIT
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    np.sqrt(radius, out=radius)
    angle = v.astype(np.float32)
    angle *= _TURN
    normal = np.empty((2, len(angle)), np.float32)
    np.cos(angle, out=normal[0])
    np.sin(angle, out=normal[1])
    normal *= radius
    return normal.reshape(-1)


def _overlap(start: int, length: int, block: int) -> tuple[slice, slice]:
    """Where block number `block` meets start..start+length: in the crop's and in the block's own coordinates."""
    first = max(start, block * BLOCK)
    last = min(start + length, (block + 1) * BLOCK)
    return slice(first - start, last - start), slice(first - block * BLOCK, last - block * BLOCK)
