"""Plots of summaries: metrics over rate, and the plane of distortion and perception with a curve for every knob.

matplotlib is needed; it is imported when something is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from statistics import fmean
from typing import Any

from PIL import Image

from enhance.codecs.registry import level_name
from enhance.errors import UsageError
from enhance.evaluation.measuring.measurement import BASELINE
from enhance.evaluation.metrics.catalog import KINDS
from enhance.evaluation.reporting.plot_labels import Label, write_labels
from enhance.evaluation.reporting.summary import Summary
from enhance.evaluation.reporting.sweeps import Sweep, find_sweeps, label
from enhance.knobs import MODES
from enhance.system.atomic_file import as_output_error, atomic_file

DISTORTION = ("psnr", "ms_ssim", "ssim")
PERCEPTION = ("lpips_alex", "dists", "lpips_squeeze", "fid", "fd_alex", "niqe")

_PANEL = (4.2, 3.3)  # inches
_DPI = 120
_TINTS = 96
_MOST_CURVES = 8
# Okabe and Ito's colours, which differ for everybody, less the yellow, which is pale on white.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def draw(summaries: Sequence[Summary], folder: Path) -> list[Path]:
    """Draws what the measured metrics allow.

    Args:
        summaries: from `summarize`.
        folder: made if it is missing.

    Returns:
        the files: rate_distortion.png, rate_perception.png, distortion_perception.png, or some of them.

    Raises:
        UsageError: matplotlib is not installed.
        OutputError: a file cannot be written.
    """
    names = {name for one in summaries for name in one.means}
    distortion, perception = ([name for name in group if name in names] for group in (DISTORTION, PERCEPTION))
    figures = {}
    if distortion:
        figures["rate_distortion"] = _rate_figure(summaries, distortion[:2])
    if perception:
        figures["rate_perception"] = _rate_figure(summaries, perception[:4])
    if distortion and perception:
        figures["distortion_perception"] = _plane_figure(summaries, distortion[0], perception[0])
    files = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        with as_output_error(path):
            folder.mkdir(parents=True, exist_ok=True)
            _save(figure, path)
        files.append(path)
    return files


def check_library() -> None:
    """Raises UsageError: matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError("plots need matplotlib", hint="pip install 'enhance[eval]'") from error


def _save(figure: Any, path: Path) -> None:
    """Writes a PNG file with a palette, which lines and letters do not suffer from."""
    stream = BytesIO()
    figure.savefig(stream, dpi=_DPI, format="png")
    picture = Image.open(stream).convert("RGB").quantize(_TINTS, dither=Image.Dither.NONE)
    with atomic_file(path, overwrite=True) as file:
        picture.save(file, "PNG", optimize=True)


def _panels(counts: Sequence[int]) -> tuple[Any, list[list[Any]]]:
    """A figure, and for each count as many panels; each count begins a row, and a row has up to three panels."""
    check_library()
    from matplotlib.figure import Figure

    # Two rows of two are larger on a page than three and one.
    columns = max(2 if count == 4 else min(count, 3) for count in counts)
    rows = sum(math.ceil(count / columns) for count in counts)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows), dpi=_DPI, layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    groups = []
    for count in counts:
        group, left = panels[:count], panels[count : math.ceil(count / columns) * columns]
        panels = panels[count + len(left) :]
        groups.append(group)
        for panel in left:
            panel.remove()
    return figure, groups


def _by_codec(summaries: Sequence[Summary]) -> dict[str, list[Summary]]:
    codecs = dict.fromkeys(one.codec for one in summaries)
    return {codec: [one for one in summaries if one.codec == codec] for codec in codecs}


def _distinct(summaries: Sequence[Summary]) -> list[Summary]:
    """Without settings that stand for the same knobs as another: modes stay, otherwise the first."""
    names: dict[Any, str] = {}
    for one in sorted(summaries, key=lambda one: one.setting not in MODES):
        names.setdefault((one.codec, *one.knobs.items()) if one.knobs else one.setting, one.setting)
    return [one for one in summaries if one.setting in names.values()]


def _rate_figure(summaries: Sequence[Summary], metrics: Sequence[str]) -> Any:
    """Rows for each codec, a panel for each metric, a curve for each setting."""
    groups = _by_codec(_distinct(summaries))
    figure, rows = _panels([len(metrics)] * len(groups))
    styles = _styles([one for ones in groups.values() for one in ones])
    for row, (codec, ones) in zip(rows, groups.items(), strict=True):
        for panel, metric in zip(row, metrics, strict=True):
            for setting, style in styles.items():
                points = [one for one in ones if one.setting == setting and metric in one.means]
                points.sort(key=lambda one: one.bits_per_pixel)
                rates, values = [one.bits_per_pixel for one in points], [one.means[metric].mean for one in points]
                if points:
                    panel.plot(rates, values, label=setting, linewidth=1.3, **style)
            _finish(panel, "bits per pixel", _axis(metric), codec.upper())
    _legend(figure, [panel for row in rows for panel in row])
    return figure


def _plane_figure(summaries: Sequence[Summary], distortion: str, perception: str) -> Any:
    """Rows for each codec, a panel for each level: every setting a point, every knob a curve."""
    groups = _by_codec(_distinct(summaries))
    levels = {codec: sorted({one.level for one in ones}) for codec, ones in groups.items()}
    figure, rows = _panels([len(of_codec) for of_codec in levels.values()])
    planes = []
    for row, (codec, ones) in zip(rows, groups.items(), strict=True):
        for panel, level in zip(row, levels[codec], strict=True):
            planes.append(_Plane(panel, [one for one in ones if one.level == level], distortion, perception))
            rate = fmean(one.bits_per_pixel for one in planes[-1].summaries)
            title = f"{codec.upper()}, {level_name(codec)} {level} ({rate:.2f} bits per pixel)"
            _finish(panel, _axis(distortion), _axis(perception), title)
            panel.margins(0.14)  # room for labels
    styles: dict[str, dict[str, Any]] = {}
    for plane in planes:
        plane.draw(styles)
    _legend(figure, [plane.panel for plane in planes])
    figure.draw_without_rendering()  # labels need the panels' final places
    for plane in planes:
        plane.write_labels(styles)
    return figure


@dataclass(frozen=True)
class _Plane:
    """Distortion and perception at one level of one codec.

    Attributes:
        panel: matplotlib's axes.
        summaries: of the level.
        distortion, perception: the metrics of the axes.
    """

    panel: Any
    summaries: Sequence[Summary]
    distortion: str
    perception: str

    @cached_property
    def sweeps(self) -> dict[str, Sweep]:
        """{label: sweep}, those with most points if there are many."""
        found = find_sweeps(self.summaries)
        most = sorted(found, key=lambda one: -len(one.points))[: len(_COLORS)]
        return {label(one, most): one for one in found if one in most}

    def draw(self, styles: dict[str, dict[str, Any]]) -> None:
        """Curves and points; new labels get a style."""
        for text, sweep in self.sweeps.items():
            index = len(styles) % len(_COLORS)
            style = styles.setdefault(text, {"color": _COLORS[index], "marker": _MARKERS[index]})
            points = [self._place(one) for one in sweep.points]
            self.panel.plot(
                *zip(*points, strict=True), label=f"knob: {text}", linewidth=1.3, markersize=4, zorder=2, **style
            )
        for one in self._alone:
            marker = "*" if one.setting == BASELINE else "." if one.knobs else "x"
            self.panel.plot(*self._place(one), marker, color="black", label="_nolegend_", zorder=3)

    def write_labels(self, styles: Mapping[str, Mapping[str, Any]]) -> None:
        """Names of modes, of peers and of settings on no curve, and the knobs' values."""
        named = [one for one in self.summaries if one in self._alone or one.setting in MODES]
        labels = [Label(one.setting, self._place(one), "black") for one in named]
        for text, sweep in self.sweeps.items():
            color = styles[text]["color"]
            labels += [Label(f"{one.knobs[sweep.knob]:g}", self._place(one), color) for one in sweep.points]
        curves = [[self._place(one) for one in sweep.points] for sweep in self.sweeps.values()]
        write_labels(self.panel, labels, curves)

    @property
    def _alone(self) -> list[Summary]:
        """Settings that are on no curve."""
        swept = [one.setting for sweep in self.sweeps.values() for one in sweep.points]
        return [one for one in self.summaries if one.setting not in swept]

    def _place(self, one: Summary) -> tuple[float, float]:
        return one.means[self.distortion].mean, one.means[self.perception].mean


def _styles(summaries: Sequence[Summary]) -> dict[str, dict[str, Any]]:
    """{setting: how it is drawn}: the decoded picture in black, ours in colours, peers dashed.

    Of many settings only the decoded picture, modes and peers are drawn, and others while there are colours left.
    """
    found: dict[str, dict[str, Any]] = {BASELINE: {"color": "black", "marker": "*"}}
    knobs = {one.setting: one.knobs for one in summaries}
    first = [name for name in knobs if name in MODES or not knobs[name]]
    chosen = [*first, *(name for name in knobs if name not in first)][:_MOST_CURVES]
    for name in knobs:
        if name in chosen and name not in found:
            index = (len(found) - 1) % len(_COLORS)
            line = "-" if knobs[name] else "--"
            found[name] = {"color": _COLORS[index], "marker": _MARKERS[index], "markersize": 4, "linestyle": line}
    return found


def _finish(panel: Any, x: str, y: str, title: str) -> None:
    panel.set_xlabel(x, fontsize=9)
    panel.set_ylabel(y, fontsize=9)
    panel.set_title(title, fontsize=10)
    panel.tick_params(labelsize=8)
    panel.locator_params(nbins=6)
    panel.margins(0.08)
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def _axis(metric: str) -> str:
    kind = KINDS[metric]
    unit = " in dB" if kind.title.startswith("PSNR") else ""
    return f"{kind.title}{unit}, {'lower' if kind.lower_is_better else 'higher'} is better"


def _legend(figure: Any, panels: Sequence[Any]) -> None:
    """One legend for all panels, below them."""
    entries: dict[str, Any] = {}
    for panel in panels:
        for handle, text in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(text, handle)
    if entries:
        columns = 2 if figure.get_figwidth() < 2 * _PANEL[0] else 4
        figure.legend(
            entries.values(), entries.keys(), loc="outside lower center", ncols=columns, fontsize=8, frameon=False
        )
