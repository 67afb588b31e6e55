"""VVC inside MP4, QuickTime, Matroska and MPEG transport streams: ffmpeg takes the stream out, and decodes nothing."""

from __future__ import annotations

import re
from pathlib import Path

from enhance.codecs.vvc.process import DecoderProcess, DecoderStopped
from enhance.codecs.vvc.programs import find_ffmpeg
from enhance.errors import DecodeError, UnsupportedImageError

_MATROSKA = b"\x1aE\xdf\xa3"
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"crx ")
_PACKET, _SYNC = 188, b"G"
_NO_VVC = re.compile("is not supported by the bitstream filter|matches no streams")


def is_container(head: bytes) -> bool:
    """True if a file that begins with `head` may hold a VVC stream among others."""
    if head.startswith(_MATROSKA):
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    return len(head) > _PACKET and head[:1] == head[_PACKET : _PACKET + 1] == _SYNC


def take_stream_out(container: Path, target: Path, *, source: str, patience: float, time_limit: float | None) -> None:
    """Writes the first video of a container as a byte stream.

    Args:
        container: its file.
        target: the file to write.
        source: the name to use in messages.
        patience, time_limit: as in `DecoderProcess`.

    Raises:
        UnsupportedImageError: its video is no VVC, or it holds none.
        DecodeError: ffmpeg failed, or stopped working.
    """
    command = [str(find_ffmpeg()), "-hide_banner", "-nostdin", "-v", "error", "-i", f"file:{container}"]
    command += ["-map", "0:V:0", "-c", "copy", "-bsf:v", "vvc_mp4toannexb", "-progress", "pipe:2", "-f", "vvc"]
    said: list[str] = []
    with DecoderProcess(
        [*command, f"file:{target}"],
        title="ffmpeg",
        source=source,
        patience=patience,
        time_limit=time_limit,
        on_line=lambda line: said.append(line) if _NO_VVC.search(line) else None,
    ) as process:
        try:
            process.finish()
        except DecoderStopped:
            raise
        except DecodeError as error:
            if said:
                hint = "JPEG and VVC are supported"
                raise UnsupportedImageError("it holds no VVC video", source=source, hint=hint) from error
            raise
