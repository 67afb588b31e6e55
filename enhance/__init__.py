"""Receiver-side enhancement of JPEG and VVC pictures."""
