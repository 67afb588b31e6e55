"""What stands still in a decoded video stands still in the enhanced one, whatever else moves in the picture.

A network sees a neighbourhood, so an object that passes changes what is corrected beside it, and so does a rate that
changes from picture to picture. Where the decoded samples are those of the picture before, its correction is kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.frames.blocks import BLOCK, block_sides, to_samples
from enhance.frames.colour import Offsets
from enhance.frames.format import FrameFormat, Planes

Mask = npt.NDArray[np.bool_]


def is_same(one: Planes, other: Planes) -> bool:
    """Whether two pictures are the same in all samples."""
    return all(map(np.array_equal, one, other))


class StillCorrections:
    """Keeps the corrections of one picture for what is the same in the next one.

    Args:
        frame: layout of the pictures; their size may differ from one to the next.
    """

    def __init__(self, frame: FrameFormat) -> None:
        self._frame = frame
        self._planes: Planes | None = None
        self._offsets: Offsets = ()

    def repeated(self) -> Offsets:
        """The corrections of the picture before, for one that is the same."""
        return self._offsets

    def settle(self, planes: Planes, offsets: Offsets) -> Offsets:
        """The corrections of the next picture.

        Args:
            planes: as decoded; not changed by anybody from now on.
            offsets: what the network would add to them; overwritten.

        Returns:
            those, and those of the picture before in blocks whose samples are all the same as they were.
        """
        if self._planes is not None and self._planes[0].shape == planes[0].shape:
            still = self._still_blocks(planes)
            if still.any():
                for index, (new, old) in enumerate(zip(offsets, self._offsets)):
                    np.copyto(new, old, where=to_samples(still, self._frame, index, new.shape))
        self._planes, self._offsets = planes, offsets
        return offsets

    def _still_blocks(self, planes: Planes) -> Mask:
        """Whether no sample has changed, a value for each block of the picture."""
        assert self._planes is not None
        rows, columns = (-(-side // BLOCK) for side in planes[0].shape)
        still = np.ones((rows, columns), np.bool_)
        for index, (before, now) in enumerate(zip(self._planes, planes)):
            down, across = block_sides(self._frame, index)
            same = np.ones((rows * down, columns * across), np.bool_)
            height, width = now.shape
            same[:height, :width] = before == now
            still &= same.reshape(rows, down, columns, across).all(axis=(1, 3))
        return still
