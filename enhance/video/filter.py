"""The frame loop: decoded frames and their QPs in, enhanced frames of the same format out, one at a time and in order.

Each frame is enhanced as a still. All frames share the noise of one seed, so what stands still in the input stands
still in the output.

Nothing runs ahead: colour conversion takes 2 % of the network's time on a CPU, and a decoder in its own process decodes
the next frame meanwhile. What reads slowly therefore slows down what writes, and memory is that of one frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from enhance.codecs.vvc.rate import MAX_QP, VvcRate
from enhance.frames.colour import add_rgb_change, yuv_to_rgb
from enhance.frames.depth import shift_depth
from enhance.frames.format import ColorSpace, FrameFormat, Planes
from enhance.images import DecodedImage, EnhancedImage

Enhance = Callable[[DecodedImage], EnhancedImage]
RatedFrame = tuple[Planes, VvcRate]


@dataclass(frozen=True)
class FrameFilter:
    """Enhances the frames of one video.

    Attributes:
        enhance: `Enhancer.run` with the user's knobs.
        frame: layout of the frames that come in.
        space: meaning of their values.
        depth: bits per sample of the frames that go out; as they came in by default.
        source: the name to use in messages.
    """

    enhance: Enhance
    frame: FrameFormat
    space: ColorSpace
    depth: int | None = None
    source: str = "<video>"

    @property
    def output(self) -> FrameFormat:
        """Layout of the frames that go out."""
        return replace(self.frame, depth=self.depth or self.frame.depth)

    def run(self, frames: Iterable[RatedFrame]) -> Iterator[Planes]:
        """The enhanced frames, each made when it is asked for."""
        for number, (planes, rate) in enumerate(frames, 1):
            yield self.apply(planes, rate, number)

    def apply(self, planes: Planes, rate: VvcRate, number: int = 1) -> Planes:
        """Enhances one frame.

        The network's change alone is added to the planes: what it leaves alone stays as it was, subsampled chroma and
        colours outside RGB included.

        Args:
            planes: as `frame` says; not changed.
            rate: how strongly it was compressed.
            number: of the frame, counted from 1, for messages.

        Returns:
            planes as `output` says.

        Raises:
            EnhanceError: see `Enhancer.run`.
        """
        base = np.clip(yuv_to_rgb(planes, self.frame, self.space), 0, 1)
        enhanced = self.enhance(DecodedImage(base, rate, source=f"{self.source}, frame {number}"))
        change = enhanced.pixels - base
        # Rounded once where the output is deeper, and in the last place where it is not.
        working = replace(self.frame, depth=max(self.frame.depth, self.output.depth))
        planes = shift_depth(planes, self.frame, working.depth)
        return shift_depth(add_rgb_change(planes, change, working, self.space), working, self.output.depth)


def constant_rates(qp: float, offsets: Iterable[float] = ()) -> Iterator[VvcRate]:
    """The rates of pictures without end.

    Args:
        qp: of the video.
        offsets: added to it picture by picture in output order, over and over, as hierarchical coding does; the sum is
            limited to what a QP can be.

    Raises:
        UsageError: the QP is not from 0 to 63.
    """
    base = VvcRate(qp)
    group = [VvcRate(min(max(qp + offset, 0), MAX_QP)) for offset in offsets]
    return itertools.cycle(group or [base])


def rated(frames: Iterable[Planes], rates: Iterator[VvcRate]) -> Iterator[RatedFrame]:
    """Frames with their rates; no rate is asked for where there is no frame."""
    for planes in frames:
        yield planes, next(rates)
