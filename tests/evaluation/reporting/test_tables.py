"""The reports: terminal table, CSV and Markdown."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from io import StringIO

import pytest

from enhance.evaluation.measuring.measurement import BASELINE, Key, Measurement
from enhance.evaluation.reporting.summary import Summary, summarize
from enhance.evaluation.reporting.tables import to_csv, to_markdown, to_rows, to_table

Measure = Callable[..., list[Measurement]]


@pytest.fixture
def summaries(two_pictures: Measure) -> list[Summary]:
    return summarize(two_pictures(), lambda keys: {"fd_alex": 4.0 if keys[0].setting == BASELINE else 3.0})


def test_table(summaries: list[Summary]) -> None:
    table = to_table(summaries, ["psnr", "lpips_alex"]).splitlines()
    assert table[0].split() == ["level", "setting", "bpp", "PSNR", "gain", "std", "worst", "LPIPS", "gain", "s"]
    assert table[1].split() == ["10", "decoded", "0.500", "25.00", "0.4000"]
    assert table[2].split() == ["10", "x", "0.500", "27.00", "+2.00", "1.00", "+1.00", "0.4000", "+0.0000", "2.00"]
    assert len(table) == 3


def test_two_codecs_have_two_tables(summaries: list[Summary], two_pictures: Measure) -> None:
    table = to_table(summarize([*two_pictures(), *two_pictures("vvc")]), ["psnr"])
    first, second = table.split("\n\n")
    assert first.splitlines()[0] == "jpeg" and second.splitlines()[0] == "vvc"
    assert first.splitlines()[1:] == second.splitlines()[1:] == to_table(summaries, ["psnr"]).splitlines()


def test_csv_has_a_row_for_each_metric(summaries: list[Summary]) -> None:
    rows = list(csv.DictReader(StringIO(to_csv(to_rows(summaries)))))
    assert [(row["setting"], row["metric"]) for row in rows] == [
        (setting, metric) for setting in (BASELINE, "x") for metric in ("psnr", "lpips_alex", "fd_alex")
    ]
    gained = rows[3]
    assert [float(gained[name]) for name in ("mean", "low", "high", "gain", "gain_low", "gain_high")] == [
        27, 23, 31, 2, 1, 3
    ]  # fmt: skip
    assert (gained["codec"], gained["level"], gained["images"], gained["seconds"]) == ("jpeg", "10", "2", "2")
    assert rows[0]["gain"] == rows[2]["low"] == "nan" and to_csv([]) == "\n"


def test_markdown(summaries: list[Summary]) -> None:
    text = to_markdown(summaries, {"originals": "2 of live1"}, {"FID/256, DISTS": "no weights"})
    lines = text.splitlines()
    assert lines[:4] == ["# Evaluation", "", "- originals: 2 of live1", ""]
    assert "- not measured: FID/256, DISTS: no weights" in lines
    assert "Lower is better for LPIPS, FD/256 (AlexNet)." in text
    header = "| quality | setting | images | bits per pixel | PSNR | LPIPS | FD/256 (AlexNet) | seconds |"
    assert lines.count(header) == 2
    assert "| 10 | x | 2 | 0.500 | 27.00 [23.00, 31.00] | 0.4000 [0.2000, 0.6000] | 3.0000 | 2.00 |" in lines
    assert "| 10 | x | 2 | 0.500 | +2.00 [+1.00, +3.00] | +0.0000 [-0.1000, +0.1000] | +1.0000 | 2.00 |" in lines
    assert sum(line.startswith("| 10 | decoded ") for line in lines) == 1


def test_a_perfect_picture_still_makes_reports() -> None:
    found = [Measurement(Key("jpeg", 100, "a", setting), 1, 0, {"psnr": math.inf}) for setting in (BASELINE, "x")]
    ones = summarize(found)
    assert "inf" in to_table(ones, ["psnr"])
    assert "| inf |" in to_markdown(ones, {}, {}) and ",inf,nan,nan," in to_csv(to_rows(ones))
