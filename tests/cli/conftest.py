"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from enhance.cli.main import main

Run = Callable[..., int]


@pytest.fixture
def run(tiny_model_file: Path) -> Run:
    """`enhance run` with the tiny model."""

    def call(*arguments: object) -> int:
        options = ["--model", str(tiny_model_file), "--dtype", "float32", "--device", "cpu"]
        return main(["run", *map(str, arguments), *options])

    return call
