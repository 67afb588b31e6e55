"""The structure that `docs/architecture.md` promises: its places exist, none is missing, imports run one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

PLACES = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
"""Folders and files of the page's list, the ground first."""


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
    """Of every module but the package's own face, which names everything, and which anything may name."""
    named = {name: frozenset(imported_by(file)) - {name, "enhance"} for name, file in modules().items()}
    return {name: others for name, others in named.items() if name not in ("enhance", "enhance.__main__")}


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


def floor(module: str) -> int:
    """Where the list has the top folder, or the file, that a module lies in."""
    top = "enhance/" + module.split(".")[1]
    return PLACES.index(top if top in PLACES else f"{top}.py")


def test_no_module_imports_itself_through_others() -> None:
    assert [name for name in imports() if name in reached_from(name)] == []


def test_imports_run_upwards_in_the_list_only() -> None:
    wrong = [(name, other) for name, others in imports().items() for other in others if floor(other) > floor(name)]
    assert wrong == []


def test_every_folder_and_every_file_at_the_top_is_in_the_list() -> None:
    folders = {file.parent.relative_to(ROOT).as_posix() for file in modules().values()} - {"enhance"}
    files = {file.relative_to(ROOT).as_posix() for file in (ROOT / "enhance").glob("[!_]*.py")}
    assert folders | files == set(PLACES)
    assert len(PLACES) == len(set(PLACES))


def test_every_path_that_the_page_names_exists() -> None:
    named = [name for name in re.findall(r"`([^`\s]+)`", PAGE) if "/" in name or name.endswith((".py", ".cfg", ".md"))]
    assert len(named) > 30 and [name for name in named if not (ROOT / name).exists()] == []


def test_every_name_that_the_page_gives_to_a_file_is_in_it() -> None:
    for name, path in re.findall(r"`(\w+)` in\s+`([^`]+\.py)`", PAGE):
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), (name, path)


def test_each_folder_says_what_lives_there() -> None:
    for name, file in modules().items():
        assert file.name != "__init__.py" or ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), name
