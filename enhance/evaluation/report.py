"""Means and gains over measurements, as a text table, JSON, CSV and rate-distortion curves."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

from enhance.errors import OutputError, UsageError
from enhance.evaluation.measuring import BASELINE, Measurement

LOWER_IS_BETTER = frozenset({"lpips"})
_TITLES = {"psnr": "PSNR", "psnr_b": "PSNR-B", "ssim": "SSIM", "lpips": "LPIPS"}
_DIGITS = {"psnr": 2, "psnr_b": 2, "ssim": 4, "lpips": 4}


@dataclass(frozen=True)
class Gain:
    """Gain over the decoded picture, picture by picture; positive is better for every metric, LPIPS included.

    Attributes:
        mean: over the pictures.
        std: standard deviation over the pictures.
        worst: of the picture that gains least.
    """

    mean: float
    std: float
    worst: float

    @classmethod
    def of(cls, gains: Sequence[float]) -> Gain:
        if not all(map(math.isfinite, gains)):
            return cls(math.nan, math.nan, math.nan)
        return cls(fmean(gains), pstdev(gains), min(gains))


@dataclass(frozen=True)
class Summary:
    """All pictures at one level under one setting.

    Attributes:
        level: JPEG quality factor, or slice QP.
        setting: name of the setting.
        images: number of pictures.
        bits_per_pixel: mean over the pictures.
        seconds: median over the pictures.
        means: {metric: mean}.
        gains: {metric: gain}; empty for the decoded picture.
    """

    level: int
    setting: str
    images: int
    bits_per_pixel: float
    seconds: float
    means: dict[str, float]
    gains: dict[str, Gain]


def summarize(measurements: Iterable[Measurement]) -> list[Summary]:
    """One summary for each level and setting, in the order of measurement within ascending level."""
    groups: dict[tuple[int, str], dict[str, Measurement]] = defaultdict(dict)
    for one in measurements:
        groups[one.level, one.setting][one.image] = one
    return [
        _summary(group, {} if setting == BASELINE else groups.get((level, BASELINE), {}))
        for (level, setting), group in sorted(groups.items(), key=lambda item: item[0][0])
    ]


def _summary(group: Mapping[str, Measurement], baseline: Mapping[str, Measurement]) -> Summary:
    """Summary of one group {image: measurement}; `baseline` holds the decoded pictures of the same level."""
    ones = list(group.values())
    gains = {}
    for name in ones[0].values if baseline else ():
        sign = -1 if name in LOWER_IS_BETTER else 1
        gains[name] = Gain.of([sign * (one.values[name] - baseline[one.image].values[name]) for one in ones])
    return Summary(
        level=ones[0].level,
        setting=ones[0].setting,
        images=len(ones),
        bits_per_pixel=fmean(one.bits_per_pixel for one in ones),
        seconds=median(one.seconds for one in ones),
        means={name: fmean(one.values[name] for one in ones) for name in ones[0].values},
        gains=gains,
    )


def to_table(summaries: Sequence[Summary]) -> str:
    """Text table: per level and setting the means, and for PSNR the gain with its spread and worst picture."""
    names = list(summaries[0].means) if summaries else []
    header = ["level", "setting", "bpp"]
    for name in names:
        header += [_TITLES.get(name, name), "gain", *(["std", "worst"] if name == "psnr" else [])]
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
    digits = _DIGITS.get(name, 4)
    gain = one.gains.get(name)
    numbers = [gain.mean, gain.std, gain.worst] if gain else []
    cells = [f"{number:+.{digits}f}" for number in numbers] or [""] * 3
    if gain:
        cells[1] = cells[1].lstrip("+")
    return [f"{one.means[name]:.{digits}f}", *(cells if name == "psnr" else cells[:1])]


def to_rows(summaries: Iterable[Summary]) -> list[dict[str, Any]]:
    """Flat rows for CSV: level, setting, images, bits_per_pixel, seconds, and for each metric its mean and gains."""
    rows = []
    for one in summaries:
        row: dict[str, Any] = asdict(one)
        means, gains = row.pop("means"), row.pop("gains")
        for name, mean in means.items():
            row[name] = mean
            for key in ("mean", "std", "worst"):
                row[f"{name}_gain_{key}"] = gains.get(name, {}).get(key, "")
        rows.append(row)
    return rows


def to_curves(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Rate-distortion curves: one row a point, settings together, ascending in rate."""
    order = {one.setting: index for index, one in reversed(list(enumerate(summaries)))}
    points = sorted(summaries, key=lambda one: (order[one.setting], one.bits_per_pixel))
    return [
        {"setting": one.setting, "level": one.level, "bits_per_pixel": one.bits_per_pixel, **one.means}
        for one in points
    ]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with a header line; numbers with six decimals."""
    stream = StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    return stream.getvalue()


def to_json(summaries: Sequence[Summary], measurements: Sequence[Measurement], about: Mapping[str, Any]) -> str:
    """JSON: {"about", "summaries", "measurements"}; numbers that are not finite become null.

    The record of each measurement says which model it was, on which device and in which arithmetic.
    """
    content = {
        "about": dict(about),
        "summaries": [asdict(one) for one in summaries],
        "measurements": [asdict(one) for one in measurements],
    }
    return json.dumps(_finite(content), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Refuses an output path before hours of work. Raises UsageError: its suffix or its folder is wrong."""
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"the suffix must be {' or '.join(suffixes)}", source=str(path))
    if not path.parent.is_dir():
        raise UsageError("there is no such folder to write to", source=str(path.parent))


def write_text(path: Path, text: str) -> None:
    """Writes a report. Raises OutputError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the report cannot be written: {error.strerror}", source=str(path)) from error
