"""False alarms: what is told of files that were coded once, and of originals, and what a picture loses by it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from measure_harm import Original
from tqdm import tqdm

from enhance.codecs.jpeg.rate import JpegRate
from enhance.enhancer import Enhancer
from enhance.evaluation.metrics.distortion import mse
from enhance.images import DecodedImage
from enhance.knobs import Knobs
from enhance.training.degradation.tables import custom_rate, mozjpeg_tables, scaled_base
from estimates.pictures import Found, code, percent, table, to_gray

_MOZJPEG_DEFAULT = 3  # the number of its own table


@dataclass(frozen=True)
class Alarm:
    """Something was told where nothing was.

    Attributes:
        told: in words.
        loss: dB of PSNR that the picture has less for it; None for originals, which nothing else would be done to.
    """

    kind: str
    name: str
    told: str
    loss: float | None

    def __str__(self) -> str:
        lost = "" if self.loss is None else f"; loses {self.loss:.3f} dB"
        return f"{self.name}, {self.kind}: told {self.told}{lost}"


def coded_once(original: Original, number: int, qualities: Sequence[int]) -> Iterator[tuple[str, Found]]:
    """The original, and files of it that were coded once: names of kinds, and what one finds."""
    pixels = original.pixels
    yield "original, no coding", Found(pixels)
    for place, quality in enumerate(qualities):
        sampling = ("4:2:0", "4:4:4")[(number + place) % 2]
        yield f"libjpeg {sampling}", code(pixels, JpegRate.from_quality(quality), sampling)
    yield "gray file", code(to_gray(pixels), JpegRate.from_quality(qualities[number % len(qualities)]))
    neutral = np.repeat(to_gray(pixels)[..., None], 3, axis=2)
    yield "neutral, as colour", code(neutral, JpegRate.from_quality(qualities[(number + 3) % len(qualities)]))
    rng = np.random.default_rng(number)
    for quality in (75, 95):
        yield "custom tables (cameras, editors)", code(pixels, custom_rate(rng, quality))
    bases = mozjpeg_tables()
    if bases is not None:
        for quality in (40, 75, 90):
            tables = np.clip(np.floor(scaled_base(bases[_MOZJPEG_DEFAULT], quality)), 1, 255)
            yield "mozjpeg", code(pixels, JpegRate.from_tables(*tables), trellis=True)


def measure_alarms(enhancer: Enhancer, originals: Sequence[Original], qualities: Sequence[int]) -> str:
    """A table of kinds, and a line for each alarm."""
    counts: dict[str, list[bool]] = defaultdict(list)
    alarms: list[Alarm] = []
    for number, original in enumerate(tqdm(originals, desc="alarms", leave=False, disable=None)):
        for kind, found in coded_once(original, number, qualities):
            coding = found.estimate()
            counts[kind].append(coding is not None)
            if coding is not None:
                alarms.append(Alarm(kind, original.name, str(coding), _loss(enhancer, original, found)))
    rows = [[kind, len(hits), sum(hits), percent(hits)] for kind, hits in counts.items()]
    lines = [f"- {alarm}" for alarm in alarms]
    return "\n".join([table(["coded once", "files", "alarms", "share"], rows), "", *lines])


def _loss(enhancer: Enhancer, original: Original, found: Found) -> float | None:
    if found.last is None:
        return None
    target = original.pixels if found.pixels.ndim == 3 else to_gray(original.pixels)
    decoded = DecodedImage(found.pixels, found.last)
    file, auto = (mse(target, enhancer.run(decoded, knobs).pixels) for knobs in (Knobs(quality="file"), Knobs()))
    return float(10 * np.log10(auto / file))
