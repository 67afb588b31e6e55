"""Every example of the pages about use runs, and every command of all pages is one that there is."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import enhance
from enhance.cli.main import command_parser
from tests.docs.conftest import ROOT
from tests.docs.test_integrations import PAGES as RUN_THERE
from tests.docs.test_integrations import examples

PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page not in RUN_THERE]
RUN_IN_FULL = [page for page in PAGES if page.stem in ("README", "use", "blind", "compare")]
NOT_HERE = ("pip install", "scripts/", "enhance ui", "enhance train")
"""What would change this environment, run the tests again, or wait for somebody; these are only looked up."""


def lines(page: Path) -> list[str]:
    """The commands of a page, without their comments."""
    joined = examples(page, "sh").replace("\\\n", " ")
    return [line for line in (re.sub(r"\s#.*", "", line).strip() for line in joined.splitlines()) if line]


def commands(page: Path) -> Iterator[list[str]]:
    """The programs of a page with their arguments, without redirections."""
    for line in lines(page):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&<>;")
        lexer.whitespace_split = True
        words = list(lexer)
        command: list[str] = []
        for before, word in zip(["", *words], words):
            if word in ("|", "&", ";"):
                yield command
                command = []
            elif word not in ("<", ">") and before not in ("<", ">"):
                command.append(word)
        yield command


@pytest.fixture
def described(folder: Path) -> Path:
    """The working folder with everything else that these pages speak of."""
    photo = Image.open(folder / "photo.jpg")
    photo.load()
    for name in ("a.jpg", "b.jpg", "again.jpg", "coded/a.jpg", "archive/deeper/a.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "photo.jpg", folder / name)
    (folder / "originals").mkdir()
    photo.save(folder / "originals" / "a.png")
    photo.save(folder / "saved.png")
    with zipfile.ZipFile(folder / "book.cbz", "w") as book:
        book.write(folder / "photo.jpg", "1.jpg")
    (folder / "books").mkdir()
    shutil.copy(folder / "book.cbz", folder / "books" / "first.cbz")
    return folder


def test_all_blocks_are_of_a_kind_that_is_run() -> None:
    kinds = {
        kind for page in PAGES for kind in re.findall(r"^```(\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert kinds == {"python", "sh"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_understood(page: Path) -> None:
    for program, *arguments in commands(page):
        if program == "enhance":
            parser, _ = command_parser(arguments[0])
            open_ended = [one for before, one in zip(arguments, arguments[1:]) if one != "..." or before[:2] == "--"]
            parser.parse_args(open_ended)
        elif program.startswith("scripts/"):
            sources = [ROOT / program, *(ROOT / "scripts").rglob("*.py")]
            known = "".join(path.read_text(encoding="utf-8") for path in sources)
            options = [word for word in arguments if word.startswith("--")]
            assert (ROOT / program).is_file() and [option for option in options if f'"{option}"' not in known] == []
        elif program == "python":
            option, source = arguments
            assert option == "-c"
            compile(source, program, "exec")  # what it asks of the network is not to be had everywhere
        else:
            assert program in ("pip", "cat", "ffmpeg", "mkfifo", "DecoderApp"), "it is looked at by no test"


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page).strip()], ids=lambda page: page.stem)
def test_the_lines_of_python_run(page: Path, described: Path) -> None:
    pixels = np.asarray(Image.open(described / "photo.jpg").convert("RGB"))
    given = {"enhance": enhance, "jpeg_bytes": (described / "photo.jpg").read_bytes(), "pixels": pixels}
    program = described / "examples.py"
    program.write_text(examples(page), encoding="utf-8")
    runpy.run_path(str(program), init_globals=given)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_IN_FULL, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page: Path, described: Path, shell: dict[str, str]) -> None:
    runnable = [line for line in lines(page) if not line.startswith(NOT_HERE)]
    for index, line in enumerate(runnable):
        place = described.parent / f"{described.name}-{index}"  # as if it were the first
        shutil.copytree(described, place, symlinks=True)
        done = subprocess.run(
            ["/bin/sh", "-c", line], cwd=place, env=shell, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
