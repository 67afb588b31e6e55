"""The intervals in which a JPEG says that the original's coefficients lay, for some rows of blocks of a plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg import calibration, planes
from enhance.codecs.jpeg.coefficients import Component, Indices

Array = npt.NDArray[np.float32]

# float32 arithmetic moves a coefficient by up to 1e-3: stay that far from the interval's ends.
_ROUNDING_MARGIN = 2e-3
_EDGE_ROUNDS = 100


@dataclass(frozen=True)
class Part:
    """What a file says of some rows of blocks of one plane.

    Attributes:
        component: the plane.
        indices: int16 [block rows, block columns, 8, 8], the quantised coefficients k.
        tolerance: how much the intervals are widened at both ends, in units of a coefficient.
    """

    component: Component
    indices: Indices
    tolerance: float = 0.0

    @property
    def centres(self) -> Array:
        """[N, 64]: the dequantised coefficients k Q, in the middle of their intervals."""
        return np.asarray(self.indices.reshape(-1, 64) * self.component.steps.reshape(64), np.float32)

    @property
    def reach(self) -> Array:
        """[64]: half widths of the intervals."""
        widened = self.component.steps.reshape(64) / 2 + np.float32(self.tolerance - _ROUNDING_MARGIN)
        return np.asarray(np.maximum(widened, 0), np.float32)

    def completed(self, samples: Array, rounds: int = _EDGE_ROUNDS) -> Array:
        """Blocks [N, 64] of samples [h, w] of this plane, with a completion beyond the edge that fits the file."""
        blocks = planes.to_blocks(samples)
        if samples.shape[0] % 8 or samples.shape[1] % 8:
            visible = np.zeros((self.indices.shape[0] * 8, self.indices.shape[1] * 8), np.float32)
            visible[: samples.shape[0], : samples.shape[1]] = 1
            inside = planes.to_blocks(visible) > 0
            cut = ~inside.all(axis=1)
            blocks[cut] = planes.complete_outside(blocks[cut], inside[cut], self.centres[cut], self.reach, rounds)
        return blocks

    def distances(self, samples: Array) -> Array:
        """[N, 64]: how far the coefficients of samples [h, w] are from the middle of their intervals."""
        found = planes.transform(self.completed(samples), planes.DCT)
        found -= self.centres
        return found

    def step_into(self, distances: Array) -> Array:
        """[N, 64]: what the projection onto the intervals adds to the samples of blocks at these distances."""
        return planes.step_into(distances, self.reach)

    def expected(self, distances: Array, factors: Array, *, bounded: bool) -> Array:
        """[N, 64]: the distances that are to be expected instead; arguments as for `calibration.expected`."""
        return calibration.expected(distances, self.indices.reshape(-1, 64), self.reach, factors, bounded=bounded)

    def change(self, samples: Array) -> Array:
        """T - S: what the projection adds to samples [h, w] of this plane, in its own grid."""
        return planes.from_blocks(self.step_into(self.distances(samples)), (samples.shape[0], samples.shape[1]))
