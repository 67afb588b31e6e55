"""scripts/update_report.py keeps pages up to date with what `enhance eval` measured."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhance.cli.main import main as enhance

SCRIPTS = Path(__file__).parents[3] / "scripts"

PAGE = """One step gains <!-- measured: tiny row=steps=1 value=gain(psnr) --><!-- /measured --> dB.

<!-- measured: tiny levels="10 20" row="decoded: the JPEG" row=steps=1 cells="psnr" bold -->
<!-- /measured -->
"""


@pytest.fixture(scope="module")
def script() -> Callable[[list[str]], int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        main: Callable[[list[str]], int] = runpy.run_path(str(SCRIPTS / "update_report.py"))["main"]
    return main


@pytest.fixture
def runs(tmp_path: Path, tiny_model_file: Path) -> Path:
    (tmp_path / "originals").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    Image.fromarray(pixels).resize((48, 40), Image.Resampling.BICUBIC).save(tmp_path / "originals" / "one.png")
    arguments = ["--qualities", "10", "20", "--steps", "1", "--metrics", "psnr", "--quiet", "--model"]
    output = ["-o", str(tmp_path / "runs" / "tiny")]
    assert enhance(["eval", str(tmp_path / "originals"), *output, *arguments, str(tiny_model_file)]) == 0
    return tmp_path / "runs"


def test_a_page_is_updated_from_an_evaluation(
    script: Callable[[list[str]], int], runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = runs / "page.md"
    page.write_text(PAGE)
    capsys.readouterr()
    assert script([str(runs), str(page), "--check"]) == 1 and page.read_text() == PAGE
    assert capsys.readouterr().out == f"{page}: out of date\n"
    assert script([str(runs), str(page)]) == 0
    lines = page.read_text().splitlines()
    summary = (runs / "tiny" / "summary.md").read_text()
    (row,) = [line for line in lines if line.startswith("| the JPEG |")]
    for cell in row.replace("*", "").split("|")[2:4]:
        assert f"| {cell.strip()} [" in summary
    assert "| setting | quality 10 | quality 20 |" in lines
    assert script([str(runs), str(page), "--check"]) == 0


def test_a_page_that_cannot_be_filled_in_stays(
    script: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert script([str(tmp_path), str(page)]) == 2 and page.read_text() == PAGE
    assert capsys.readouterr().err.startswith(f"update_report: error: {page}:1: ")


def test_the_projects_own_pages_are_up_to_date(script: Callable[[list[str]], int]) -> None:
    """The numbers that README.md and the pages in docs show are those that lie beside them."""
    root = SCRIPTS.parent
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    filled_in = {page.name for page in pages if "<!-- measured: " in page.read_text(encoding="utf-8")}
    assert {"README.md", "report.md", "vvc.md"} <= filled_in
    assert script([str(root / "docs" / "measured"), *map(str, pages), "--check"]) == 0
