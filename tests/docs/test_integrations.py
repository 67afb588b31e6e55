"""Every example of the pages on the API and on integrations runs, in a folder with a photo and streams."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import time_limit

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "api.md", *sorted((ROOT / "docs" / "integrations").glob("*.md"))]
NEEDS = {
    "torch": ["kornia"], "imageio": ["imageio"], "opencv": ["cv2"], "onnx": ["onnx", "onnxruntime"],
    "ray": ["ray", "pyarrow"], "datasets": ["datasets", "webdataset"],
    "vapoursynth": ["vapoursynth"],
}  # fmt: skip
"""What a page's examples import beside what is always there."""


def examples(page: Path, language: str = "python") -> str:
    """The blocks of a page as one program; what is between them becomes empty lines, so that errors name its lines."""
    text = page.read_text(encoding="utf-8")
    code, lines = False, []
    for line in text.splitlines():
        fence = line.startswith("```")
        lines.append(line if code and not fence else "")
        code = line == f"```{language}" if fence else code
    return "\n".join(lines)


def marked(pages: Iterable[Path]) -> list[Any]:
    """The pages, slow what starts a cluster."""
    return [pytest.param(page, marks=pytest.mark.slow if page.stem == "ray" else ()) for page in pages]


@pytest.mark.parametrize("page", marked(PAGES), ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path, folder: Path) -> None:
    for name in NEEDS.get(page.stem, []):
        pytest.importorskip(name)
    program = folder / f"{page.stem}_examples.py"
    program.write_text(examples(page), encoding="utf-8")
    try:
        with time_limit():
            runpy.run_path(str(program), run_name="__main__")
    finally:
        if "ray" in sys.modules:
            sys.modules["ray"].shutdown()


@pytest.mark.parametrize(
    "page", marked(page for page in PAGES if examples(page, "sh").strip()), ids=lambda page: page.stem
)
def test_the_commands_of_a_page_run(page: Path, folder: Path, shell: dict[str, str]) -> None:
    for name in NEEDS.get(page.stem, []):
        pytest.importorskip(name)
    program = f"set -e\n{examples(page, 'sh')}"
    with time_limit():
        done = subprocess.run(
            ["/bin/sh", "-c", program], cwd=folder, env=shell, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr


def test_the_rule_for_make_makes_a_picture(folder: Path, shell: dict[str, str]) -> None:
    if shutil.which("make") is None:
        pytest.skip("there is no make")
    (folder / "Makefile").write_text(examples(ROOT / "docs/integrations/shell.md", "make"), encoding="utf-8")
    done = subprocess.run(["make", "photos/one.png"], cwd=folder, env=shell, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "photos" / "one.png").is_file()


def test_links_lead_somewhere_and_all_pages_are_linked() -> None:
    linked = set(re.findall(r"\]\(([^)#:]+)\)", (ROOT / "docs/api.md").read_text(encoding="utf-8")))
    assert linked - {"blind.md"} == {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_begins_with_a_few_lines_to_copy(page: Path) -> None:
    first = re.match(r"# [^\n]+\n\n```(?:python|sh)\n(.*?)```\n", page.read_text(encoding="utf-8"), re.DOTALL)
    assert first, "a title, and then an example"
    assert len([line for line in first[1].splitlines() if line.strip()]) <= 5
