"""Plots are written for what was measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from enhance.errors import OutputError, UsageError
from enhance.evaluation.measuring.settings import combine, describe
from enhance.evaluation.reporting import plots
from enhance.evaluation.reporting.summary import Spread, Summary
from enhance.knobs import SamplingDefaults


def summaries(metrics: list[str], codecs: tuple[str, ...] = ("jpeg",)) -> list[Summary]:
    settings = combine({"steps": [1]}) | combine({"steps": [2, 4], "perception": [1.0]})
    knobs = {name: describe(one, SamplingDefaults()) for name, one in settings.items()}
    found = []
    for codec in codecs:
        for level in (10, 40, 80)[: 2 + (codec == "jpeg")]:
            for index, name in enumerate(("decoded", *knobs, "peer")):
                means = {metric: Spread(level + index, 0, 0, 0, 0) for metric in metrics}
                found.append(Summary(codec, level, name, 3, level / 10, 1, means, {}, knobs.get(name, {})))
    return found


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def test_three_plots(tmp_path: Path) -> None:
    files = plots.draw(summaries(["psnr", "lpips_alex"], ("jpeg", "vvc")), tmp_path / "new")
    assert [path.name for path in files] == [
        "rate_distortion.png", "rate_perception.png", "distortion_perception.png"
    ]  # fmt: skip
    (one, two_codecs), (also_one, _), (levels, _) = map(size, files)
    assert one == also_one and levels == pytest.approx(3 * one, abs=2)
    assert one < two_codecs
    assert all(path.stat().st_size < 100_000 for path in files)


def test_many_levels_make_several_rows() -> None:
    figure, (first, second) = plots._panels([4, 1])
    assert len(first) == 4 and len(second) == 1
    assert tuple(figure.get_size_inches()) == pytest.approx((2 * 4.2, 3 * 3.3))


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    assert [path.name for path in plots.draw(summaries(["psnr"]), tmp_path)] == ["rate_distortion.png"]
    assert [path.name for path in plots.draw(summaries(["niqe"]), tmp_path)] == ["rate_perception.png"]
    assert plots.draw(summaries(["psnr_y"]), tmp_path) == []


def test_the_plane_has_a_curve_for_the_knob_and_a_point_for_every_setting() -> None:
    ones = [one for one in summaries(["psnr", "lpips_alex"]) if one.level == 10]
    figure = plots._plane_figure(ones, "psnr", "lpips_alex")
    (panel,) = figure.axes
    lines = {line.get_label(): list(line.get_xdata()) for line in panel.get_lines()}
    assert lines["knob: steps"] == [11, 12, 13]
    assert [list(line.get_xdata()) for line in panel.get_lines() if line.get_label() == "_nolegend_"] == [[10], [14]]
    assert [text.get_text() for text in panel.texts] == ["decoded", "peer", "1", "2", "4"]
    assert panel.get_title() == "JPEG, quality 10 (1.00 bits per pixel)" and "lower is better" in panel.get_ylabel()


def test_settings_of_the_same_knobs_are_drawn_once_by_their_mode() -> None:
    ones = summaries(["psnr"])
    ones += [replace(one, setting="perceptual") for one in ones if one.setting == "steps=4 perception=1"]
    (panel,) = plots._rate_figure(ones, ["psnr"]).axes
    names = {line.get_label() for line in panel.get_lines()}
    assert names == {"decoded", "steps=1", "steps=2 perception=1", "perceptual", "peer"}


def test_of_many_settings_a_few_are_drawn_and_all_look_different() -> None:
    ones = [replace(one, setting=f"{one.setting} {n}", knobs=one.knobs | {"seed": n})
            for one in summaries(["psnr"]) if one.knobs for n in range(9)]  # fmt: skip
    (panel,) = plots._rate_figure([*summaries(["psnr"]), *ones], ["psnr"]).axes
    lines = panel.get_lines()
    assert len(lines) == 8 and {"decoded", "peer"} < {line.get_label() for line in lines}
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 8


def test_rates_are_drawn_in_ascending_order() -> None:
    figure = plots._rate_figure(summaries(["psnr"])[::-1], ["psnr"])
    (panel,) = figure.axes
    lines = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in panel.get_lines()}
    assert lines["decoded"] == ([1, 4, 8], [10, 40, 80])
    assert set(lines) == {"decoded", "steps=1", "steps=2 perception=1", "steps=4 perception=1", "peer"}


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"enhance\[eval\]"):
        plots.draw(summaries(["psnr"]), tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        plots.draw(summaries(["psnr"]), tmp_path / "file")
