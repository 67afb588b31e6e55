"""VVC streams for training and measuring, of single pictures and clips, made by the libvvenc inside imageio-ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enhance.errors import DecodeError, UsageError
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import ColorSpace, FrameFormat, Planes

_INTRA_OFFSET = 3
"""libvvenc codes an intra picture at three QPs below the one that is asked for (measured, 1.15)."""

# One picture refers to those before it alone, in groups of eight.
_LOW_DELAY = "picreordering=0:decodingrefreshtype=none:gopsize=8:alfspeed=0"


@dataclass(frozen=True)
class ClipCoding:
    """How libvvenc codes a clip.

    Attributes:
        qp: what it is asked for; pictures have others by their place in the group, intra pictures lower ones.
        adapts: its perceptual adaptation is on: blocks have QPs of their own.
        low_delay: pictures are coded in the order in which they are shown; otherwise random access.
        preset: "faster", "fast", "medium", ...
        intra_seconds: seconds from one intra picture to the next.
    """

    qp: int
    adapts: bool = False
    low_delay: bool = False
    preset: str = "faster"
    intra_seconds: int = 1

    def arguments(self) -> list[str]:
        """Of ffmpeg."""
        arguments = ["-preset", self.preset, "-qpa", str(int(self.adapts)), "-qp", str(self.qp)]
        arguments += ["-period", str(self.intra_seconds), "-threads", "1"]
        return arguments + (["-vvenc-params", _LOW_DELAY] if self.low_delay else [])


def encode_vvc(pixels: npt.NDArray[np.uint8], qp: int, *, preset: str = "fast") -> bytes:
    """Codes a picture as VVC intra by the libvvenc inside imageio-ffmpeg: 10 bit 4:2:0, BT.709 limited range, no QPA.

    Args:
        pixels: uint8 [H, W, 3] RGB, H and W even.
        qp: slice QP, 0 to 60.
        preset: of libvvenc: "faster", "fast", "medium", ...

    Returns:
        the Annex-B bitstream.

    Raises:
        UsageError: an odd size, which 4:2:0 pictures of VVC cannot have.
        DecodeError: ffmpeg failed; its last line is in the message.
    """
    return encode_clip([pixels], ClipCoding(qp + _INTRA_OFFSET, preset=preset))


def encode_clip(
    frames: Sequence[npt.NDArray[np.uint8]], coding: ClipCoding, *, frame_rate: str = "25", more: Sequence[str] = ()
) -> bytes:
    """Codes frames as a VVC stream: 10 bit 4:2:0, BT.709 limited range.

    Args:
        frames: uint8 [H, W, 3] RGB, H and W even.
        coding: how.
        frame_rate: frames a second, as ffmpeg understands it.
        more: further arguments of ffmpeg for the output.

    Returns, Raises:
        as `encode_vvc`.
    """
    height, width = frames[0].shape[:2]
    if height % 2 or width % 2:
        raise UsageError(f"{width}x{height} pixels are no VVC picture", hint="crop to an even size")
    frame = FrameFormat(width, height, "4:2:0", 10)
    planes = (rgb_to_yuv(pixels / np.float32(255), frame, ColorSpace()) for pixels in frames)
    return encode_planes(planes, frame, coding, frame_rate=frame_rate, more=more)


def encode_planes(
    frames: Iterable[Planes],
    frame: FrameFormat,
    coding: ClipCoding,
    *,
    frame_rate: str = "25",
    more: Sequence[str] = (),
) -> bytes:
    """Codes planar frames of BT.709 with limited range; libvvenc takes 10 bits 4:2:0, ffmpeg makes that of others.

    Args, Returns, Raises:
        as `encode_clip`.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    raw = b"".join(map(frame.pack, frames))
    kind = {"4:2:0": "yuv420p", "4:2:2": "yuv422p", "4:4:4": "yuv444p", "4:0:0": "gray"}[frame.subsampling]
    pixel_format = kind + ("" if frame.depth == 8 else f"{frame.depth}le")
    command = [get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", pixel_format, "-framerate", frame_rate]
    command += ["-s", f"{frame.width}x{frame.height}", "-color_range", "tv", "-colorspace", "bt709", "-i", "-"]
    command += ["-c:v", "libvvenc", "-pix_fmt", "yuv420p10le", *coding.arguments()]
    command += ["-color_range", "tv", "-colorspace", "bt709", *more, "-f", "vvc", "-"]
    done = subprocess.run(command, input=raw, capture_output=True)
    if done.returncode or not done.stdout:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise DecodeError(f"libvvenc made no bitstream: {last[0]}", hint="is imageio-ffmpeg installed whole?")
    return done.stdout
