"""JPEG's record in the registry."""

from __future__ import annotations

from enhance.codecs.codec import Codec, RateKnob
from enhance.codecs.jpeg.decoder import JpegDecoder
from enhance.codecs.jpeg.estimation.history import find_coding, find_earlier
from enhance.codecs.jpeg.libjpeg import end_worker
from enhance.codecs.jpeg.pillow import rate_of_image
from enhance.codecs.jpeg.rate import JpegRate

JPEG = Codec(
    name="jpeg",
    title="JPEG",
    decoder=JpegDecoder,
    options=("strict", "salvage"),
    level="quality",
    knob=RateKnob("quality", "1..100", JpegRate.told),
    says_originals=True,
    weights="jpeg.safetensors",
    rate_of_image=rate_of_image,
    find_earlier=find_earlier,
    find_coding=find_coding,
    abandon=end_worker,
)
