"""How strongly the pictures of a video were compressed, where most of them are predicted from others.

The slice QP of a predicted picture does not tell: blocks that are skipped, most of them, carry the quality of what they
were predicted from, and that is in the end the quality of the intra pictures. So all pictures get one rate, a little
above the QP of the intra pictures that they came from, and what stands still is mended in the same way in each.

Measured with the model of intra pictures: for which QP its correction has the right size, a least-squares factor of 1.
332 pictures of 45 clips, drawn ones (`enhance.training.clips`) and natural ones, coded by libvvenc 1.15 in random
access and low delay at QPs 22 to 44. It is `INTRA_STEP` above the intra pictures' slice QP, whatever the layer and the
slice QP of the picture (RMS error 4.0; the size in bits, layer and type, fitted with each clip left out, make it no
smaller), and that costs 0.01 of the 0.14 dB that the best QP of each picture gains; no picture loses. Where blocks
have QPs of their own the error is 6.0, and 0.02 of 0.09 dB are lost; there size, layer and type fitted make it 5.6, but
more harm to single pictures, as do higher steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from enhance.codecs.vvc.headers import CodedPicture
from enhance.codecs.vvc.rate import MAX_QP, VvcRate

INTRA_STEP = 4.0

_KEY_STEP = 3.0
"""How much higher the lowest QPs of predicted pictures are than those of intra pictures (libvvenc: 3 to 4, VTM's
configurations: 2 to 4)."""
_WINDOW = 64
_TOLERANCE = 1.0


class ReferenceQp:
    """Follows the QP of the intra pictures of a video, picture by picture in decoding order.

    It is the lowest of the last 64 pictures', a predicted picture's taken for 3 lower, and stays as it is where it
    would change by 1 or less: encoders' rate control changes QPs all the time, and what stands still should not.
    """

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=_WINDOW)
        self._qp: float | None = None

    def take(self, slice_qp: float, *, is_intra: bool) -> float:
        """The QP of the intra pictures from which the next picture comes."""
        self._last.append(slice_qp if is_intra else slice_qp - _KEY_STEP)
        lowest = min(self._last)
        if self._qp is None or abs(lowest - self._qp) > _TOLERANCE:
            self._qp = lowest
        return self._qp


def predicted_rate(reference_qp: float) -> VvcRate:
    """The rate of a picture of a video, from the QP of its intra pictures."""
    qp = min(max(reference_qp, 0.0) + INTRA_STEP, MAX_QP)
    return VvcRate(qp, estimated=True, predicted=True)


def rates_of_video(pictures: Iterable[CodedPicture]) -> dict[tuple[int, int], VvcRate]:
    """The rates of all pictures of a stream, by sequence and POC.

    Args:
        pictures: in decoding order.

    Returns:
        nothing where all are intra pictures: their own QPs tell.
    """
    coded = list(pictures)
    if all(picture.is_intra for picture in coded):
        return {}
    reference = ReferenceQp()
    return {
        (picture.sequence, picture.poc): predicted_rate(reference.take(picture.qp, is_intra=picture.is_intra))
        for picture in coded
    }
