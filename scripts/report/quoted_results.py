"""A folder of results as it is quoted: summaries of chosen settings at a level, or over several levels."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from enhance.codecs.registry import level_name
from enhance.errors import UsageError
from enhance.evaluation.measuring.measurement import BASELINE, Key, Measurement
from enhance.evaluation.measuring.results import load_results
from enhance.evaluation.metrics.catalog import KINDS
from enhance.evaluation.reporting.summary import Summary, summarize

_CHOSEN = "chosen"


class Measured:
    """The measurements of a folder that `enhance eval` made.

    Args:
        folder: its path; only read.

    Attributes:
        name: of the folder.
        about: what about.json holds.

    Raises:
        UsageError: there are no results.
    """

    def __init__(self, folder: Path) -> None:
        self.name, self._folder = folder.name, folder
        self._measurements, self.about = load_results(folder)

    def codec(self, wanted: str = "") -> str:
        """The codec of that name, or the only one. Raises UsageError: it was not measured, or there are several."""
        codecs = list(dict.fromkeys(one.key.codec for one in self._measurements))
        if wanted:
            return self._known(wanted, codecs, "codec")
        if len(codecs) != 1:
            raise UsageError(f"{self.name} has {len(codecs)} codecs", hint=f"codec= chooses: {', '.join(codecs)}")
        return codecs[0]

    def levels(self, codec: str, wanted: Sequence[str] = ()) -> list[int]:
        """The levels that are wanted, or all. Raises UsageError: one was not measured."""
        levels = [
            str(level) for level in sorted({one.key.level for one in self._measurements if one.key.codec == codec})
        ]
        return [int(self._known(level, levels, level_name(codec))) for level in wanted or levels]

    def settings(self, codec: str, levels: Collection[int]) -> list[str]:
        """What was measured at all of these levels, as it came first."""
        found = list(dict.fromkeys(one.key.setting for one in self._measurements if one.key.codec == codec))
        return [name for name in found if all(self._pictures(codec, level, name) for level in levels)]

    def check(self, codec: str, levels: Sequence[int], settings: Sequence[str], metrics: Collection[str]) -> None:
        """Raises UsageError: something was not measured, or not on the same pictures as the rest."""
        for metric in metrics:
            self._known(metric, [*self.about["fixed"]["metrics"], *{name for _, name in self._distances}], "metric")
        for level in levels:
            at = f"at {level_name(codec)} {level}"
            pictures = self._pictures(codec, level, settings[0])
            for setting in settings:
                found = self._pictures(codec, level, self._known(setting, self.settings(codec, [level]), "setting", at))
                if found != pictures:
                    counts = f"{len(found)} pictures, {settings[0]!r} {len(pictures)}"
                    raise UsageError(f"{setting!r} does not have the same pictures {at} in {self.name}: {counts}")

    def summarize(
        self, codec: str, levels: Sequence[int], setting: str, metrics: Collection[str], over: str = BASELINE
    ) -> Summary:
        """A setting at one level, or of each picture's mean over several levels.

        Args:
            codec, levels, setting: which, measured and checked.
            metrics: what is summarized; each takes a while.
            over: the setting over which it gains.
        """
        names = {over: BASELINE, setting: BASELINE if setting == over else _CHOSEN}

        def distances(keys: Sequence[Key]) -> dict[str, float]:
            real = over if keys[0].setting == BASELINE else setting
            of_sets = [metric for metric in metrics if KINDS[metric].features]
            return {name: fmean(self._distance(codec, level, real, name) for level in levels) for name in of_sets}

        pooled = [
            self._pool(codec, levels, image, real, alias, metrics)
            for real, alias in names.items()
            for image in sorted(self._pictures(codec, levels[0], real))
        ]
        return summarize(pooled, distances)[-1]

    def _pool(
        self, codec: str, levels: Sequence[int], image: str, setting: str, alias: str, metrics: Collection[str]
    ) -> Measurement:
        """A picture's means over levels, under another name of its setting."""
        ones = [self._by_key[Key(codec, level, image, setting)] for level in levels]
        values = {name: fmean(one.values[name] for one in ones) for name in metrics if not KINDS[name].features}
        cost = fmean(one.bits_per_pixel for one in ones), fmean(one.seconds for one in ones)
        return Measurement(Key(codec, 0, image, alias), *cost, values, ones[0].knobs)

    @cached_property
    def _by_key(self) -> dict[Key, Measurement]:
        return {one.key: one for one in self._measurements}

    @cached_property
    def _distances(self) -> dict[tuple[tuple[str, str, str], str], tuple[float, int]]:
        """{((codec, level, setting), metric): (distance, pictures)} of summary.csv: features need not be kept."""
        path = self._folder / "summary.csv"
        if not path.exists():
            return {}
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if KINDS[row["metric"]].features]
        return {
            ((row["codec"], row["level"], row["setting"]), row["metric"]): (float(row["mean"]), int(row["images"]))
            for row in rows
        }

    def _distance(self, codec: str, level: int, setting: str, metric: str) -> float:
        """A distance between sets. Raises UsageError: the summary is out of date."""
        distance, count = self._distances.get(((codec, str(level), setting), metric), (0.0, 0))
        if count != len(self._pictures(codec, level, setting)):
            reason = f"the summary lacks {KINDS[metric].title} of {setting!r}, which was measured after it was made"
            raise UsageError(reason, source=str(self._folder / "summary.csv"), hint="run enhance eval again")
        return distance

    def _pictures(self, codec: str, level: int, setting: str) -> set[str]:
        return self._places.get((codec, level, setting), set())

    @cached_property
    def _places(self) -> dict[tuple[str, int, str], set[str]]:
        places: dict[tuple[str, int, str], set[str]] = {}
        for one in self._measurements:
            places.setdefault((one.key.codec, one.key.level, one.key.setting), set()).add(one.key.image)
        return places

    def _known(self, wanted: str, names: Sequence[str], kind: str, where: str = "") -> str:
        if wanted not in names:
            reason = f"there is no {kind} {wanted!r} {where}".rstrip() + f" in {self.name}"
            raise UsageError(reason, hint=f"there are {', '.join(names)}" if names else None)
        return wanted


def origin(measured: Measured, codec: str, pictures: int) -> str:
    """What numbers were measured with: "29 pictures, encoder libjpeg in Pillow, ..., measured 2026-01-31"."""
    facts: dict[str, Any] = measured.about["fixed"]["codecs"].get(codec, {})
    words = [f"{name} {_shortened(value)}" for name, value in facts.items() if value is not False]
    dates = [run["date"][:10] for run in measured.about["runs"][-1:]]
    return ", ".join([f"{pictures} pictures", *words, *(f"measured {date}" for date in dates)])


def _shortened(value: object) -> str:
    """Text with only the beginning of a hash."""
    return " ".join(word[:12] if len(word) == 64 else word for word in str(value).split())
