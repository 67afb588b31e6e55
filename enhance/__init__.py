"""Receiver-side enhancement of JPEG and VVC pictures."""

__version__ = "0.1.0"
