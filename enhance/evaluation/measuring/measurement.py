"""The measurement itself: code lossless originals, decode, enhance, compare with the originals.

The plain decoded picture is measured beside every setting, so that a gain never compares numbers of different
protocols.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from typing import Protocol as Protocol_

import numpy.typing as npt

from enhance.evaluation.measuring.originals import Pixels, load_original
from enhance.evaluation.measuring.peers import Peer, PeerError
from enhance.evaluation.measuring.protocol import Protocol
from enhance.evaluation.metrics.catalog import Metric
from enhance.evaluation.metrics.distortion import to_uint8
from enhance.frames.depth import code_values
from enhance.images import DecodedImage, EnhancedImage
from enhance.knobs import Knobs

BASELINE = "decoded"
"""Name of the setting that does nothing."""

ORIGINAL = "original"
"""Name under which the originals themselves are kept."""

Decode = Callable[[bytes], DecodedImage]
Enhance = Callable[[DecodedImage, Knobs], EnhancedImage]


class Key(NamedTuple):
    """What was measured.

    Attributes:
        codec: "jpeg" or "vvc".
        level: JPEG quality factor, or slice QP.
        image: file name of the original.
        setting: its name, or a peer's; `BASELINE` for the decoded picture.
    """

    codec: str
    level: int
    image: str
    setting: str


@dataclass(frozen=True)
class Measurement:
    """One picture at one level under one setting.

    Attributes:
        key: which.
        bits_per_pixel: size of the coded file.
        seconds: wall time of the enhancement alone, or of the peer's whole program; 0 for the decoded picture.
        values: {metric: value}.
        knobs: `settings.describe` of the setting; empty for the decoded picture and for peers.
    """

    key: Key
    bits_per_pixel: float
    seconds: float
    values: dict[str, float] = field(default_factory=dict)
    knobs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A picture that a peer did not give, and why."""

    key: Key
    reason: str


@dataclass(frozen=True)
class Coded:
    """An original in coded form, and decoded again."""

    codec: str
    stream: bytes
    decoded: DecodedImage


class Candidate(Protocol_):
    """What is measured: turns coded pictures into pictures."""

    @property
    def name(self) -> str:
        """As it appears in tables."""

    @property
    def knobs(self) -> dict[str, Any]:
        """As in `Measurement`."""

    def restore(self, coded: Coded) -> tuple[npt.NDArray[Any], float]:
        """The picture in 8-bit code values, rounded or not, and the seconds that it took. Raises EnhanceError."""


@dataclass(frozen=True)
class Decoded:
    """The decoded picture as it is."""

    name: str = BASELINE
    knobs: dict[str, Any] = field(default_factory=dict)

    def restore(self, coded: Coded) -> tuple[npt.NDArray[Any], float]:
        return code_values(coded.decoded.pixels), 0.0


@dataclass(frozen=True)
class Setting:
    """The enhancer with some knobs.

    Attributes:
        name: of the setting.
        chosen: its knobs.
        enhance: `Enhancer.run`.
        knobs: `settings.describe` of them.
    """

    name: str
    chosen: Knobs
    enhance: Enhance
    knobs: dict[str, Any] = field(default_factory=dict)

    def restore(self, coded: Coded) -> tuple[npt.NDArray[Any], float]:
        started = time.perf_counter()
        enhanced = self.enhance(coded.decoded, self.chosen)
        return code_values(enhanced.pixels), time.perf_counter() - started


@dataclass(frozen=True)
class Rival:
    """A peer as a candidate."""

    peer: Peer
    knobs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.peer.name

    def restore(self, coded: Coded) -> tuple[npt.NDArray[Any], float]:
        return self.peer.restore(coded.stream, coded.codec, coded.decoded.pixels.shape)


def measure(
    originals: Sequence[Path],
    protocol: Protocol,
    candidates: Sequence[Candidate],
    decode: Decode,
    metrics: Mapping[str, Metric],
    *,
    done: Collection[Key] = (),
    on_picture: Callable[[Key, Pixels], None] = lambda key, pixels: None,
) -> Iterator[Measurement | Failure]:
    """Measures every original at every level: first the decoded picture, then every candidate.

    Args:
        originals: lossless image files.
        protocol: how they are coded.
        candidates: what is measured beside the decoded picture.
        decode: `enhance.codecs.registry.decode`.
        metrics: {name: metric(original, picture)}.
        done: what need not be measured again; nothing is coded or decoded for it either.
        on_picture: called with every picture before its measurement is given out, and first with the original.

    Yields:
        a measurement for each original, level, and candidate or decoded picture; a failure where a peer gave none.

    Raises:
        EnhanceError: an original cannot be read, coded or decoded, or the enhancer fails.
    """
    everything = (Decoded(), *candidates)
    for path in originals:
        missing = {
            level: [one for one in everything if Key(protocol.codec, level, path.name, one.name) not in done]
            for level in protocol.levels
        }
        if not any(missing.values()):
            continue
        original = protocol.coded_part(load_original(path, protocol.mode))
        on_picture(Key(protocol.codec, 0, path.name, ORIGINAL), original)
        for level, left in missing.items():
            if not left:
                continue
            stream = protocol.code(original, level, path.stem)
            coded = Coded(protocol.codec, stream, decode(stream))
            bits = 8 * len(stream) / (original.shape[0] * original.shape[1])
            for one in left:
                key = Key(protocol.codec, level, path.name, one.name)
                try:
                    restored, seconds = one.restore(coded)
                except PeerError as error:
                    yield Failure(key, str(error))
                    continue
                picture = to_uint8(restored)
                on_picture(key, picture)
                values = {name: metric(original, picture) for name, metric in metrics.items()}
                yield Measurement(key, bits, seconds, values, one.knobs)
