"""Tables and single numbers of measurements for a page, as its markers ask for them.

    <!-- measured: live1 row="decoded: the JPEG" row="fidelity: `--mode fidelity`" levels="5 10"
         columns="steps levels seconds:1" cells="psnr/lpips_alex:3" bold origin -->
    <!-- measured: live1 levels="10 20" row=fidelity row="fidelity unprojected" columns="psnr gain(psnr)" intervals -->
    <!-- measured: live1 levels=10 row=fidelity value=gain(psnr) -->

FOLDER          of results, below the folder of all runs
codec=NAME      where the folder has several
levels="L ..."  default: all
row="SETTING"   may be repeated, in the order of the table; "SETTING: text" names it otherwise; default: all
columns="C ..." quantities; "levels" stands for a column for each level, the others are means over the levels;
                default: levels, if there are cells
cells=C         what the columns of levels show (default: psnr)
value=C         instead of a table one quantity of one row, for the running text
head="text"     above the rows (default: setting)
over=SETTING    what gains are over (default: decoded)
intervals       95 % intervals behind metrics and gains
bold            the best value of each column, of each metric where they share cells
origin          a line below the table: number of pictures, model, protocol, date

A quantity is a metric's name, gain(METRIC) (positive is better), bits_per_pixel, seconds (median over pictures),
images, or a knob; ":2" behind it sets the decimals, and "/" puts several into a cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enhance.codecs.registry import level_name
from enhance.errors import UsageError
from enhance.evaluation.measuring.measurement import BASELINE
from enhance.evaluation.reporting.summary import Summary
from enhance.evaluation.reporting.tables import to_lines
from report.pages import Fill, Marker
from report.quantities import Quantity, bold_best, parse_joined
from report.quoted_results import Measured, origin

_OPTIONS = ("codec", "levels", "row", "columns", "cells", "value", "head", "over")
_FLAGS = ("intervals", "bold", "origin")
_LEVELS = "levels"
_ZERO = re.compile(r"(?<![\d.])0(?=\.)")


@dataclass(frozen=True)
class _Row:
    """A setting, and what it is called in the table."""

    setting: str
    title: str

    @classmethod
    def parse(cls, text: str) -> _Row:
        setting, _, title = text.partition(": ")
        return cls(setting, title or setting)


@dataclass(frozen=True)
class _Column:
    """Quantities at a level, or over several."""

    title: str
    levels: tuple[int, ...]
    quantities: tuple[Quantity, ...]


def measured_tables(runs: Path) -> Fill:
    """What fills in markers of measurements; each folder is read once.

    Args:
        runs: folder of the folders that `enhance eval --output` made.
    """
    opened: dict[str, Measured] = {}

    def render(marker: Marker) -> str:
        marker.check(_OPTIONS, _FLAGS)
        if marker.subject not in opened:
            opened[marker.subject] = Measured(runs / marker.subject)
        return _render(marker, opened[marker.subject])

    return render


def _render(marker: Marker, measured: Measured) -> str:
    codec = measured.codec(marker.one("codec"))
    levels = measured.levels(codec, marker.one("levels").split())
    rows = [_Row.parse(text) for text in marker.options.get("row", measured.settings(codec, levels))]
    if "value" in marker.options and len(rows) != 1:
        raise UsageError("value= needs one row=")
    columns = _columns(marker, codec, levels)
    over = marker.one("over", BASELINE)
    metrics = {one.name for column in columns for one in column.quantities if one.is_metric}
    measured.check(codec, levels, [*(row.setting for row in rows), over], metrics)
    table = [
        [measured.summarize(codec, column.levels, row.setting, _metrics(column), over) for row in rows]
        for column in columns
    ]
    with_intervals = "intervals" in marker.flags
    texts = [_texts(column, ones, with_intervals, "bold" in marker.flags) for column, ones in zip(columns, table)]
    if "value" in marker.options:
        return texts[0][0]
    head = [marker.one("head", "setting"), *(column.title for column in columns)]
    body = [[row.title, *(column[index] for column in texts)] for index, row in enumerate(rows)]
    lines = to_lines([[cell.replace("|", r"\|") for cell in line] for line in (head, ["---"] * len(head), *body)])
    return f"{lines}\n\n*{origin(measured, codec, table[0][0].images)}*" if "origin" in marker.flags else lines


def _columns(marker: Marker, codec: str, levels: Sequence[int]) -> list[_Column]:
    if "value" in marker.options:
        clash = [f"{name}=" for name in ("columns", "cells", "head") if name in marker.options]
        if clash:
            raise UsageError(f"value= and {clash[0]} do not go together")
        return [_Column("", tuple(levels), parse_joined(marker.one("value")))]
    words = marker.one("columns", _LEVELS).split()
    if "cells" in marker.options and _LEVELS not in words:
        raise UsageError("cells= is for columns of levels", hint='columns="... levels ..."')
    columns = []
    for word in words:
        if word == _LEVELS:
            cells, name = parse_joined(marker.one("cells", "psnr")), level_name(codec)
            columns += [_Column(f"{name} {level}", (level,), cells) for level in levels]
        else:
            quantities = parse_joined(word)
            columns.append(_Column(" / ".join(one.title for one in quantities), tuple(levels), quantities))
    return columns


def _metrics(column: _Column) -> list[str]:
    return [one.name for one in column.quantities if one.is_metric]


def _texts(column: _Column, summaries: list[Summary], with_intervals: bool, is_bold: bool) -> list[str]:
    """The column's cells. In cells of several quantities numbers below 1 go without their 0, so that they are short."""
    parts = []
    for quantity in column.quantities:
        texts = [quantity.text(one, with_intervals=with_intervals) for one in summaries]
        if len(column.quantities) > 1:
            texts = [_ZERO.sub("", text) for text in texts]
        best = bold_best(summaries, quantity) if is_bold else [False] * len(texts)
        parts.append([f"**{text}**" if is_best else text for text, is_best in zip(texts, best)])
    return [" / ".join(cell) for cell in zip(*parts)]
