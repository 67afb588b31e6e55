"""A folder of results: every picture's numbers, what they were made with, and the features of patches.

    measurements.csv   one row for each picture, written as it is measured
    about.json         the models, the protocol and the environment
    features/          features of the pictures' patches, for distances between sets
    streams/           what a slow encoder made

A later run into the same folder measures what is missing; whatever would make its numbers another kind of number (a
model, a protocol, an original, a list of metrics) must be the same.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from enhance.errors import UsageError
from enhance.evaluation.measuring.measurement import Key, Measurement
from enhance.evaluation.measuring.settings import COLUMNS, KNOB_TYPES
from enhance.system.atomic_file import as_output_error, atomic_file

_FORMAT = 1
_KEY = ("codec", "level", "image", "setting")
_COST = ("bits_per_pixel", "seconds")


def _switch(text: str) -> bool:
    return text == "True"


_PARSERS: dict[str, Callable[[str], Any]] = {**KNOB_TYPES, "consistent": _switch, "guard": _switch}


class Results:
    """The measurements of a folder.

    Args:
        folder: made if it is missing.
        fixed: what all measurements of the folder share, nested dictionaries of plain JSON values; new entries of a
            dictionary are added to those of earlier runs, others must be the same.
        metrics: names of the columns.

    Attributes:
        measurements: those of earlier runs and those that were added.

    Raises:
        UsageError: the folder holds measurements that do not go together with new ones, or something else.
        OutputError: it cannot be written.
    """

    def __init__(self, folder: Path, fixed: Mapping[str, Any], metrics: Sequence[str]) -> None:
        self.folder = folder
        self._metrics = list(metrics)
        self._columns = [*_KEY, *_COST, *COLUMNS, *self._metrics]
        with as_output_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
        about = _read_about(folder)
        now = {**fixed, "metrics": self._metrics}
        _check_agreement(about.get("fixed", now), now, str(folder))
        self.measurements = self._read_measurements(bool(about))
        self._about = {"format": _FORMAT, "fixed": _merge(about.get("fixed", {}), now), "runs": about.get("runs", [])}
        self._write_measurements()
        self._write_about()

    def begin_run(self, environment: Mapping[str, Any]) -> None:
        """Records a run: versions, machine, command. Raises OutputError."""
        self._about["runs"].append(dict(environment))
        self._write_about()

    @property
    def about(self) -> dict[str, Any]:
        """What about.json holds."""
        return self._about

    def add(self, measurement: Measurement) -> None:
        """Adds a row, at once. Raises OutputError."""
        self.measurements.append(measurement)
        with as_output_error(self._table), self._table.open("a", encoding="utf-8", newline="") as file:
            file.write(self._row(measurement))

    @property
    def _table(self) -> Path:
        return self.folder / "measurements.csv"

    def _read_measurements(self, is_expected: bool) -> list[Measurement]:
        """Rows of earlier runs."""
        if not self._table.exists():
            return []
        if not is_expected:
            raise UsageError("a table whose origin is unknown is in the way", source=str(self._table), hint=_ELSEWHERE)
        columns, measurements = _read_table(self._table, self._metrics)
        if columns != self._columns:
            raise UsageError("this table has other columns", source=str(self._table), hint=_ELSEWHERE)
        return measurements

    def _row(self, one: Measurement) -> str:
        cells: list[Any] = [*one.key, one.bits_per_pixel, round(one.seconds, 4)]
        cells += [one.knobs.get(name, "") for name in COLUMNS]
        cells += [one.values.get(name, math.nan) for name in self._metrics]
        return _line([f"{cell:.8g}" if isinstance(cell, float) else cell for cell in cells])

    def _write_measurements(self) -> None:
        lines = [_line(self._columns), *map(self._row, self.measurements)]
        with atomic_file(self._table, overwrite=True) as file:
            file.write("".join(lines).encode())

    def _write_about(self) -> None:
        with atomic_file(self.folder / "about.json", overwrite=True) as file:
            file.write((json.dumps(self._about, indent=1) + "\n").encode())


_ELSEWHERE = "choose another --output"


def load_results(folder: Path) -> tuple[list[Measurement], dict[str, Any]]:
    """What a folder holds, which is left as it is; a table of an older version may lack columns of knobs.

    Returns:
        the measurements, and what about.json holds.

    Raises:
        UsageError: it does not hold results, or they are damaged.
    """
    about, table = _read_about(folder), folder / "measurements.csv"
    if not about or not table.exists():
        hint = "enhance eval --output FOLDER makes them"
        raise UsageError("there are no results of an evaluation", source=str(folder), hint=hint)
    return _read_table(table, about["fixed"]["metrics"])[1], about


def _read_about(folder: Path) -> dict[str, Any]:
    """What about.json holds; empty where there is none."""
    path = folder / "about.json"
    if not path.exists():
        return {}
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != _FORMAT:
            raise ValueError(f"format {about['format']}")
        return about
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"not the results of an evaluation: {error}", source=str(path), hint=_ELSEWHERE) from error


def _read_table(table: Path, metrics: Sequence[str]) -> tuple[list[str], list[Measurement]]:
    """Names of the columns, and the rows; one that an interrupted run left cut off is dropped."""
    with as_output_error(table):
        text = table.read_text(encoding="utf-8")
    rows = csv.DictReader(StringIO(text[: text.rfind("\n") + 1]))
    columns = list(rows.fieldnames or ())
    if not {*_KEY, *_COST, *metrics} <= set(columns):
        raise UsageError("this table has other columns", source=str(table), hint=_ELSEWHERE)
    try:
        found = {one.key: one for one in (_parse(row, metrics) for row in rows)}
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"this table is damaged: {error}", source=str(table), hint=_ELSEWHERE) from error
    return columns, list(found.values())


def _parse(row: Mapping[str, str], metrics: Sequence[str]) -> Measurement:
    knobs = {name: _PARSERS[name](row[name]) for name in COLUMNS if row.get(name)}
    values = {name: float(row[name]) for name in metrics}
    key = Key(row["codec"], int(row["level"]), row["image"], row["setting"])
    return Measurement(key, float(row["bits_per_pixel"]), float(row["seconds"]), values, knobs)


def _line(cells: Sequence[Any]) -> str:
    stream = StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()


def _check_agreement(before: Any, now: Any, folder: str, place: str = "") -> None:
    """Raises UsageError where two nested dictionaries hold different values under one name."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before.keys() & now.keys():
            _check_agreement(before[name], now[name], folder, f"{place} {name}".strip())
    elif before != now:
        reason = f"this folder holds measurements with another {place}: {_short(before)} there, {_short(now)} now"
        raise UsageError(reason, source=folder, hint=_ELSEWHERE)


def _short(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _merge(before: Any, now: Any) -> Any:
    if isinstance(before, dict) and isinstance(now, dict):
        return {**before, **{name: _merge(before.get(name), value) for name, value in now.items()}}
    return now
