"""An address is told apart from a file that is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

import enhance
from enhance.cli.main import main


@pytest.mark.parametrize("command", ["run", "info", "compare"])
def test_an_address_is_no_missing_file(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [] if command == "info" else ["-o", str(tmp_path / ("page.html" if command == "compare" else "out"))]
    assert main([command, "https://example.org/photo.jpg?size=[1-9]", *options]) == 1
    told = capsys.readouterr().err
    assert "is an address, not a file (nothing is loaded from a network" in told


def test_in_python_too(tmp_path: Path) -> None:
    with pytest.raises(enhance.DecodeError, match="is an address"):
        enhance.decode("https://example.org/photo.jpg")
    with pytest.raises(enhance.DecodeError, match="no such file"):
        enhance.decode(tmp_path / "photo.jpg")
