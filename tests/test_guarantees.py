"""docs/guarantees.md names tests that exist, and every limit that there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from enhance.system.limits import Limits, way_out

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"`((?:tests|scripts)/[\w/]+(?:\.py)?)?(?:::(\w+))?`")


def test_every_promise_names_a_test_that_exists() -> None:
    named, file = 0, ROOT
    for match in REFERENCE.finditer(TEXT):
        if match[1]:
            file = ROOT / match[1]
            assert file.exists(), match[0]
        if match[2]:
            assert f"def {match[2]}(" in file.read_text(encoding="utf-8"), match[0]
        named += 1
    assert named > 40


def test_every_limit_has_an_option_and_is_documented() -> None:
    for field in fields(Limits):
        hint = way_out(field.name) if field.name != "special_files" else "--special-files"
        option = re.search(r"--[a-z-]+", hint)
        assert option is not None and f"| `{option[0]}" in TEXT
