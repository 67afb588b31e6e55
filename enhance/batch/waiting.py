"""Ends all that a decoder may be waiting for: for a program that was interrupted."""

from __future__ import annotations

from enhance.codecs import reading
from enhance.codecs.jpeg.libjpeg import end_worker
from enhance.codecs.vvc.process import end_all


def end_waits() -> None:
    """Kills the programs that decoders run, and ends the waits for input; what waited fails with an error."""
    reading.abandon()
    end_worker()
    end_all()
