"""Slice QPs from what VTM's DecoderApp and vvdecapp print while they decode.

Both print one line for a picture when it is decoded, so in decoding order (VTM 23.13, vvdecapp 3.2; the type of the NAL
unit is missing in the latter's):

    POC    8 LId:  0 TId: 0 ( CRA, I-SLICE, QP 30 ) [DT  0.080] [L0] [L1] [MD5:...,(OK)]
    POC    8 LId:  0 TId: 0 ( I-SLICE, QP 30 ) [DT  0.000] [L0 ] [L1 ]

Frames come in output order: by picture order count (POC) within a coded video sequence, one sequence after the other.
"""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Container
from dataclasses import dataclass, field, replace

from enhance.codecs.vvc.rate import MAX_QP, VvcRate
from enhance.codecs.vvc.reference_qp import ReferenceQp, predicted_rate

_LINE = re.compile(
    r"\bPOC\s+(?P<poc>-?\d+)\s+(?:LId:\s*(?P<layer>\d+)\s+)?.*?"
    r"\(\s*(?:(?P<nal>[A-Z_]+),\s*)?(?P<slice>[A-Za-z])-SLICE,\s*QP\s*(?P<qp>-?\d+)\s*\)"
)
# Decoders print the QP within the first hundred characters. Every POC in a line is tried with all that follows it.
_LONGEST = 1024
_RESETTING = ("IDR_W_RADL", "IDR_N_LP")
_ENTRY_POINTS = (*_RESETTING, "CRA", "GDR")
_LEADING = ("RADL", "RASL")
_MAX_REORDERED = 16
"""No picture is put out later than after so many that follow it in output order (H.266 A.4.2, MaxDpbSize)."""


@dataclass(frozen=True)
class _Logged:
    """What a line says of a picture: its slice QP, and what it is of a video."""

    slice_qp: int
    reference_qp: float
    is_predicted: bool

    @property
    def rate(self) -> VvcRate:
        if self.is_predicted:
            return predicted_rate(self.reference_qp)
        return VvcRate(min(max(self.slice_qp, 0), MAX_QP))


@dataclass
class _Sequence:
    """A coded video sequence.

    Attributes:
        number: counted from 0.
        first: POC of the picture that begins it.
        has_leading: pictures that precede the first one in output order may still come.
        highest: largest POC so far.
        popped: POC of the picture that was given out last.
        waiting: heap of (POC, what was logged).
        ended: no more pictures will come.
    """

    number: int
    first: int
    has_leading: bool
    highest: int
    popped: int | None = None
    waiting: list[tuple[int, _Logged]] = field(default_factory=list)
    ended: bool = False


class PictureLog:
    """Brings the slice QPs of a decoder's log into output order.

    Lines that are cut or are about something else are passed over.

    Args:
        hidden: (number of the coded video sequence, POC) of the pictures that are decoded but not put out, where that
            is known: the log does not tell them apart.
    """

    def __init__(self, hidden: Container[tuple[int, int]] = ()) -> None:
        self._hidden = hidden
        self._layer: str | None = None
        self._sequences: deque[_Sequence] = deque()
        self._reference = ReferenceQp()
        self._count = 0
        self._is_video = False

    def feed(self, line: str) -> None:
        """Takes the next line of the log."""
        match = _LINE.search(line[:_LONGEST])
        if match is None or (match["layer"] or "0") != (self._layer or match["layer"] or "0"):
            return
        self._layer = match["layer"] or "0"
        poc, nal = int(match["poc"]), match["nal"]
        if not self._sequences or self._begins_sequence(poc, nal, is_intra=match["slice"] in "Ii"):
            self._begin(poc, nal)
        sequence = self._sequences[-1]
        sequence.highest = max(sequence.highest, poc)
        if nal is not None and nal not in _LEADING and poc != sequence.first:
            sequence.has_leading = False  # leading pictures precede trailing ones in decoding order, too
        if not any(poc == waiting for waiting, _ in sequence.waiting):  # otherwise it is another slice
            self._take(sequence, poc, int(match["qp"]), is_intra=match["slice"] in "Ii")

    def _take(self, sequence: _Sequence, poc: int, qp: int, *, is_intra: bool) -> None:
        self._count += 1
        if self._count == 2 and not is_intra:  # what the first picture is part of, only the second one tells
            first = self._sequences[0].waiting
            first[:] = [(number, replace(logged, is_predicted=True)) for number, logged in first]
        self._is_video |= not is_intra
        logged = _Logged(qp, self._reference.take(qp, is_intra=is_intra), self._is_video)
        if (sequence.number, poc) not in self._hidden:
            heapq.heappush(sequence.waiting, (poc, logged))

    def end(self) -> None:
        """Says that there are no more lines."""
        if self._sequences:
            self._sequences[-1].ended = True

    def pop_rate(self) -> VvcRate | None:
        """How strongly the next picture in output order was compressed, or None if it is not known yet."""
        if self._count < 2 and self._sequences and not self._sequences[-1].ended:
            return None
        logged = self._pop(written=False)
        return None if logged is None else logged.rate

    def pop(self, *, written: bool = False) -> int | None:
        """The slice QP of the next picture in output order.

        Args:
            written: the decoder has written that picture already, and all that it had printed by then was fed. (VTM
                and vvdecapp print a picture's line first, but into a pipe or a file in blocks of 4096 bytes.) Otherwise
                a picture is given out when no other can come before it, which may take up to 16 more lines.

        Returns:
            None if it is not known yet.
        """
        logged = self._pop(written=written)
        return None if logged is None else logged.slice_qp

    def _pop(self, *, written: bool) -> _Logged | None:
        while len(self._sequences) > 1 and not self._sequences[0].waiting:
            self._sequences.popleft()
        sequence = self._sequences[0] if self._sequences else None
        if sequence is None or not sequence.waiting or not (written or _is_next(sequence)):
            return None
        sequence.popped, logged = heapq.heappop(sequence.waiting)
        return logged

    def _begins_sequence(self, poc: int, nal: str | None, *, is_intra: bool) -> bool:
        sequence = self._sequences[-1]
        if nal in _RESETTING:
            return True
        if nal in _ENTRY_POINTS:
            # All that precedes an entry point in decoding order precedes it in output order, too, within a sequence.
            return poc <= sequence.highest
        if sequence.popped is not None and poc <= sequence.popped:
            return True
        return nal is None and (
            (is_intra and poc <= sequence.first) or any(poc == waiting for waiting, _ in sequence.waiting)
        )

    def _begin(self, poc: int, nal: str | None) -> None:
        self.end()
        number = self._sequences[-1].number + 1 if self._sequences else 0
        self._sequences.append(_Sequence(number, poc, has_leading=nal != "IDR_N_LP", highest=poc))


def _is_next(sequence: _Sequence) -> bool:
    """True if no picture can come that precedes the first one waiting."""
    poc = sequence.waiting[0][0]
    if sequence.ended or len(sequence.waiting) > _MAX_REORDERED:
        return True
    if sequence.popped is None:
        return not sequence.has_leading
    return poc == sequence.popped + 1
