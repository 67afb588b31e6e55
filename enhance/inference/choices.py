"""What is decided for a picture before the network sees it: the rate that it is told, and how far it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from enhance.codecs.registry import all_codecs, find_codec
from enhance.images import BELIEVED, DecodedImage, Rate, Trust
from enhance.knobs import Knobs, Sampling
from enhance.models.trust_tables import PlaneRate, TrustTables


def choose_rate(decoded: DecodedImage, told: Mapping[str, float]) -> tuple[Rate, bool, tuple[str, ...]]:
    """The rate that the network is told: the file's own, or the user's in its place.

    Args:
        decoded: the picture with the rate of its file.
        told: what the user says about it, `Knobs.told_rates`.

    Returns:
        the rate, whether the user's replaces the file's own, and notes.
    """
    rate = decoded.rate
    codec = find_codec(rate.codec)
    chosen = codec.rate_told(told, decoded.is_gray) if codec else None
    if chosen is None:
        # Where both are given, each is for its own of several files.
        return rate, False, tuple(_not_used(name, rate.codec) for name in told)
    if chosen.describe() == rate.describe():
        return rate, False, ()
    return chosen, True, ()


def _not_used(knob: str, codec: str) -> str:
    owners = " and ".join(other.title for other in all_codecs() if other.knob and other.knob.name == knob)
    return f"{knob} is for {owners}, and was not used for this {codec} image"


def choose_trust(decoded: DecodedImage, rate: Rate, tables: TrustTables, sampling: Sampling, knobs: Knobs) -> Trust:
    """How far the network's correction is to be believed, the user's strength included.

    Args:
        decoded: the picture.
        rate: the one that the network is told.
        tables: the model's.
        sampling, knobs: the user's choices.
    """
    trust = BELIEVED
    if isinstance(rate, PlaneRate):
        trust = tables(rate, float(sampling.perception), guarded=knobs.guard)
    trust = trust.scaled(float(knobs.strength))
    # What has no colour gets none. In gray files there is no chroma to speak of.
    return replace(trust, chroma=0.0) if decoded.is_neutral else trust
