"""The learned codec's record, which the entry point of the group `enhance.codecs` names."""

from __future__ import annotations

from enhance.codecs.codec import Codec, RateEncoder
from enhance.images import Pixels
from enhance.learned.decoder import LearnedDecoder
from enhance.learned.rate import RATES


def _encode(pixels: Pixels, rate: int) -> bytes:
    from enhance.learned.coding import encode
    from enhance.learned.model import SHIPPED, open_model

    return encode(pixels, rate, open_model(SHIPPED)).to_bytes()


LEARNED = Codec(
    name="learned",
    title="Learned",
    decoder=LearnedDecoder,
    options=("base",),
    level="rate",
    encoder=RateEncoder(1, RATES, _encode),
    weights="learned.safetensors",
)
