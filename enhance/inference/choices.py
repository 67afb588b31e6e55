"""What is decided for a picture before the network sees it: the rate that it is told, and how far it is believed.

The rate is the file's own; or the user's; or that of an earlier, stronger coding that the pixels tell of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from enhance.codecs.coding import Coding
from enhance.codecs.earlier_coding import find_earlier_coding
from enhance.codecs.registry import all_codecs, find_codec
from enhance.codecs.unknown_rate import UnknownRate
from enhance.errors import UsageError
from enhance.images import BELIEVED, DecodedImage, FadingRate, Rate, Trust
from enhance.inference.alignment import can_align
from enhance.knobs import Knobs, Sampling
from enhance.models.trust_tables import PlaneRate, TrustTables

_TOO_LARGE = "was scaled after an earlier coding, but is too large to be brought back to that scale"
_NOTHING_FOUND = "no sign of an earlier coding: left as it is"


@dataclass(frozen=True)
class Guidance:
    """What a picture is corrected for.

    Attributes:
        rate: what the network is told; an `UnknownRate` where nothing was said or found: there is nothing to correct.
        overridden: the user's rate replaced the file's own.
        coding: what the pixels told, if that is what counts.
        notes: what the user should know, one line each.
    """

    rate: Rate
    overridden: bool = False
    coding: Coding | None = None
    notes: tuple[str, ...] = ()


def choose_guidance(decoded: DecodedImage, knobs: Knobs) -> Guidance:
    """Decides between the file's own rate, the user's, and what the pixels tell.

    Raises:
        UsageError: the pixels came without a rate, nothing was said about it, and it is not to be found out.
    """
    if isinstance(decoded.rate, UnknownRate):
        return _of_pixels(decoded, knobs)
    told = knobs.told_rates
    rate, overridden, notes = choose_rate(decoded, told)
    codec = find_codec(rate.codec)
    is_told = codec is not None and codec.knob is not None and codec.knob.name in told
    coding = None if is_told or knobs.quality == "file" else find_earlier_coding(decoded.pixels, rate)
    if coding is None:
        return Guidance(rate, overridden, None, notes)
    if not can_align(decoded, coding):
        return Guidance(rate, False, None, (*notes, _TOO_LARGE))
    return Guidance(coding.rate, False, coding, (*notes, f"found in the pixels: {coding}"))


def _of_pixels(decoded: DecodedImage, knobs: Knobs) -> Guidance:
    told = (codec.rate_told(knobs.told_rates, decoded.is_gray) for codec in all_codecs())
    rates = [rate for rate in told if rate is not None]
    if len(rates) > 1:
        reason, hint = "the picture cannot have had two rates", f"give {' or '.join(knobs.told_rates)}, not both"
        raise UsageError(reason, source=decoded.source, hint=hint)
    if rates:
        return Guidance(rates[0], overridden=True)
    if knobs.quality != "auto":
        hint = "say it with quality or qp, or quality 'auto' finds it out"
        raise UsageError("the file does not tell how it was compressed", source=decoded.source, hint=hint)
    coding = find_earlier_coding(decoded.pixels, decoded.rate)
    if coding is None or not can_align(decoded, coding):
        return Guidance(decoded.rate, notes=(_NOTHING_FOUND if coding is None else _TOO_LARGE,))
    return Guidance(coding.rate, False, coding, (f"found in the pixels: {coding}",))


def probable_codec(rate: Rate, knobs: Knobs) -> str:
    """The codec whose model a picture will need, as far as that shows without a look at its pixels."""
    if not isinstance(rate, UnknownRate):
        return rate.codec
    told = [codec.name for codec in all_codecs() if codec.knob is not None and codec.knob.name in knobs.told_rates]
    return next(iter(told or [codec.name for codec in all_codecs() if codec.find_coding is not None]), rate.codec)


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
    return trust_at(rate, tables, sampling, knobs, is_neutral=decoded.is_neutral)


def trust_at(rate: Rate, tables: TrustTables, sampling: Sampling, knobs: Knobs, *, is_neutral: bool) -> Trust:
    """Likewise, for a picture of which it is known whether it has any colour."""
    trust = BELIEVED
    if isinstance(rate, PlaneRate):
        trust = tables(rate, float(sampling.perception), guarded=knobs.guard)
    if isinstance(rate, FadingRate):
        trust = trust.scaled(rate.known)
    trust = trust.scaled(float(knobs.strength))
    # What has no colour gets none. In gray files there is no chroma to speak of.
    return replace(trust, chroma=0.0) if is_neutral else trust
