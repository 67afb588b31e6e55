#!/usr/bin/env python3
"""Draws JPEG, VTM and the learned codec, each decoded and enhanced, in one plot, from what `enhance eval` measured.

    scripts/plot_learned.py docs/measured/kodak docs/measured/learned_kodak -o docs/pictures/learned.webp

The left panel has PSNR over bits, the right one LPIPS: rate, distortion and perception of every setting. All curves are
means over the pictures that all runs measured.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

PANELS = {"psnr": "PSNR, dB", "lpips_alex": "LPIPS (AlexNet), lower is better"}
_COLOURS = {"jpeg": "#666666", "vvc": "#d55e00", "learned": "#0072b2"}
_TITLES = {"jpeg": "JPEG", "vvc": "VTM", "learned": "learned"}
_LINES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"), ((0, (1, 3)), "v"))
_MOST_BITS = 0.9


class Curve(NamedTuple):
    """A setting of a codec.

    Attributes:
        codec, setting: as in the measurements.
        points: {metric and "bits_per_pixel": means at each rate, in the order of the rates}.
    """

    codec: str
    setting: str
    points: Mapping[str, Sequence[float]]


def curves(runs: Sequence[Path], settings: Sequence[str] = ()) -> list[Curve]:
    """Means over the pictures that all runs have; a rate at which some of these were not measured is left out.

    Args:
        runs: folders with a measurements.csv each.
        settings: only these, and decoded pictures; all by default.
    """
    tables = [_rows(run / "measurements.csv") for run in runs]
    shared = set.intersection(*({row["image"] for row in rows} for rows in tables))
    found: dict[tuple[str, str], dict[float, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in (row for rows in tables for row in rows if row["image"] in shared):
        if not settings or row["setting"] in ("decoded", *settings):
            found[row["codec"], row["setting"]][float(row["level"])].append(row)
    whole = {
        key: {level: rows for level, rows in levels.items() if {row["image"] for row in rows} == shared}
        for key, levels in found.items()
    }
    return [Curve(*key, _means(levels)) for key, levels in whole.items() if levels]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _means(levels: Mapping[float, Sequence[Mapping[str, str]]]) -> dict[str, list[float]]:
    names = ("bits_per_pixel", *PANELS)
    rows = sorted(levels.values(), key=lambda rows: fmean(float(row["bits_per_pixel"]) for row in rows))
    return {name: [fmean(float(row[name]) for row in group) for group in rows] for name in names}


def draw(found: Sequence[Curve], path: Path) -> None:
    """Writes the plot; the file's name says the format."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), dpi=120, layout="constrained")
    for axes, (metric, title) in zip(figure.subplots(1, len(PANELS)), PANELS.items()):
        for codec in _COLOURS:
            own = [curve for curve in found if curve.codec == codec]
            for curve, (line, marker) in zip(own, _LINES):
                axes.plot(curve.points["bits_per_pixel"], curve.points[metric], **_style(curve, line, marker))
        axes.set(xlabel="bits per pixel", ylabel=title, xlim=(0, _MOST_BITS))
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path)


def _style(curve: Curve, line: Any, marker: str) -> dict[str, Any]:
    label = f"{_TITLES[curve.codec]}, {curve.setting}"
    return {"color": _COLOURS[curve.codec], "linestyle": line, "marker": marker, "markersize": 4, "label": label}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draws one picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of results of `enhance eval`")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--settings", nargs="+", default=[], help="only these, beside decoded pictures")
    options = parser.parse_args(arguments)
    draw(curves(options.runs, options.settings), options.output)


if __name__ == "__main__":
    main()
