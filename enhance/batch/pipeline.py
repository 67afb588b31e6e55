"""Many pictures: decoding and writing in threads beside the network, bounded in memory, one failure at a time.

    decode threads ──►  the caller's thread: network  ──► write threads
          │            (small pictures: threads)             │
          └──────────── at most `memory` bytes under way ─────────┘

One file's failure is that file's outcome. Only what makes all further work pointless (a full disk) ends a batch early.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from enhance.batch.plan import STREAM, Job, Outcome, Status
from enhance.codecs.decoder import Decoder
from enhance.codecs.reading import read_path, read_stdin
from enhance.codecs.registry import decode
from enhance.errors import DeviceError, EnhanceError
from enhance.images import DecodedImage, EnhancedImage, EnhancementRecord
from enhance.system.limits import DEFAULT_LIMITS, Limits

_log = logging.getLogger(__name__)

Decode = Callable[[str], DecodedImage]
Enhance = Callable[[DecodedImage], EnhancedImage]
Write = Callable[[EnhancedImage, Job], Sequence[str] | None]


@dataclass(frozen=True)
class SmallPictures:
    """Pictures that several threads work on, each on its own, instead of all threads on one after the other.

    Attributes:
        threads: pictures at a time.
        include: whether a picture is one of them.
        prepare: called once in each thread, before its first picture.
    """

    threads: int
    include: Callable[[DecodedImage], bool]
    prepare: Callable[[], None]


MEMORY = 2**30
_MOST_UNDER_WAY = 32
# Pixels in, pixels out, and the coefficients with the intervals between them, in units of the decoded pixels.
_BYTES_PER_BYTE = 4
_ABANDONING = 0.05  # seconds
_LONGEST_WAIT = 0.8  # seconds for a decoder that is to be dropped: it may sit in a read from a disk that is gone
_ENDS_A_BATCH = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@dataclass
class _UnderWay:
    """A picture under way: its decoding has begun, its file is not finished."""

    job: Job
    decoded: Future[DecodedImage]
    enhancing: Future[None] | None = None
    size: int = 0
    pixels: int = 0
    record: EnhancementRecord | None = None
    written: Future[Sequence[str] | None] | None = None
    error: EnhanceError | None = None

    @property
    def is_settled(self) -> bool:
        return self.error is not None or (self.written is not None and self.written.done())


def read_input(name: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Reads a file, or stdin for "-". Errors as `enhance.codecs.registry.decode`."""
    return read_stdin(limits) if name == STREAM else read_path(Path(name), name, limits)


def decode_input(name: str, limits: Limits = DEFAULT_LIMITS, decoders: Sequence[Decoder] | None = None) -> DecodedImage:
    """Decodes a file, or stdin for "-". Arguments and errors as `enhance.codecs.registry.decode`."""
    if name == STREAM:
        return decode(read_stdin(limits), source_name="<stdin>", limits=limits, decoders=decoders)
    return decode(Path(name), source_name=name, limits=limits, decoders=decoders)


def run_batch(
    jobs: Sequence[Job],
    enhance: Enhance,
    *,
    decode: Decode = decode_input,
    write: Write,
    memory: int = MEMORY,
    small: SmallPictures | None = None,
    abandon: Callable[[], object] | None = None,
) -> Generator[Outcome, None, None]:
    """Decodes, enhances and writes every picture of a plan.

    Args:
        jobs: from `plan_batch`.
        enhance: the network; called in the caller's thread, one picture at a time, but for small pictures.
        decode: called in threads with an input's name.
        write: called in threads; must leave no half file behind. Returns notes for the record.
        memory: bytes of pictures that may wait between decoder and writer. A picture above it is worked on alone.
        small: the pictures that have a thread of their own in the network; none are if it is not given.
        abandon: ends what `decode` is waiting for, in all its threads; called, perhaps repeatedly, where the batch is
            dropped. A decoder that does not end all the same is left alone after a second.

    Yields:
        one outcome per job, in order. Closing the iterator (or an exception in it, Ctrl-C included) drops what has not
        begun and waits until started files are whole or gone, and small pictures out of the network.

    Raises:
        BrokenPipeError: whoever reads the output has left.
    """
    pipeline = _Pipeline(jobs, decode, enhance, write, memory, small)
    try:
        yield from pipeline.run()
    finally:
        pipeline.stop(abandon)


class _Pipeline:
    def __init__(
        self,
        jobs: Sequence[Job],
        decode: Decode,
        enhance: Enhance,
        write: Write,
        memory: int,
        small: SmallPictures | None,
    ) -> None:
        workers = max(1, min(8, os.cpu_count() or 1))
        self.decoders = ThreadPoolExecutor(workers, "decode")
        self.writers = ThreadPoolExecutor(workers, "write")
        self.networks = ThreadPoolExecutor(small.threads, "network", small.prepare) if small else None
        self.pools = [pool for pool in (self.decoders, self.networks, self.writers) if pool is not None]
        self.decode, self.enhance, self.write, self.memory, self.small = decode, enhance, write, memory, small
        self.waiting = deque(jobs)
        self.decoding: deque[_UnderWay] = deque()
        self.writing: deque[_UnderWay] = deque()
        self.recent_sizes: deque[int] = deque(maxlen=8)
        self.ended = False

    def run(self) -> Iterator[Outcome]:
        while self.waiting or self.decoding or self.writing:
            self._start_decoding()
            if self.decoding:
                self.writing.append(self._pass_on(self.decoding[0]))
                self.decoding.popleft()
            elif self.writing:
                yield self._finish(self.writing.popleft())
            while self.writing and self.writing[0].is_settled:
                yield self._finish(self.writing.popleft())
            if self.ended and not self.writing:
                yield from (Outcome("not started", job.input, job.output) for job in self.waiting)
                return

    def stop(self, abandon: Callable[[], object] | None) -> None:
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)
        begun = time.monotonic()
        # A decoder may begin with the next of its programs after one was ended.
        while abandon is not None and self._is_decoding() and time.monotonic() - begun < _LONGEST_WAIT:
            abandon()
            time.sleep(_ABANDONING)
        for pool in self.pools:
            pool.shutdown(wait=pool is not self.decoders or abandon is None or not self._is_decoding())

    def _is_decoding(self) -> bool:
        return not all(item.decoded.done() for item in self.decoding)

    def _start_decoding(self) -> None:
        while self.waiting and not self.ended and self._has_room():
            job = self.waiting.popleft()
            self.decoding.append(_UnderWay(job, self.decoders.submit(self.decode, job.input)))

    def _has_room(self) -> bool:
        """Whether one more picture fits, if those still being decoded are like the largest of the last ones."""
        under_way = [*self.decoding, *self.writing]
        if not under_way:
            return True
        if not self.recent_sizes or len(under_way) >= _MOST_UNDER_WAY:
            return False
        expected = max(self.recent_sizes)
        return expected + sum(item.size or expected for item in under_way) <= self.memory

    def _pass_on(self, item: _UnderWay) -> _UnderWay:
        """Takes a decoded picture to the network, in this thread or in one of those for small pictures."""
        try:
            decoded = item.decoded.result()
            item.pixels = decoded.height * decoded.width
            item.size = decoded.pixels.nbytes * _BYTES_PER_BYTE
            self.recent_sizes.append(item.size)
            self._start_decoding()  # beside the network; this one still counts
            if self.networks is not None and self.small is not None and self.small.include(decoded):
                item.enhancing = self.networks.submit(self._enhance, item, decoded)
                return item
        except Exception as error:
            item.error = _as_enhance_error(error, item.job.input)
            return item
        # All threads are for this picture now.
        wait([other.enhancing for other in self.writing if other.enhancing is not None])
        self._enhance(item, decoded)
        return item

    def _enhance(self, item: _UnderWay, decoded: DecodedImage) -> None:
        try:
            enhanced = self.enhance(decoded)
            item.record = enhanced.record
            item.written = self.writers.submit(self.write, enhanced, item.job)
        except Exception as error:
            item.error = _as_enhance_error(error, item.job.input)

    def _finish(self, item: _UnderWay) -> Outcome:
        try:
            if item.enhancing is not None:
                item.enhancing.result()
            notes = item.written.result() if item.written is not None else None
            if notes and item.record is not None:
                item.record = replace(item.record, notes=(*item.record.notes, *notes))
        except BrokenPipeError:
            raise
        except Exception as error:
            item.error = _as_enhance_error(error, item.job.output)
            if _is_hopeless(error):
                self._end()
        status: Status = "done" if item.error is None else "failed"
        return Outcome(status, item.job.input, item.job.output, item.pixels, item.record, item.error)

    def _end(self) -> None:
        """Ends the batch early: pictures that have not reached the network go back to those that were not started."""
        self.ended = True
        while self.decoding:
            item = self.decoding.pop()
            item.decoded.cancel()
            self.waiting.appendleft(item.job)
        while self.writing and (last := self.writing[-1]).enhancing is not None and last.enhancing.cancel():
            self.waiting.appendleft(self.writing.pop().job)


def _is_hopeless(error: BaseException | None) -> bool:
    """True where the next file must fail in the same way: a full or read-only disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _ENDS_A_BATCH:
            return True
        error = error.__cause__
    return False


def _as_enhance_error(error: Exception, source: str) -> EnhanceError:
    """The error as the user sees it; whatever is not ours is a bug in one file's path, not the end of the batch."""
    if isinstance(error, EnhanceError):
        return error
    if isinstance(error, MemoryError):
        return DeviceError("out of memory", source=source, hint="a smaller --tile needs less")
    _log.debug("%s: unexpected error", source, exc_info=error)
    reason = f"unexpected {type(error).__name__}: {error}"
    return EnhanceError(reason, source=source, hint="please report it with what --verbose shows")
