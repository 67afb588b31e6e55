"""Enhances decoded video in a pipe: y4m or raw YUV in, the same format out.

Here a call's options become an input, rates, knobs and an output; `enhance.video.filter` does the work.
"""

from __future__ import annotations

import argparse
import itertools
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from enhance.cli.console import say
from enhance.cli.options import (
    add_backend_argument,
    add_colour_arguments,
    add_decoder_arguments,
    add_limit_arguments,
    add_machine_arguments,
    add_main_knobs,
    add_model_argument,
    add_progress_argument,
    add_sampling_arguments,
    chosen_knobs,
    chosen_limits,
    chosen_machine,
    full_range,
)
from enhance.codecs.vvc.codec import VVC
from enhance.codecs.vvc.followed_log import FollowedLog
from enhance.codecs.vvc.rate import VvcRate
from enhance.diffusion.noise import NoiseField
from enhance.errors import DecodeError, UsageError
from enhance.frames.format import FrameFormat
from enhance.frames.raw import parse_format, parse_size
from enhance.frames.y4m import Y4MHeader
from enhance.inference.progress import Progress
from enhance.knobs import Knobs
from enhance.system.progress import progress_bar, set_facts
from enhance.video.filter import FrameFilter, Threads, constant_rates
from enhance.video.input import STDIN, Colour, Video, open_bitstream, open_frames
from enhance.video.knobs import video_knobs
from enhance.video.output import STDOUT, FrameWriter, open_output, prints_on_stderr

if TYPE_CHECKING:
    from enhance.enhancer import Enhancer
    from enhance.images import DecodedImage, EnhancedImage

_KEPT_BLOCKS = 512  # 24 MiB
_FORMATS = {".y4m": "y4m", ".yuv": "raw"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance filter` understands."""
    parser.usage = "enhance filter [IN] [-b BITSTREAM] [-o OUT] [--qp N] [options]"
    parser.add_argument("input", nargs="?", metavar="IN", help="y4m or raw YUV: a file or a FIFO; stdin by default")
    parser.add_argument(
        "-b",
        "--bitstream",
        metavar="FILE",
        help="decode this VVC stream instead, or the one in an MP4, MKV or TS; - reads stdin",
    )
    parser.add_argument("--frames", type=_frames, metavar="A:B", help="only frames A to B - 1, counted from 0")
    parser.add_argument("-o", "--output", metavar="OUT", default=STDOUT, help="a file or a FIFO; stdout by default")
    parser.add_argument("--force", action="store_true", help="replace an output that exists")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    add_progress_argument(parser)
    add_model_argument(parser)
    _add_rate_arguments(parser.add_argument_group("how strongly the video was compressed"))
    _add_raw_arguments(parser.add_argument_group("raw frames"))
    add_colour_arguments(parser.add_argument_group("colour"))
    _add_output_arguments(parser.add_argument_group("output"))
    add_decoder_arguments(parser.add_argument_group("decoder, with -b"))
    knobs = parser.add_argument_group("knobs")
    add_main_knobs(knobs)
    add_sampling_arguments(knobs)
    knobs.add_argument("--no-guard", action="store_true", help="believe the model even on letters and line drawings")
    machine = parser.add_argument_group("machine")
    add_machine_arguments(machine)
    add_backend_argument(machine)
    add_limit_arguments(parser.add_argument_group("limits: what an input may be at most"))


def _add_rate_arguments(group: Any) -> None:
    group.add_argument("--qp", type=_qp, metavar="N", help="0-63: of all pictures; with -b in place of their own")
    group.add_argument("--gop-qp", metavar="N,N,...", help="added to --qp picture by picture, over and over")
    group.add_argument("--vtm-log", metavar="FILE|FD", help="what VTM prints while it decodes: has each picture's QP")


def _add_raw_arguments(group: Any) -> None:
    group.add_argument("--size", metavar="WxH", help="in pixels; y4m says it itself")
    group.add_argument("--format", metavar="NAME", help="420 (default), 422, 444, 400, or like yuv420p10le")
    group.add_argument("--depth", type=int, metavar="N", help="bits per sample, 8-16")


def _add_output_arguments(group: Any) -> None:
    group.add_argument("-d", "--output-depth", type=int, default=0, metavar="N", help="8-16; 0 (default): as it came")
    group.add_argument(
        "--output-format",
        choices=("auto", "y4m", "raw"),
        default="auto",
        help="auto: y4m for .y4m, raw for .yuv; otherwise raw for raw frames, and y4m for y4m and bitstreams",
    )


def main(options: argparse.Namespace) -> int:
    """Does what was asked for. Returns the exit status."""
    knobs = video_knobs({**chosen_knobs(options), "guard": not options.no_guard})
    _check(options)
    with prints_on_stderr() as stdout, ExitStack() as stack:
        from enhance.enhancer import Enhancer

        source = _source(options, stack)
        enhancer = Enhancer(options.model, **chosen_machine(options))
        enhancer.checkpoint(VVC.name)  # a missing model shows before anything waits for the other end of a pipe
        video = stack.enter_context(source)
        knobs = knobs.of(video.facts.colour)
        wanted = options.frames or slice(None)
        count = None if video.count is None else len(range(video.count)[wanted])
        report = stack.enter_context(_Report(video.source, video.notes, count, quiet=options.quiet))

        # All frames have the same noise: what stands still stays still. Kept for frames of up to 2 megapixels.
        noise = NoiseField(knobs.chosen.seed, kept_blocks=_KEPT_BLOCKS)

        def enhance(decoded: DecodedImage) -> EnhancedImage:
            progress = report.follow(decoded.height * decoded.width)
            enhanced = enhancer.run(decoded, knobs.for_frame(decoded), noise=noise, progress=progress)
            report.note(*enhanced.record.notes)
            return enhanced

        threads = _threads(enhancer, video.frame, knobs.chosen)
        frame_filter = FrameFilter(
            enhance,
            video.frame,
            video.space,
            options.output_depth or None,
            video.source,
            threads,
        )
        place = open_output(options.output, stdout=stdout, source=video.source, overwrite=options.force)
        with place as stream:
            name = "<stdout>" if options.output == STDOUT else options.output
            writer = FrameWriter(stream, _layout(options, video, frame_filter.output), name=name)
            for planes in frame_filter.run(itertools.islice(video.frames, wanted.start or 0, wanted.stop)):
                writer.write(planes)
                report.tick()
            if not writer.count and wanted.start:
                raise DecodeError(f"it holds no frame {wanted.start}", source=video.source, hint="check --frames")
            if not writer.count:
                raise DecodeError("it holds no frame", source=video.source, hint="what should write it may have failed")
    return 0


def _threads(enhancer: Enhancer, frame: FrameFormat, knobs: Knobs) -> Threads:
    """Two threads on a frame each do more than both on one, if frames are small."""
    from enhance.runtime import use_one_thread

    count = enhancer.small_at_a_time() if enhancer.is_small_size(VVC.name, frame.height, frame.width, knobs) else 1
    return Threads(count, use_one_thread) if count > 1 else Threads()


def _qp(text: str) -> float:
    """A QP, whose range is checked later."""
    if text == "auto":
        raise argparse.ArgumentTypeError("the pixels of video do not tell their QP: a number, or the bitstream with -b")
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number from 0 to 63, not {text!r}") from None


def _frames(text: str) -> slice:
    """A:B, of which either may be left out."""
    match = re.fullmatch("([0-9]{0,9}):([0-9]{0,9})", text)
    start, stop = (int(part) if part else None for part in match.groups()) if match else (0, 0)
    if stop is not None and stop <= (start or 0):
        raise argparse.ArgumentTypeError(f"a range of frames, like 0:100, 48: or :24, not {text!r}")
    return slice(start, stop)


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for options that do not fit together."""
    if options.output_depth and not 8 <= options.output_depth <= 16:
        raise UsageError(f"the output's depth must be 8 to 16 bits, or 0 for the input's, not {options.output_depth}")
    if options.gop_qp is not None and options.qp is None:
        raise UsageError("--gop-qp is added to --qp, which is missing", hint="--qp N, or leave it out")
    if options.vtm_log is not None and options.qp is not None:
        raise UsageError("--vtm-log and --qp contradict each other", hint="leave one of them out")
    if options.bitstream is None:
        if options.qp is None and options.vtm_log is None:
            hint = "--qp N, --vtm-log FILE, or the bitstream itself with -b FILE"
            raise UsageError("frames do not tell how strongly they were compressed", hint=hint)
    elif options.input is not None:
        raise UsageError("frames and a bitstream cannot both be the input", hint="leave out IN, or -b")
    elif options.vtm_log is not None:
        raise UsageError("--vtm-log is for frames; -b reads the QPs itself", hint="leave out --vtm-log")
    elif options.size or options.format or options.depth is not None:
        raise UsageError("a bitstream says its size, format and depth itself", hint="-d sets the depth of the output")


def _source(options: argparse.Namespace, stack: ExitStack) -> AbstractContextManager[Video]:
    """What to open. Raises UsageError for values that make no sense."""
    colour = Colour(options.matrix, full_range(options), options.chroma_location)
    rates = None if options.qp is None else _rates(options.qp, options.gop_qp)
    limits = chosen_limits(options)
    if options.bitstream is not None:
        return open_bitstream(
            options.bitstream, rates, decoder=options.decoder, vtm=options.vtm, colour=colour, limits=limits
        )
    raw = _raw_format(options)
    log = options.vtm_log
    followed = rates or stack.enter_context(FollowedLog(int(log) if log.isdecimal() else log))
    return open_frames(options.input or STDIN, followed, raw=raw, colour=colour, max_pixels=limits.max_pixels)


def _rates(qp: float, gop_qp: str | None) -> Iterator[VvcRate]:
    try:
        return constant_rates(qp, [float(part) for part in (gop_qp or "0").split(",")])
    except ValueError:
        raise UsageError(f"--gop-qp is a list of numbers, for example 0,3,2,3, not {gop_qp!r}") from None


def _raw_format(options: argparse.Namespace) -> FrameFormat | None:
    """The layout of raw frames; None for y4m. Raises UsageError where it is not all said, or twice and differently."""
    if options.size is None:
        if options.format is not None or options.depth is not None:
            raise UsageError("raw video needs --size, too", hint="y4m says its format itself")
        return None
    subsampling, depth = parse_format(options.format or "420")
    if depth is not None and options.depth not in (None, depth):
        raise UsageError(f"--format {options.format} contradicts --depth {options.depth}", hint="leave out --depth")
    chosen = depth or options.depth
    if chosen is None:
        raise UsageError("raw video does not say its depth", hint="--depth 8, --depth 10, or --format yuv420p10le")
    width, height = parse_size(options.size)
    return FrameFormat(width, height, subsampling, chosen)


def _layout(options: argparse.Namespace, video: Video, frame: FrameFormat) -> Y4MHeader | FrameFormat:
    """A header for y4m, the frames' layout for raw video."""
    by_name = _FORMATS.get(Path(options.output).suffix.lower(), "raw" if video.is_raw else "y4m")
    if (by_name if options.output_format == "auto" else options.output_format) == "raw":
        return frame
    if video.header is not None:
        return video.header.with_depth(frame.depth)
    facts = video.facts
    return Y4MHeader.of(frame, video.space, frame_rate=facts.frame_rate, sample_aspect=facts.sample_aspect)


class _Report:
    """Progress, notes and a summary on stderr. A context."""

    def __init__(self, source: str, notes: tuple[str, ...], count: int | None, *, quiet: bool) -> None:
        self._source = source
        self._notes = dict.fromkeys(notes)
        self._quiet = quiet
        self._count = 0
        self._began = time.monotonic()
        self._shares: dict[object, float] = {}  # of the frames that are worked on, the oldest first
        self._lock = threading.Lock()
        self._pixels = 0
        self._of = "" if count is None else f" of {count}"
        left = "" if count is None else ", {remaining} left"
        layout = "{desc} [{elapsed}" + left + "{postfix}]"
        self._bar = progress_bar("filtering", count, shown=not quiet, bar_format=layout)
        self._show()

    def note(self, *notes: str) -> None:
        """Takes what the user should know; each is told once."""
        self._notes.update(dict.fromkeys(notes))

    def follow(self, pixels: int) -> Progress:
        """What is to be told how far the work on a frame is, from whichever thread."""
        frame = object()

        def show(share: float) -> None:
            with self._lock:
                self._pixels = pixels
                self._shares[frame] = share
                self._show()

        return show

    def tick(self) -> None:
        """One more frame has been written."""
        with self._lock:
            self._count += 1
            if self._shares:
                del self._shares[next(iter(self._shares))]
            self._show()

    def _show(self) -> None:
        share = sum(self._shares.values())
        done = self._count + share
        seconds = max(time.monotonic() - self._began, 1e-9)
        speed = done * self._pixels / 1e6 / seconds
        count = f"{done:.2f}" if share else f"{self._count}"
        self._bar.set_description_str(f"{count}{self._of} frames", refresh=False)
        self._bar.set_postfix_str(f"{speed:.2f} MP/s, {done / seconds:.2f} frames/s", refresh=False)
        set_facts(self._bar, megapixels_per_second=round(speed, 3))
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> _Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._quiet or kind is BrokenPipeError:
            return
        for note in self._notes:
            say(f"note: {self._source}: {note}")
        seconds = max(time.monotonic() - self._began, 1e-9)
        frames = f"{self._count} frame{'s' * (self._count != 1)}"
        say(f"{frames} in {seconds:.1f} s ({self._count / seconds:.2f} per second)")
