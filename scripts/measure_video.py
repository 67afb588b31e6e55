#!/usr/bin/env python3
"""Measures what `enhance filter` does to coded video: gains, frames that lose, and whether still parts stay still.

    scripts/measure_video.py CLIPS --qps 32 37 42 --modes fidelity default --lpips WEIGHTS --csv frames.csv

Every video file of the folder (lossless ones; ffmpeg reads them) is coded by the libvvenc of imageio-ffmpeg in random
access (or `--low-delay`), without and with its perceptual adaptation (`--adaptation`), decoded, and enhanced as
`filter` does with `-b`. A mode may also be a number: one step at that perception. To choose among settings and models
quickly, `--every 4` looks at every fourth frame alone, and `--streams` keeps what was coded. A line for each coding and
mode:

    Y         mean over frames of the gain in PSNR of luma over the decoded frames, in dB
    YUV       the same for (6 Y + U + V) / 8
    frame     the worst frame's gain in luma
    loses     share of the frames that lose more than 0.05 dB in luma
    still     mean change of luma from frame to frame where the original stands still, enhanced over decoded
    LPIPS     change in per cent (of every fourth frame)
    dots      mean of what was added that repeats with every 8 samples (enhance/evaluation/metrics/dots.py), likewise

With `--transfer pq` or `hlg` the clips are made HDR first (scripts/hdr_material.py), and measured in code values.
The original stands still where its luma changes by less than 1.5 code values (of 255) in the mean over 9x9 samples.
"""

from __future__ import annotations

import argparse
import csv
import io
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from hdr_material import SPACES, Transfer, in_transfer, tags
from tqdm import tqdm

from enhance.codecs.vvc.decoder import open_vvc
from enhance.codecs.vvc.encoding import ClipCoding, encode_planes
from enhance.codecs.vvc.programs import find_ffmpeg
from enhance.diffusion.noise import NoiseField
from enhance.enhancer import Enhancer
from enhance.evaluation.metrics.dots import dots_beyond
from enhance.evaluation.metrics.perceptual import LpipsDistance
from enhance.frames.colour import yuv_to_rgb
from enhance.frames.depth import shift_depth
from enhance.frames.format import ColorSpace, FrameFormat, Planes
from enhance.frames.y4m import read_y4m
from enhance.images import DecodedImage, EnhancedImage
from enhance.knobs import MODES
from enhance.system.atomic_file import atomic_file
from enhance.video.filter import FrameFilter, RatedFrame
from enhance.video.knobs import VideoKnobs, video_knobs

Float = npt.NDArray[np.float32]

DEPTH = 10
_WINDOW, _STILL = 9, 1.5
_LOOKED_AT = 4


@dataclass(frozen=True)
class Frame:
    """What was measured of a frame.

    Attributes:
        clip, qp, adapts, mode, number: which it is.
        y, u, v: gains in PSNR, in dB.
        moved, moved_before: sums of changes of luma since the frame before where the original stands still, enhanced
            and decoded.
        lpips, lpips_before: of the enhanced and of the decoded frame; not a number where it was not measured.
        dots: of the enhanced frame, over the original's; likewise.
    """

    clip: str
    qp: int
    adapts: bool
    mode: str
    number: int
    y: float
    u: float
    v: float
    moved: float
    moved_before: float
    lpips: float
    lpips_before: float
    dots: float


def read_clip(path: Path) -> tuple[FrameFormat, list[Planes]]:
    """The frames of a video file, 10 bits a sample."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-strict", "-1", "-f", "yuv4mpegpipe", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    reader = read_y4m(io.BytesIO(raw), source=str(path))
    frames = [shift_depth(planes, reader.frame, DEPTH) for planes in reader]
    return FrameFormat(reader.frame.width, reader.frame.height, reader.frame.subsampling, DEPTH), frames


def decode(stream: bytes) -> list[RatedFrame]:
    """All pictures with their rates."""
    with open_vvc(stream, decoder="ffmpeg") as opened:
        return [(picture.planes, picture.rate) for picture in opened]


def knobs_of(mode: str) -> VideoKnobs:
    """What a mode of the command line stands for."""
    if mode == "default":
        return video_knobs({})
    return video_knobs({"mode": mode} if mode in MODES else {"mode": "balanced", "perception": float(mode)})


def psnr(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> float:
    """Of two planes, in dB."""
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10((2**DEPTH - 1) ** 2 / max(error, 1e-3)))


def still_samples(before: Planes, now: Planes) -> npt.NDArray[np.bool_]:
    """Where luma stands still."""
    change = torch.from_numpy(np.abs(luma(now) - luma(before)) * np.float32(2.0 ** (8 - DEPTH)))[None]
    mean = torch.nn.functional.avg_pool2d(change, _WINDOW, 1, _WINDOW // 2, count_include_pad=False)
    found: npt.NDArray[np.bool_] = (mean[0] < _STILL).numpy()
    return found


def luma(planes: Planes) -> Float:
    """Its code values."""
    return planes[0].astype(np.float32)


class Meter:
    """Compares enhanced and decoded frames with their originals.

    Args:
        frame: their layout.
        original, decoded: the frames.
        distance: LPIPS, or None.
        every: how many frames to the next one whose looks are measured.
        space: what the frames' values mean.
    """

    def __init__(
        self,
        frame: FrameFormat,
        original: list[Planes],
        decoded: list[Planes],
        distance: LpipsDistance | None,
        every: int = _LOOKED_AT,
        space: ColorSpace = SPACES["sdr"],
    ) -> None:
        self._space = space
        self._frame, self._original, self._decoded, self._distance = frame, original, decoded, distance
        self._still = [None, *(still_samples(a, b) for a, b in zip(original, original[1:]))]
        self._seen = {number: self._rgb(original[number]) for number in range(0, len(original), every)}
        self._looks = {number: self._lpips(number, self._rgb(decoded[number])) for number in self._seen}

    def __call__(self, name: Callable[..., Frame], enhanced: Iterator[Planes]) -> Iterator[Frame]:
        """Measures the frames, named by `name`."""
        last: Planes | None = None
        for number, planes in enumerate(enhanced):
            original, decoded = self._original[number], self._decoded[number]
            gains = [psnr(o, e) - psnr(o, d) for o, d, e in zip(original, decoded, planes)]
            moved = self._moved(number, last, planes), self._moved(number, self._decoded[number - 1], decoded)
            yield name(number, *gains, *moved, *self._appearance(number, planes))
            last = planes

    def _appearance(self, number: int, planes: Planes) -> tuple[float, float, float]:
        """LPIPS, LPIPS of the decoded frame, and dots."""
        if number not in self._seen:
            return np.nan, np.nan, np.nan
        picture = self._rgb(planes)
        return self._lpips(number, picture), self._looks[number], dots_beyond(self._seen[number], picture)

    def _moved(self, number: int, before: Planes | None, now: Planes) -> float:
        still = self._still[number]
        if still is None or before is None:
            return 0.0
        return float(np.abs(luma(now) - luma(before))[still].sum())

    def _lpips(self, number: int, picture: Float) -> float:
        return float("nan") if self._distance is None else self._distance(self._seen[number], picture)

    def _rgb(self, planes: Planes) -> Float:
        """float32 [H, W, 3], 0 to 255."""
        picture: Float = yuv_to_rgb(planes, self._frame, self._space).clip(0, 1) * np.float32(255)
        return picture


def coded_stream(
    path: Path,
    frame: FrameFormat,
    original: list[Planes],
    coding: ClipCoding,
    kept: Path | None,
    transfer: Transfer = "sdr",
) -> bytes:
    """What libvvenc makes of a clip; in the folder `kept` where it was made before."""
    if kept is None:
        return encode_planes(original, frame, coding, more=tags(transfer))
    words = "_".join(map(str, (*asdict(coding).values(), *([] if transfer == "sdr" else [transfer]))))
    target = kept / f"{path.parent.name}_{path.stem}_{words}.266"
    if not target.exists():
        kept.mkdir(parents=True, exist_ok=True)
        content = encode_planes(original, frame, coding, more=tags(transfer))
        with atomic_file(target, overwrite=True) as file:
            file.write(content)
    return target.read_bytes()


def measure(options: argparse.Namespace) -> Iterator[Frame]:
    """All frames of all codings and modes."""
    enhancer = Enhancer(options.model, threads=options.threads)
    distance = LpipsDistance("alex", options.lpips) if options.lpips else None
    noise = NoiseField(0, kept_blocks=512)
    paths = sorted(path for path in options.clips.iterdir() if path.suffix in (".mkv", ".mp4", ".y4m"))
    for path, qp, adapts in tqdm(list(product(paths, options.qps, options.adaptation)), unit="coding", disable=None):
        frame, original = read_clip(path)
        original = [in_transfer(planes, frame, options.transfer) for planes in original]
        space = SPACES[options.transfer]
        coding = ClipCoding(qp, adapts=bool(adapts), low_delay=options.low_delay, preset=options.preset)
        stream = coded_stream(path, frame, original, coding, options.streams, options.transfer)
        rated = decode(stream)[:: options.every]
        every = max(1, _LOOKED_AT // options.every)
        meter = Meter(frame, original[:: options.every], [planes for planes, _ in rated], distance, every, space)
        for mode in options.modes:
            knobs = knobs_of(mode)

            def run(decoded: DecodedImage, knobs: VideoKnobs = knobs) -> EnhancedImage:
                return enhancer.run(decoded, knobs.for_frame(decoded), noise=noise)

            enhanced = FrameFilter(run, frame, space).run(rated)
            yield from meter(partial(Frame, path.stem, qp, bool(adapts), mode), enhanced)


def summary(frames: list[Frame]) -> str:
    """One line of the table."""
    y, u, v = (np.array([getattr(frame, name) for frame in frames]) for name in "yuv")
    before = sum(frame.moved_before for frame in frames)
    still = sum(frame.moved for frame in frames) / before if before else np.nan
    looks = [(frame.lpips, frame.lpips_before) for frame in frames if not np.isnan(frame.lpips)]
    change = 100 * (np.mean([now / then for now, then in looks]) - 1) if looks else np.nan
    dots = np.nanmean([frame.dots for frame in frames])
    weighted, loses = ((6 * y + u + v) / 8).mean(), 100 * (y < -0.05).mean()
    return f"{y.mean():+6.3f} {weighted:+6.3f} {y.min():+6.2f} {loses:5.1f}% {still:6.2f} {change:+6.1f}% {dots:+5.2f}"


def report(frames: list[Frame]) -> None:
    """A line for each coding and mode, and for all codings of a mode together; the worst clip beside it."""
    names = ("mode", "QP", "adapts", "Y", "YUV", "frame", "loses", "still", "LPIPS", "dots")
    print(" ".join(f"{name:>{width}}" for name, width in zip(names, (10, 3, 6, 6, 6, 6, 6, 6, 7, 5))))
    for mode in dict.fromkeys(frame.mode for frame in frames):
        of_mode = [frame for frame in frames if frame.mode == mode]
        for qp, adapts in dict.fromkeys((frame.qp, frame.adapts) for frame in of_mode):
            part = [frame for frame in of_mode if (frame.qp, frame.adapts) == (qp, adapts)]
            print(f"{mode:>10} {qp:3d} {adapts!s:>6} {summary(part)}")
        clips: dict[tuple[str, int, bool], list[float]] = defaultdict(list)
        for frame in of_mode:
            clips[frame.clip, frame.qp, frame.adapts].append(frame.y)
        worst = min(clips, key=lambda clip: float(np.mean(clips[clip])))
        print(f"{mode:>10} all        {summary(of_mode)}  worst clip {worst} {np.mean(clips[worst]):+.3f} dB")


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of lossless video files")
    parser.add_argument("--qps", type=int, nargs="+", default=[32, 37, 42], help="that libvvenc is asked for")
    parser.add_argument("--adaptation", type=int, nargs="+", choices=(0, 1), default=[0, 1], help="libvvenc's -qpa")
    parser.add_argument("--low-delay", action="store_true", help="instead of random access")
    parser.add_argument("--transfer", choices=list(SPACES), default="sdr", help="make the clips HDR first")
    parser.add_argument("--preset", default="faster", help="of libvvenc (default: %(default)s)")
    parser.add_argument("--modes", nargs="+", default=["fidelity", "default"], help="of `filter`, or perceptions")
    parser.add_argument("--model", type=Path, help="in place of the one that ships")
    parser.add_argument("--lpips", type=Path, help="folder of LPIPS weights")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="look at every Nth frame alone")
    parser.add_argument("--streams", type=Path, metavar="FOLDER", help="that keeps what was coded")
    parser.add_argument("--threads", type=int, help="of the network")
    parser.add_argument("--csv", type=Path, help="every frame's numbers")
    options = parser.parse_args()
    frames = list(measure(options))
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(asdict(frames[0])))
            writer.writeheader()
            writer.writerows(map(asdict, frames))
    report(frames)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
