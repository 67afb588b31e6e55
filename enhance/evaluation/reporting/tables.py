"""Summaries as a text table for the terminal, as rows for a CSV file, and as Markdown."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from itertools import groupby
from typing import Any

from enhance.codecs.registry import level_name
from enhance.evaluation.metrics.catalog import KINDS
from enhance.evaluation.reporting.summary import Spread, Summary


def to_table(summaries: Sequence[Summary], names: Sequence[str]) -> str:
    """Text table: per level and setting the means, and for PSNR the gain with its spread and worst picture.

    Several codecs make several tables, each below the codec's name.
    """
    tables = {codec: _table(list(group), names) for codec, group in groupby(summaries, lambda one: one.codec)}
    if len(tables) == 1:
        return next(iter(tables.values()))
    return "\n\n".join(f"{codec}\n{table}" for codec, table in tables.items())


def _table(summaries: Sequence[Summary], names: Sequence[str]) -> str:
    header = ["level", "setting", "bpp"]
    for name in names:
        header += [KINDS[name].title, "gain", *(["std", "worst"] if name == "psnr" else [])]
    rows = [[*header, "s"]]
    for one in summaries:
        row = [str(one.level), one.setting, f"{one.bits_per_pixel:.3f}"]
        for name in names:
            row += _cells(one, name)
        rows.append([*row, f"{one.seconds:.2f}" if one.seconds else ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligns = ["<" if title == "setting" else ">" for title in rows[0]]
    line = "  ".join(f"{{:{align}{width}}}" for align, width in zip(aligns, widths, strict=True))
    return "\n".join(line.format(*row).rstrip() for row in rows)


def _cells(one: Summary, name: str) -> list[str]:
    digits = KINDS[name].digits
    gain = one.gains.get(name)
    cells = [f"{gain.mean:+.{digits}f}", f"{gain.std:.{digits}f}", f"{gain.least:+.{digits}f}"] if gain else [""] * 3
    mean = one.means.get(name)
    return [f"{mean.mean:.{digits}f}" if mean else "", *(cells if name == "psnr" else cells[:1])]


def to_rows(summaries: Iterable[Summary]) -> list[dict[str, Any]]:
    """Rows for CSV: one for each codec, level, setting and metric, with the ends of the 95 % intervals."""
    rows = []
    for one in summaries:
        place = {"codec": one.codec, "level": one.level, "setting": one.setting, "images": one.images}
        cost = {"bits_per_pixel": one.bits_per_pixel, "seconds": one.seconds}
        for name, mean in one.means.items():
            gain = one.gains.get(name)
            numbers = {"mean": mean.mean, "low": mean.low, "high": mean.high}
            gains = [gain.mean, gain.low, gain.high] if gain else [math.nan] * 3
            numbers |= dict(zip(("gain", "gain_low", "gain_high"), gains, strict=True))
            rows.append({**place, **cost, "metric": name, **numbers})
    return rows


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with a header line; numbers with six significant digits."""
    stream = StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    return stream.getvalue()


def to_markdown(summaries: Sequence[Summary], about: Mapping[str, Any], left_out: Mapping[str, str]) -> str:
    """The summary as Markdown: means and gains with their intervals, and what they were measured with.

    Args:
        summaries: from `summarize`.
        about: lines to tell of the run, {topic: text}.
        left_out: {metrics: why they were not measured}.
    """
    parts = ["# Evaluation", _list(about)]
    if left_out:
        parts.append(_list({f"not measured: {titles}": reason for titles, reason in left_out.items()}))
    for codec, group in groupby(summaries, lambda one: one.codec):
        ones = list(group)
        names = list(dict.fromkeys(name for one in ones for name in one.means))
        parts += [f"## {codec}", f"Means over the pictures, and 95 % intervals. {_better(names)}"]
        parts.append(_markdown_table(ones, names, codec, is_gain=False))
        parts.append("Gains over the decoded pictures, paired picture by picture; positive is better for every metric.")
        parts.append(_markdown_table([one for one in ones if one.gains], names, codec, is_gain=True))
    return "\n\n".join(part for part in parts if part) + "\n"


def _list(lines: Mapping[str, Any]) -> str:
    return "\n".join(f"- {topic}: {text}" for topic, text in lines.items())


def _better(names: Sequence[str]) -> str:
    titles = [KINDS[name].title for name in names if KINDS[name].lower_is_better]
    return f"Lower is better for {', '.join(titles)}." if titles else ""


def _markdown_table(summaries: Sequence[Summary], names: Sequence[str], codec: str, *, is_gain: bool) -> str:
    header = [level_name(codec), "setting", "images", "bits per pixel", *(KINDS[name].title for name in names)]
    rows = [[*header, "seconds"], ["---"] * (len(header) + 1)]
    for one in summaries:
        spreads = one.gains if is_gain else one.means
        found = [(spreads.get(name), KINDS[name].digits) for name in names]
        cells = [with_interval(spread, digits, "+" if is_gain else "") if spread else "" for spread, digits in found]
        cost = f"{one.seconds:.2f}" if one.seconds else ""
        rows.append([str(one.level), one.setting, str(one.images), f"{one.bits_per_pixel:.3f}", *cells, cost])
    return to_lines(rows)


def to_lines(rows: Iterable[Sequence[str]]) -> str:
    """Markdown's lines of a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_interval(spread: Spread, digits: int, sign: str = "") -> str:
    """The mean, and its 95 % interval where there is one: "24.73 [24.10, 25.31]"; `sign` is "+" for gains."""
    mean, low, high = (f"{value:{sign}.{digits}f}" for value in (spread.mean, spread.low, spread.high))
    return mean if math.isnan(spread.low) else f"{mean} [{low}, {high}]"
