"""How often the estimate is right: quality, grid, scale and the sampling of chroma, and with what it is confused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from measure_harm import Original
from tqdm import tqdm

from enhance.codecs.coding import Coding
from enhance.codecs.jpeg.estimation.tables import all_tables
from enhance.codecs.jpeg.rate import JpegRate
from enhance.training.degradation.recipes import SAMPLES
from estimates.pictures import RESAMPLING, Found, code, crop, is_neutral, percent, scale, table

_ENCODERS = ("libjpeg", "mozjpeg")
_FIRST = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
_BEFORE = (5, 10, 20, 30, 40, 50)
_SCALED = (10, 20, 40, 60)
_SCALES = (0.5, 0.6, 0.7, 0.75, 0.8, 1.25, 1.5)
_LATER = (75, 80, 85, 90, 95)
_SAME_SCALE = 0.005


@dataclass(frozen=True)
class Trial:
    """One estimate, and what is true."""

    kind: str
    quality: int
    rate: JpegRate
    encoder: str
    sampling: str
    grid: tuple[int, int]
    scale: float
    neutral: bool
    picture: str
    found: Coding | None

    @property
    def difference(self) -> float | None:
        """Of the quality that was found, with signs; of tables other than IJG's, of the nearest ones. None: nothing."""
        if self.found is None:
            return None
        return float(self.found.rate.level - self.rate.level)

    def within(self, most: int) -> bool:
        """Whether the quality is right but for so much."""
        return self.difference is not None and abs(self.difference) <= most

    def on_grid(self, period: int = 8) -> bool:
        """Whether the grid is right, modulo a period."""
        found = self.found
        if found is None or found.axes is not None:
            return False
        return all(mine % period == true % period for mine, true in zip(found.grid, self.grid, strict=True))

    def at_scale(self) -> bool:
        """Whether the scale is right."""
        return self.found is not None and abs(self.found.scale / self.scale - 1) < _SAME_SCALE


def trials(original: Original, number: int) -> Iterator[Trial]:
    """Estimates of a picture that went through codings which are drawn by chance, the same for the same number."""
    rng, pixels = np.random.default_rng(number), original.pixels

    def trial(kind: str, quality: int, make: Callable[[Found], Found], *, shift: float, factor: float = 1.0) -> Trial:
        encoder = _ENCODERS[int(rng.random() < 0.2)]
        sampling = str(rng.choice(["4:2:0", "4:4:4", "4:2:2"], p=[0.6, 0.3, 0.1]))
        # mozjpeg's own tables follow IJG's in the list.
        rate = all_tables().rates[quality - 1 + 100 * (encoder == "mozjpeg")]
        grid = tuple(int(d) for d in rng.integers(16, size=2)) if rng.random() < shift else (0, 0)
        coded = code(pixels, rate, sampling, trellis=encoder == "mozjpeg")
        found = make(Found(crop(coded.pixels, *grid))).estimate()
        neutral = is_neutral(original)
        return Trial(
            kind, quality, rate, encoder, sampling, (grid[0], grid[1]), factor, neutral, original.kind, found
        )  # fmt: skip

    def later(found: Found) -> Found:
        return code(found.pixels, JpegRate.from_quality(int(rng.choice(_LATER))))

    for quality in _FIRST:
        yield trial("lossless", quality, lambda found: found, shift=0.6)
    for quality in _BEFORE:
        yield trial("saved again", quality, later, shift=0.75)
    for quality in _SCALED:
        factor, name = float(rng.choice(_SCALES)), str(rng.choice(list(RESAMPLING)))
        yield trial(
            "scaled, saved again",
            quality,
            lambda found, factor=factor, name=name: later(Found(scale(found.pixels, factor, name))),  # type: ignore[misc]
            shift=0,
            factor=factor,
        )


def measure_accuracy(originals: Sequence[Original]) -> str:
    """Tables: by quality, by scale, by encoder and kind of picture, and the matrix of qualities."""
    found = [
        one
        for number, original in enumerate(tqdm(originals, desc="accuracy", leave=False, disable=None))
        for one in trials(original, number)
    ]
    parts = [
        _summary(kind, [one for one in found if one.kind == kind]) for kind in dict.fromkeys(t.kind for t in found)
    ]
    return "\n\n".join([*parts, _confusion([one for one in found if one.kind == "lossless"])])


def _summary(kind: str, found: Sequence[Trial]) -> str:
    scaled = kind.startswith("scaled")
    groups: dict[str, list[Trial]] = defaultdict(list)
    for one in found:
        groups[f"quality {one.quality}"].append(one)
    for one in found:
        groups[f"scale {one.scale}" if scaled else one.encoder].append(one)
    for one in found:
        groups[one.picture].append(one)
    groups["all"] = list(found)
    last = ["scale right"] if scaled else ["grid right", "of 16", "chroma"]
    header = [kind, "files", "found", "within 2", "within 5", *last]
    return table(header, [_row(name, group, scaled) for name, group in groups.items()])


def _row(name: str, group: Sequence[Trial], scaled: bool) -> list[str]:
    row = [name, str(len(group)), percent([one.found is not None for one in group])]
    row += [percent([one.within(most) for one in group]) for most in (2, 5)]
    if scaled:
        return [*row, percent([one.at_scale() for one in group])]
    # Where chroma tells nothing, and where it is not subsampled, luma's grid is all that there is.
    coloured = [one for one in group if one.found is not None and not one.neutral]
    halved = [one for one in coloured if one.sampling == "4:2:0"]
    samplings = [_sampling(one) for one in coloured]
    return [
        *row,
        percent([one.on_grid() for one in group]),
        percent([one.on_grid(16) for one in halved]),
        percent(samplings),
    ]


def _sampling(one: Trial) -> bool:
    rate = one.found.rate if one.found is not None else None
    return isinstance(rate, JpegRate) and rate.subsampling == SAMPLES[one.sampling]


def _confusion(found: Sequence[Trial]) -> str:
    """Rows are true qualities, columns what was told."""
    edges = [*_FIRST]
    rows = []
    for quality in _FIRST:
        told = [one for one in found if one.quality == quality and one.encoder == "libjpeg"]
        levels = [None if one.found is None else one.found.rate.level for one in told]
        counts = [sum(level == edge for level in levels) for edge in edges]
        nothing = sum(level is None for level in levels)
        rows.append([quality, *counts, len(told) - sum(counts) - nothing, nothing])
    return table(["quality (libjpeg, lossless)", *map(str, edges), "another", "nothing"], rows)
