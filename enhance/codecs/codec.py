"""What a codec is to the rest of the package: one record of facts, so that no other file asks for a codec by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enhance.codecs.decoder import Decoder
from enhance.images import Pixels, Rate

if TYPE_CHECKING:
    from PIL import Image

    from enhance.codecs.coding import Coding


@dataclass(frozen=True)
class RateKnob:
    """The choice of a user that says how strongly something was compressed.

    Attributes:
        name: of the field of `Knobs`: "quality" or "qp".
        values: those that it takes, for messages: "1..100".
        rate: what a value stands for, for a picture that is gray (True) or in colour; raises UsageError for others.
    """

    name: str
    values: str
    rate: Callable[[Any, bool], Rate]


@dataclass(frozen=True)
class RateEncoder:
    """What codes pictures, for `enhance encode`.

    Attributes:
        first, last: the rates that it takes are from the one to the other.
        encode: the file of a picture, uint8 [H, W, 3] RGB or [H, W] gray, at a rate; raises UsageError for others.
    """

    first: int
    last: int
    encode: Callable[[Pixels, int], bytes]


@dataclass(frozen=True)
class Codec:
    """A base codec, and all that the rest of the package knows of it.

    An installed package adds one by an entry point of the group `enhance.codecs` that names such a record.

    Attributes:
        name: as in `Rate.codec`: a word in lower case.
        title: as people write it.
        decoder: makes its decoder, which also recognises its files, from some of `options`; importing what it needs can
            wait until it is called.
        options: names of the arguments that `decoder` takes.
        level: what `Rate.level` is called in tables.
        encoder: codes pictures; None: other programs do.
        knob: how a user says the rate of pixels, or replaces that of a file; None: files alone say it.
        says_originals: files say which originals they may stand for (`DecodedImage.consistency`).
        weights: the model that ships: the absolute path of a file, or a name in `enhance/weights`; None: there is none.
        rate_of_image: the rate that an image of Pillow still knows from its file; None: it knows none.
        find_earlier: tells from a file's pixels and rate which earlier, stronger coding of this codec came before; None
            where nothing is sure.
        believe: how far a correction is to be believed by what the pixels show, for each block of 8x8 pixels, 0 to 1
            [ceil(H / 8), ceil(W / 8)]; None: pixels alone do not tell.
        find_coding: tells from pixels alone that they went through this codec.
        abandon: ends whatever its decoders are waiting for, in all threads.
    """

    name: str
    title: str
    decoder: Callable[..., Decoder]
    options: tuple[str, ...] = ()
    level: str = "level"
    encoder: RateEncoder | None = None
    knob: RateKnob | None = None
    says_originals: bool = False
    weights: str | Path | None = None
    rate_of_image: Callable[[Image.Image], Rate | None] | None = None
    find_earlier: Callable[[Pixels, Any], Coding | None] | None = None
    believe: Callable[[Pixels], npt.NDArray[np.float32]] | None = None
    find_coding: Callable[[Pixels], Coding | None] | None = None
    abandon: Callable[[], object] | None = None

    def rate_told(self, told: Mapping[str, Any], is_gray: bool) -> Rate | None:
        """The rate that a user says, or None.

        Args:
            told: the values of the knobs that were given, as in `Knobs.told_rates`.
            is_gray: of the picture.

        Raises:
            UsageError: the value is none of `RateKnob.values`.
        """
        if self.knob is None or self.knob.name not in told:
            return None
        return self.knob.rate(told[self.knob.name], is_gray)
