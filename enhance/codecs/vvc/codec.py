"""VVC's record in the registry."""

from __future__ import annotations

from enhance.codecs.codec import Codec, RateKnob
from enhance.codecs.vvc.decoder import VvcDecoder
from enhance.codecs.vvc.graphics import belief
from enhance.codecs.vvc.process import end_all
from enhance.codecs.vvc.rate import VvcRate

VVC = Codec(
    name="vvc",
    title="VVC",
    decoder=VvcDecoder,
    options=("decoder", "vtm", "time_limit", "patience", "matrix", "full_range", "chroma_location"),
    level="QP",
    knob=RateKnob("qp", "0..63", VvcRate.told),
    weights="vvc.safetensors",
    rate_of_image=lambda image: getattr(image, "vvc_rate", None),  # `enhance.integrations.pillow` opens such images
    believe=belief,
    abandon=end_all,
)
