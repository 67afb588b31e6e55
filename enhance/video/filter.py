"""The frame loop: decoded frames and their rates in, enhanced frames of the same format out, in their order.

Each frame is enhanced as a still, and all share the noise of one seed. Where a frame is the same as the one before it,
it is corrected in the same way (`enhance.video.still`); one that is the same everywhere costs no network.

Nothing runs ahead but the frames that the network works on at the same time, one of each thread: what reads slowly
slows down what writes, and memory is that of so many frames.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from enhance.codecs.vvc.rate import MAX_QP, VvcRate
from enhance.errors import DecodeError
from enhance.frames.colour import Offsets, add_to_planes, rgb_change_to_planes, yuv_to_rgb
from enhance.frames.depth import shift_depth
from enhance.frames.format import ColorSpace, FrameFormat, Planes
from enhance.frames.resize import resized
from enhance.images import DecodedImage, EnhancedImage
from enhance.video.still import StillCorrections, is_same

Enhance = Callable[[DecodedImage], EnhancedImage]
RatedFrame = tuple[Planes, VvcRate]
Correct = Callable[[Planes, VvcRate, int], Offsets]


@dataclass(frozen=True)
class Threads:
    """Frames that several threads work on, each on its own, instead of all threads on one after the other.

    Attributes:
        count: frames at a time.
        prepare: called once in each thread, before its first frame.
    """

    count: int = 1
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True)
class FrameFilter:
    """Enhances the frames of one video.

    Attributes:
        enhance: `Enhancer.run` with the user's knobs.
        frame: layout of the frames that come in. One of another size is enhanced in its own, and resampled to this.
        space: meaning of their values.
        depth: bits per sample of the frames that go out; as they came in by default.
        source: the name to use in messages.
        threads: how many frames at a time, and in which threads; one by default.
    """

    enhance: Enhance
    frame: FrameFormat
    space: ColorSpace
    depth: int | None = None
    source: str = "<video>"
    threads: Threads = Threads()

    @property
    def output(self) -> FrameFormat:
        """Layout of the frames that go out."""
        return replace(self.frame, depth=self.depth or self.frame.depth)

    def run(self, frames: Iterable[RatedFrame]) -> Iterator[Planes]:
        """The enhanced frames, each made when it is asked for."""
        still = StillCorrections(self.frame)
        for planes, offsets in in_order(frames, self.correct, self.threads):
            settled = still.repeated() if offsets is None else still.settle(planes, offsets)
            yield self._finished(planes, settled)

    def apply(self, planes: Planes, rate: VvcRate, number: int = 1) -> Planes:
        """Enhances one frame, as if it were the first; arguments and errors as for `correct`.

        Returns:
            planes as `output` says.
        """
        return self._finished(planes, self.correct(planes, rate, number))

    def correct(self, planes: Planes, rate: VvcRate, number: int = 1) -> Offsets:
        """What the network adds to one frame.

        Its change alone goes into the planes: what it leaves alone stays as it was, subsampled chroma and colours
        outside RGB included.

        Args:
            planes: as `frame` says, but for their size; not changed.
            rate: how strongly it was compressed.
            number: of the frame, counted from 1, for messages.

        Returns:
            what to add to the planes, in code values of the deeper of input and output.

        Raises:
            EnhanceError: see `Enhancer.run`.
        """
        frame = self._own(planes)
        base = np.clip(yuv_to_rgb(planes, frame, self.space), 0, 1)
        enhanced = self.enhance(DecodedImage(base, rate, source=f"{self.source}, frame {number}"))
        return rgb_change_to_planes(enhanced.pixels - base, self._working(frame), self.space)

    def _own(self, planes: Planes) -> FrameFormat:
        """Layout of one frame."""
        height, width = planes[0].shape
        return replace(self.frame, height=height, width=width)

    def _working(self, frame: FrameFormat) -> FrameFormat:
        """Layout in which corrections are added: rounded once where the output is deeper, else in the last place."""
        return replace(frame, depth=max(frame.depth, self.output.depth))

    def _finished(self, planes: Planes, offsets: Offsets) -> Planes:
        frame = self._own(planes)
        working = self._working(frame)
        deep = add_to_planes(shift_depth(planes, frame, working.depth), offsets, working)
        if frame != self.frame:
            deep = resized(deep, working, self.frame.width, self.frame.height, self.space)
        return shift_depth(deep, self._working(self.frame), self.output.depth)


def in_order(
    frames: Iterable[RatedFrame], correct: Correct, threads: Threads
) -> Iterator[tuple[Planes, Offsets | None]]:
    """Frames with their corrections, in their order, and as many at a time as there are threads.

    Args:
        frames: an error that they raise comes after the frames before it.
        correct: gives the corrections of a frame with a rate and a number, from 1; called in threads if there are more
            than one.
        threads: how many.

    Returns:
        None in the place of corrections for a frame that is the same as the one before it.
    """
    source = enumerate(frames, 1)
    before: Planes | None = None
    broken: DecodeError | None = None
    waiting: deque[tuple[Planes, Future[Offsets] | None]] = deque()
    with ThreadPoolExecutor(threads.count, initializer=threads.prepare) as pool:
        try:
            while True:
                while len(waiting) < threads.count and broken is None:
                    try:
                        number, (planes, rate) = next(source)
                    except StopIteration:
                        break
                    except DecodeError as error:
                        broken = error
                        break
                    repeats = before is not None and is_same(before, planes)
                    waiting.append((planes, None if repeats else pool.submit(correct, planes, rate, number)))
                    before = planes
                if not waiting:
                    break
                planes, future = waiting.popleft()
                yield planes, None if future is None else future.result()
        finally:
            pool.shutdown(cancel_futures=True)
    if broken is not None:
        raise broken


def constant_rates(qp: float, offsets: Iterable[float] = ()) -> Iterator[VvcRate]:
    """The rates of pictures without end, taken for those of a video.

    Args:
        qp: of the video.
        offsets: added to it picture by picture in output order, over and over, as hierarchical coding does; the sum is
            limited to what a QP can be.

    Raises:
        UsageError: the QP is not from 0 to 63.
    """
    base = VvcRate(qp, predicted=True)
    group = [VvcRate(min(max(qp + offset, 0), MAX_QP), predicted=True) for offset in offsets]
    return itertools.cycle(group or [base])


def rated(frames: Iterable[Planes], rates: Iterator[VvcRate]) -> Iterator[RatedFrame]:
    """Frames with their rates; no rate is asked for where there is no frame."""
    for planes in frames:
        yield planes, next(rates)
