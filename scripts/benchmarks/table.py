"""The report as text for a terminal, and as Markdown: one table for each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.results import Case
from enhance.evaluation.reporting.tables import to_lines

Column = tuple[str, Callable[[Case], str]]


def render_part(part: str, cases: Sequence[Case], *, markdown: bool = False) -> str:
    """One part's table, and what was left out of it."""
    title, columns = _PARTS[part]
    measured = [case for case in cases if case.left_out is None]
    filled = [(name, [cell(case) for case in measured]) for name, cell in columns]
    filled = [
        (name, cells) for name, cells in filled if any(cells) or not measured
    ]  # what nobody measured is no column
    rows = [list(row) for row in zip(*(cells for _, cells in filled), strict=True)]
    header = [name for name, _ in filled]
    lines = [f"**{title}**" if markdown else title, ""]
    lines += [_markdown(header, rows)] if markdown else _text(header, rows)
    left_out = [f"Left out: {case.name} ({case.left_out})." for case in cases if case.left_out is not None]
    return "\n".join([*lines, *(["", *left_out] if left_out else [])])


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return to_lines([header, ["---", *["---:"] * (len(header) - 1)], *rows])


def _text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    line = "  ".join(f"{{:{'>' if place else '<'}{width}}}" for place, width in enumerate(widths))
    return [f"  {line.format(*cells)}".rstrip() for cells in (header, *rows)]


def render_machine(about: Mapping[str, Any], *, markdown: bool = False) -> str:
    """What the tables were measured on, as it stands below them. `about`: of a `Report`."""
    machine, versions, model, options = (about[name] for name in ("machine", "versions", "model", "options"))
    fast = "fast" if machine["fast_bfloat16"] else "no fast"
    facts = [
        f"{machine['cpu']}, {machine['cores']} cores ({machine['capability']}, {fast} bfloat16)",
        f"threads: {options['threads']}",
        f"torch {versions['torch']}",
        f"enhance {versions['enhance']}",
        f"model {model['name']} {model['sha256'][:12]}",
        about["date"][:10],
    ]
    text = f"{', '.join(facts)}. Times are medians (least to most)."
    if options["quick"]:
        text += " A quick run: the numbers mean nothing."
    return f"*{text}*" if markdown else text


def _seconds(case: Case) -> str:
    if len(case.seconds) == 1:
        return _short(case.median)
    return f"{_short(case.median)} ({_short(min(case.seconds))} to {_short(max(case.seconds))})"


def _short(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.{max(0, 2 - _magnitude(value))}f}"


def _magnitude(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _figure(name: str, unit: float = 1.0, pattern: str = "{:.1f}") -> Callable[[Case], str]:
    """A cell with one of the case's figures in some unit; empty where it is not known."""

    def cell(case: Case) -> str:
        value = case.figures.get(name)
        return "" if value is None else pattern.format(value / unit)

    return cell


def _setting(name: str) -> Callable[[Case], str]:
    return lambda case: str(case.settings[name])


def _speed(case: Case) -> str:
    return _short(case.figures["seconds_per_megapixel"])


_NAME: Column = ("", lambda case: case.name)
_TIME: Column = ("seconds", _seconds)
_RUNS: Column = ("runs", lambda case: str(len(case.seconds)))
_PIXELS: Column = ("pixels", lambda case: f"{case.settings['width']}x{case.settings['height']}")

_PARTS: dict[str, tuple[str, tuple[Column, ...]]] = {
    "cost": (
        "Cost of one step",
        (
            _NAME,
            ("M parameters", _figure("parameters", 1e6)),
            ("published", _figure("published_parameters", 1e6)),
            ("kMAC per pixel", _figure("macs_per_pixel", 1e3)),
            ("published", _figure("published_macs_per_pixel", 1e3)),
            ("times ours", _figure("times_our_operations")),
        ),
    ),
    "step": (
        "One step of the network alone, beside FBCNN's architecture in the same process",
        (_NAME, _PIXELS, _TIME, _RUNS, ("times as fast as FBCNN", _figure("times_as_fast_as_fbcnn"))),
    ),
    "pictures": (
        "One picture from JPEG file to file, each case in a fresh process",
        (
            _NAME,
            _PIXELS,
            ("steps", _setting("steps")),
            ("dtype", _setting("dtype")),
            _TIME,
            _RUNS,
            ("seconds per MP", _speed),
            ("peak MiB", _figure("peak_resident", 2**20, "{:.0f}")),
            ("MiB before", _figure("resident_before", 2**20, "{:.0f}")),
            ("MiB more per MP", _figure("growth_per_megapixel", 2**20, "{:.0f}")),
        ),
    ),
    "start": ("Start-up, each run in a fresh process", (_NAME, _TIME, _RUNS)),
    "waiting": (
        "From the start of `enhance run` until progress shows, one picture",
        (_NAME, _PIXELS, _TIME, ("CPU seconds", _figure("cpu_seconds", pattern="{:.2f}")), _RUNS),
    ),
    "folder": (
        "A folder of small JPEG files",
        (
            _NAME,
            ("files", _setting("files")),
            ("MP", lambda case: f"{case.settings['megapixels']:.1f}"),
            _TIME,
            _RUNS,
            ("times the bare network", _figure("times_the_bare_network", pattern="{:.2f}")),
            ("CPU seconds", _figure("cpu_seconds")),
            ("times the bare network's", _figure("cpu_times_the_bare_network", pattern="{:.2f}")),
        ),
    ),
    "backends": (
        "One step of the network alone, computed by different libraries",
        (
            _NAME,
            _PIXELS,
            ("CPU seconds", _seconds),
            _RUNS,
            ("a megapixel", _speed),
            ("CPU seconds to load", _figure("to_load", pattern="{:.2f}")),
            ("more for a new size", _figure("new_size", pattern="{:.2f}")),
            ("worst difference", _figure("difference", pattern="{:.2f}")),
        ),
    ),
    "processes": (
        "A folder, shared between processes",
        (
            _NAME,
            ("files", _setting("files")),
            ("MP", lambda case: f"{case.settings['megapixels']:.1f}"),
            _TIME,
            _RUNS,
            ("CPU seconds", _figure("cpu_seconds")),
            ("of these to start", _figure("cpu_seconds_to_start")),
        ),
    ),
    "threads": (
        "One step of the network alone by threads",
        (_NAME, _PIXELS, _TIME, _RUNS, ("times as fast as one", _figure("times_as_fast_as_one", pattern="{:.2f}"))),
    ),
    "bands": (
        "One step of the network alone on a large picture, in one piece and in bands of rows",
        (_NAME, _PIXELS, _TIME, _RUNS, ("times as fast", _figure("times_as_fast_as_whole", pattern="{:.2f}"))),
    ),
}
