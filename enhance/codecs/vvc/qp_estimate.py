"""The QP of a picture whose blocks have QPs of their own, so that its slice QP does not tell how coarse it is.

An encoder that adapts QPs to what the eye sees (libvvenc's `-qpa 1`, its default) gives smooth areas lower and busy
areas higher QPs than the slice's, and most of the error lies in the latter. What is estimated is the QP at which the
same picture, coded without adaptation, has the same squared error in luma.

Measured with libvvenc 1.15 on 50 photos: 36 squares of 512x512 (preset fast, QPs 22 to 47) and 14 pictures of 0.5 to
1.2 megapixels (preset faster, QPs 24 to 38), 256 streams. RMS error of the slice QP: 4.1 (3.3 too low on average); of
the estimate: 1.45, each photo predicted from the others. This is for streams of intra pictures; `reference_qp` has the
others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enhance.codecs.vvc.rate import MAX_QP
from enhance.frames.format import Plane

_HEADER_BYTES = 60  # parameter sets and headers, which have nothing to do with the picture
_MIN_BYTES = 20

Float = npt.NDArray[np.float32]


def estimate_qp(slice_qp: float, coded_bytes: int, luma: Plane, depth: int) -> float:
    """The QP that tells how coarse an intra picture with adapted QPs is.

    Args:
        slice_qp: what its headers say.
        coded_bytes: size of the coded picture, headers included.
        luma: the decoded plane.
        depth: bits per sample.

    Returns:
        0 to 63.
    """
    bits_per_pixel = 8 * max(coded_bytes - _HEADER_BYTES, _MIN_BYTES) / luma.size
    gradient, curvature, unevenness = _activity(luma, depth)
    size = np.log2(luma.size / 2**18)  # libvvenc adapts small and large pictures differently
    return _clipped(
        1.73
        + 0.79 * slice_qp
        - 1.56 * np.log2(bits_per_pixel)
        + 0.68 * gradient
        + 2.20 * (curvature - unevenness)
        + 0.71 * size
    )


def _clipped(qp: float) -> float:
    return float(min(max(qp, 0.0), MAX_QP))


def _activity(luma: Plane, depth: int) -> tuple[float, float, float]:
    """log2 of the mean absolute gradient, of the mean absolute Laplacian, and the mean log2 of the latter.

    In 8-bit code values. The last two differ by how unevenly detail is spread over the picture.
    """
    if min(luma.shape) < 3:
        return 0.0, 0.0, 0.0
    values: Float = luma.astype(np.float32) * np.float32(2.0 ** (8 - depth))
    gradient = (_mean_step(values, 0) + _mean_step(values, 1)) / 2
    laplacian = 4 * values[1:-1, 1:-1] - values[:-2, 1:-1] - values[2:, 1:-1] - values[1:-1, :-2] - values[1:-1, 2:]
    np.abs(laplacian, out=laplacian)
    logarithms = np.log2(laplacian + np.float32(0.25))
    return float(np.log2(gradient + 1e-3)), float(np.log2(laplacian.mean() + 1e-3)), float(logarithms.mean())


def _mean_step(values: Float, axis: int) -> float:
    return float(np.abs(np.diff(values, axis=axis)).mean())
