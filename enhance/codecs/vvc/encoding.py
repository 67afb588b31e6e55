"""VVC streams of single pictures for training and measuring, made by the libvvenc inside imageio-ffmpeg."""

from __future__ import annotations

import subprocess

import numpy as np
import numpy.typing as npt

from enhance.errors import DecodeError, UsageError
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import ColorSpace, FrameFormat

_INTRA_OFFSET = 3
"""libvvenc codes an intra picture at three QPs below the one that is asked for (measured, 1.15)."""


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
    if pixels.shape[0] % 2 or pixels.shape[1] % 2:
        raise UsageError(f"{pixels.shape[1]}x{pixels.shape[0]} pixels are no VVC picture", hint="crop to an even size")
    from imageio_ffmpeg import get_ffmpeg_exe

    frame = FrameFormat(pixels.shape[1], pixels.shape[0], "4:2:0", 10)
    raw = frame.pack(rgb_to_yuv(pixels / np.float32(255), frame, ColorSpace()))
    command = [get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p10le"]
    command += ["-s", f"{frame.width}x{frame.height}", "-color_range", "tv", "-colorspace", "bt709", "-i", "-"]
    command += ["-frames:v", "1", "-c:v", "libvvenc", "-preset", preset, "-qpa", "0", "-qp", str(qp + _INTRA_OFFSET)]
    command += ["-threads", "1", "-color_range", "tv", "-colorspace", "bt709", "-f", "vvc", "-"]
    done = subprocess.run(command, input=raw, capture_output=True)
    if done.returncode or not done.stdout:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise DecodeError(f"libvvenc made no bitstream: {last[0]}", hint="is imageio-ffmpeg installed whole?")
    return done.stdout
