"""What a DCT coefficient is on average, given what the network says of it and what the file does.

A perfect posterior mean would need none of this: among all coefficients for which it says x, the originals' mean is x.
A network of limited size is not perfect, and it errs in the same way at all qualities: answers of a few hundredths of
the interval's half width are mostly noise, and those near the interval's ends are too large. What is right on average
is measured on training pictures when a model is packed, and put in the answer's place beside the projection, whose
transforms serve it, too; the price is a look into a table for each coefficient.

Of all functions of an answer, the mean of what is answered for has the least squared error. A table by the size of a
coefficient is how coring has been done since Rossi, "Digital techniques for reducing television noise" (1978), and
Simoncelli and Adelson, "Noise removal via Bayesian wavelet coring" (1996). Here the network's correction is cored, and
not the picture.

What it is worth: docs/trust.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.codecs.jpeg.coefficients import Indices

Array = npt.NDArray[np.float32]

SIZES = np.array([0, 0.015, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.3, 1.8, 2.5])
"""Sizes of answers, in half widths of the interval, at which factors are measured; linear between, constant beyond."""
INDEX_CLASSES = 3
"""Classes of the file's own index: 0, 1 or -1, and all that are farther from 0."""
BANDS = np.digitize(np.add.outer(np.arange(8), np.arange(8)).reshape(64), [1, 3, 6, 9])
"""Classes of frequencies, [64]: the mean, then four bands of the sum of both frequencies."""
_PER_REACH, _ENTRIES = 100, 251


def spread_out(factors: npt.NDArray[np.floating]) -> Array:
    """Factors of all frequencies [64, INDEX_CLASSES, SIZES] as `expected` finds them: [INDEX_CLASSES, 64, entries]."""
    at = (np.arange(_ENTRIES) + 0.5) / _PER_REACH
    place = np.searchsorted(SIZES, np.minimum(at, SIZES[-1]), side="left").clip(1)
    share = np.minimum((at - SIZES[place - 1]) / (SIZES[place] - SIZES[place - 1]), 1)
    fine = factors[..., place - 1] * (1 - share) + factors[..., place] * share
    return np.ascontiguousarray(fine.transpose(1, 0, 2), np.float32)


def expected(distances: Array, indices: Indices, reach: Array, factors: Array, *, bounded: bool = True) -> Array:
    """Where the coefficients are to be expected.

    Args:
        distances: [N, 64], the network's coefficients minus the middles of the file's intervals.
        indices: int16 [N, 64], the file's.
        reach: [64], half widths of the intervals.
        factors: from `spread_out`.
        bounded: the originals' coefficients lie in the intervals, and so does what is expected. Factors are then those
            of answers that are cut off at the intervals' ends.

    Returns:
        new [N, 64], likewise relative to the middles.
    """
    result = np.clip(distances, -reach, reach) if bounded else distances.copy()
    place = np.abs(distances)
    place *= _PER_REACH / reach
    np.fmin(place, _ENTRIES - 1, out=place)  # and that for what is no number
    entry = place.astype(np.int32)
    entry += _rows(indices)
    result *= factors.reshape(-1).take(entry)
    return np.clip(result, -reach, reach, out=result) if bounded else result


def _rows(indices: Indices) -> npt.NDArray[np.int32]:
    """The first entry of each coefficient's row in the table."""
    row = np.minimum(np.abs(indices), INDEX_CLASSES - 1).astype(np.int32)
    row *= 64
    row += np.arange(64, dtype=np.int32)
    row *= _ENTRIES
    return row
