"""Importing the package, or an integration, costs next to nothing: no torch, and none of the libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import enhance.integrations

FOLDER = Path(enhance.integrations.__file__).parent
HEAVY = {"torch", "numpy", "PIL", "cv2", "imageio", "kornia", "onnx", "onnxruntime", "ray", "scipy", "vapoursynth"}
FACES = sorted(file.stem for file in FOLDER.glob("[!_]*.py") if "_" not in file.stem)
"""What users import; the files with an underscore in their name are loaded by them."""


def test_there_is_something_to_import() -> None:
    assert {"imageio", "opencv", "pillow", "torch"} <= set(FACES)


@pytest.mark.parametrize("name", ["enhance", *(f"enhance.integrations.{face}" for face in FACES)])
def test_importing_it_imports_nothing_heavy(name: str) -> None:
    program = f"import sys, {name}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
