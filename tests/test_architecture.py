"""The structure that is promised: no import circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def name_of(file: Path) -> str:
    """The module that a file is."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@lru_cache(maxsize=1)
def modules() -> dict[str, Path]:
    return {name_of(file): file for file in sorted((ROOT / "enhance").rglob("*.py"))}


def imported_by(file: Path) -> Iterator[str]:
    """Our own modules that a file names in an import, wherever it stands; packages only where nothing else is meant."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from (name for name in (inner if inner in modules() else node.module,) if name in modules())


@lru_cache(maxsize=1)
def imports() -> dict[str, frozenset[str]]:
    return {name: frozenset(imported_by(file)) - {name} for name, file in modules().items()}


def reached_from(start: str) -> set[str]:
    """What is imported by a module, directly or not."""
    reached: set[str] = set()
    waiting = [*imports()[start]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imports()[name]
    return reached


def test_no_module_imports_itself_through_others() -> None:
    # The package's own face names everything for type checkers, and `python -m enhance` is nobody's import.
    assert [name for name in imports() if name != "enhance" and name in reached_from(name)] == []
