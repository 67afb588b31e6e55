"""How far a network's answer is to be believed, block by block, from the intervals that the file itself states.

A JPEG says in which interval every DCT coefficient of the original lay. An answer outside of it is wrong for certain,
and by at least its distance from the interval. So the receiver can measure, without the original, what share of the
energy of a correction is impossible:

    share = Σ max(|d| - reach - 1, 0)² / (Σ d² + 64),      d = DCT(answer) - file's coefficient, reach = step / 2

both sums over `WINDOW` x `WINDOW` blocks of one plane. It has no unit and hardly depends on the rate: where a network
knows what it sees, it is below 0.03 at every quality (99.9 % of the blocks of photos), and where it was never shown
such a picture (halftone, line art, and a network that learned from photos alone), 0.1 to 0.5. The 1 leaves room for
what libjpeg's integers move (see `consistency`), the 64 is a square of 8 code values, below which nothing can be told.

Nobody else seems to use this: knusperli, jpeg-quantsmooth and jpeg2png stay inside the intervals by construction, and
learned methods do not look.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.images import Trust

Array = npt.NDArray[np.float32]

WINDOW = 5
_ROUNDING = np.float32(1.0)
_NOTHING = np.float32(64.0)

REACH = WINDOW // 2 + 1
"""Block rows above and below a row on which its weights depend: the window, and the interpolation between blocks."""


class TrustMap:
    """The weights of one plane's correction, filled in from top to bottom as the blocks become known.

    Args:
        grid: rows and columns of blocks.
        trust: between which shares of impossible energy the weight falls from 1 to 0.
    """

    def __init__(self, grid: tuple[int, int], trust: Trust) -> None:
        self._impossible, self._energy = np.zeros((2, *grid), np.float32)
        self._trust = trust
        self.known = 0

    def add(self, distances: Array, reach: Array) -> None:
        """Takes the next rows of blocks.

        Args:
            distances: [N, 64], DCT coefficients of the network's raw answer minus the file's.
            reach: [64], half widths of the intervals.
        """
        columns = self._energy.shape[1]
        rows = slice(self.known, self.known + len(distances) // columns)
        size = np.abs(distances)
        self._energy[rows] = np.einsum("nk,nk->n", size, size).reshape(-1, columns)
        size -= reach + _ROUNDING
        np.maximum(size, 0, out=size)
        self._impossible[rows] = np.einsum("nk,nk->n", size, size).reshape(-1, columns)
        self.known = rows.stop

    def suffices(self, stop: int) -> bool:
        """Whether the weights of all block rows above `stop` are settled."""
        return self.known >= min(stop + REACH, len(self._energy))

    def weights(self, start: int, stop: int) -> Array:
        """Weights [stop - start, columns] of the blocks in rows `start` to `stop`, which may reach beyond the edges."""
        inside = slice(max(start, 0), min(stop, len(self._energy)))
        weights = self._fall(self.shares(inside.start, inside.stop))
        return np.pad(weights, [(inside.start - start, stop - inside.stop), (0, 0)], mode="edge")

    def shares(self, start: int, stop: int) -> Array:
        """Share of impossible energy around each block of rows `start` to `stop`, [stop - start, columns]."""
        around = slice(max(start - WINDOW // 2, 0), min(stop + WINDOW // 2, len(self._energy)))
        impossible, energy = (_sums_down(_sums_down(sums[around]).T).T for sums in (self._impossible, self._energy))
        share: Array = impossible / (energy + _NOTHING * WINDOW**2)
        return share[start - around.start : stop - around.start]

    def _fall(self, share: Array) -> Array:
        """From 1 at `Trust.full` to 0 at `Trust.none`, linear in the logarithm of the share."""
        if np.isinf(self._trust.full):
            return np.ones_like(share)
        full, none = np.log(self._trust.full), np.log(self._trust.none)
        fallen = (np.log(np.maximum(share, 1e-12)) - full) / (none - full)
        return np.clip(1 - fallen, 0, 1).astype(np.float32)


def _sums_down(values: Array) -> Array:
    """Sums over windows of `WINDOW` rows, zeros beyond the edges."""
    margin, length = WINDOW // 2, len(values)
    padded = np.zeros((length + 2 * margin, values.shape[1]), np.float32)
    padded[margin : margin + length] = values
    total = padded[:length].copy()
    for first in range(1, WINDOW):
        total += padded[first : first + length]
    return total


def to_samples(weights: Array, shape: tuple[int, int]) -> Array:
    """Weights between the centres of blocks, so that no edge shows.

    Args:
        weights: [R + 2, columns], of R rows of blocks and the ones above and below.
        shape: of the plane, at most [8 R, 8 columns].
    """
    wide = np.pad(weights, [(0, 0), (1, 1)], mode="edge")
    across = _between(wide.T, shape[1])
    return np.ascontiguousarray(_between(across.T, shape[0]))


def _between(values: Array, length: int) -> Array:
    """Linear interpolation along the first axis, [R + 2, C] at the centres of blocks of 8, to [length, C] samples."""
    position = (np.arange(length, dtype=np.float32) + 0.5) / 8 + 0.5
    below = position.astype(np.intp)
    part = (position - below)[:, None]
    found: Array = (values[below] * (1 - part) + values[below + 1] * part).astype(np.float32)
    return found
