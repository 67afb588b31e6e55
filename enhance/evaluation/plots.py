"""Plots of summaries: metrics over rate, and the plane of distortion and perception with a curve for every knob.

matplotlib is needed; it is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enhance.atomic_file import as_output_error
from enhance.errors import UsageError
from enhance.evaluation.catalog import KINDS
from enhance.evaluation.measuring import BASELINE
from enhance.evaluation.report import LEVELS
from enhance.evaluation.summary import Summary
from enhance.evaluation.sweeps import find_sweeps, label

DISTORTION = ("psnr", "ms_ssim", "ssim")
PERCEPTION = ("lpips_alex", "dists", "lpips_squeeze", "fid", "fd_alex", "niqe")

_PANEL = (4.6, 3.8)  # inches
# Where curves write their numbers, in points from the marker, so that those that meet do not write over each other.
_BESIDE = ((4, 3), (4, -9), (-13, 3), (-13, -9))


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
            figure.savefig(path, dpi=150)
        files.append(path)
    return files


def check_library() -> None:
    """Raises UsageError: matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError("plots need matplotlib", hint="pip install 'enhance[eval]'") from error


def _panels(rows: int, columns: int) -> tuple[Any, Any]:
    check_library()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _by_codec(summaries: Sequence[Summary]) -> dict[str, list[Summary]]:
    codecs = dict.fromkeys(one.codec for one in summaries)
    return {codec: [one for one in summaries if one.codec == codec] for codec in codecs}


def _rate_figure(summaries: Sequence[Summary], metrics: Sequence[str]) -> Any:
    """A row for each codec, a panel for each metric, a curve for each setting."""
    groups = _by_codec(summaries)
    figure, panels = _panels(len(groups), len(metrics))
    styles = _styles(summaries)
    for row, (codec, ones) in zip(panels, groups.items(), strict=True):
        for panel, metric in zip(row, metrics, strict=True):
            for setting, style in styles.items():
                points = [one for one in ones if one.setting == setting and metric in one.means]
                points.sort(key=lambda one: one.bits_per_pixel)
                rates, values = [one.bits_per_pixel for one in points], [one.means[metric].mean for one in points]
                if points:
                    panel.plot(rates, values, label=setting, **style)
            panel.set(xlabel="bits per pixel", ylabel=_axis(metric), title=codec)
            panel.grid(alpha=0.3)
    _legend(figure, panels)
    return figure


def _plane_figure(summaries: Sequence[Summary], distortion: str, perception: str) -> Any:
    """A row for each codec, a panel for each level: every setting a point, every knob a curve."""
    groups = _by_codec(summaries)
    levels = {codec: sorted({one.level for one in ones}) for codec, ones in groups.items()}
    figure, panels = _panels(len(groups), max(map(len, levels.values())))
    styles = _styles(summaries)
    for row, (codec, ones) in zip(panels, groups.items(), strict=True):
        for panel in row[len(levels[codec]) :]:
            panel.set_axis_off()
        for panel, level in zip(row, levels[codec], strict=False):
            _draw_plane(panel, [one for one in ones if one.level == level], distortion, perception, styles)
            panel.set(xlabel=_axis(distortion), ylabel=_axis(perception))
            panel.set(title=f"{codec}, {LEVELS.get(codec, 'level')} {level}")
            panel.grid(alpha=0.3)
    _legend(figure, panels)
    return figure


def _draw_plane(
    panel: Any, summaries: Sequence[Summary], distortion: str, perception: str, styles: Mapping[str, Any]
) -> None:
    def place(one: Summary) -> tuple[float, float]:
        return one.means[distortion].mean, one.means[perception].mean

    sweeps = find_sweeps(summaries)
    for index, sweep in enumerate(sweeps):
        points, color = [place(one) for one in sweep.points], f"C{index % 10}"
        panel.plot(*zip(*points, strict=True), label=f"knob: {label(sweep, sweeps)}", color=color, zorder=1)
        for one, point in zip(sweep.points, points, strict=True):
            text, where = f"{one.knobs[sweep.knob]:g}", _BESIDE[index % len(_BESIDE)]
            panel.annotate(text, point, xytext=where, textcoords="offset points", fontsize=7, color=color)
    swept = [one.knobs for sweep in sweeps for one in sweep.points]
    for one in summaries:
        style = {**styles[one.setting], "linestyle": "none", "zorder": 2}
        if one.knobs in swept:
            style |= {"color": "0.35", "marker": ".", "markersize": 5}
        panel.plot(*place(one), label="_nolegend_" if one.knobs in swept else one.setting, **style)


def _styles(summaries: Sequence[Summary]) -> dict[str, dict[str, Any]]:
    """{setting: how it is drawn}: the decoded picture in black, ours in colours, peers dashed."""
    found: dict[str, dict[str, Any]] = {}
    for one in summaries:
        if one.setting in found:
            continue
        if one.setting == BASELINE:
            found[one.setting] = {"color": "black", "marker": "*"}
        else:
            ours = {"linestyle": "-", "marker": "o"} if one.knobs else {"linestyle": "--", "marker": "x"}
            found[one.setting] = {"color": f"C{len(found) % 10}", "markersize": 4, **ours}
    return found


def _axis(metric: str) -> str:
    kind = KINDS[metric]
    unit = ", dB" if kind.title.startswith("PSNR") else ""
    return f"{kind.title}{unit} ({'lower' if kind.lower_is_better else 'higher'} is better)"


def _legend(figure: Any, panels: Any) -> None:
    """One legend for all panels, below them."""
    entries: dict[str, Any] = {}
    for panel in panels.flat:
        for handle, text in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(text, handle)
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3, fontsize=8)
