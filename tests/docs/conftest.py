"""The folder and the shell in which examples run."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from enhance import enhancer

ROOT = Path(__file__).parents[2]

SHELL = """#!/bin/sh
case $1 in
cluster) exec {python} -m enhance "$@" --model {model} --device cpu ;;  # workers are processes of their own
*) exec {python} -c 'import sys; from pathlib import Path; from enhance import enhancer
enhancer.WEIGHTS = Path(sys.argv.pop(1))
from enhance.cli.main import entry_point
entry_point()' {weights} "$@" ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> Iterator[Path]:
    """The working folder that the pages speak of: photo.jpg, photos/ with two, still.266, video.266. Tiny models."""
    golden = ROOT / "tests" / "golden"
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/one.jpg", "photos/two.jpg"):
        Image.open(golden / "q10_420.jpg").crop((0, 0, 64, 48)).save(tmp_path / name, quality=20)
    for name in ("still.266", "video.266"):
        shutil.copy(golden / "qp37.266", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for processes that an example starts
    enhancer.shared_enhancer.cache_clear()
    yield tmp_path
    enhancer.shared_enhancer.cache_clear()


@pytest.fixture
def shell(folder: Path, tiny_weights: Path, tiny_model_file: Path) -> dict[str, str]:
    """The environment of a shell in which `enhance` is this checkout's, with tiny models."""
    program = folder / "bin" / "enhance"
    program.parent.mkdir()
    written = SHELL.format(python=sys.executable, model=tiny_model_file, weights=tiny_weights)
    program.write_text(written, encoding="utf-8")
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
