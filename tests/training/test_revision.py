"""A model says which code trained it, wherever that code lay."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from enhance.training.revision import revision


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout" / "package"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "deep" / "code.py").write_text("one = 1\n")
    return folder


def test_a_checkout_has_its_commit_and_a_mark_where_it_was_changed(package: Path) -> None:
    git(package.parent, "init", "-q")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-q", "-m", "first")
    assert revision(package) == git(package, "rev-parse", "--short=12", "HEAD")
    (package.parent / "notes.txt").write_text("beside the package\n")
    assert not revision(package).endswith("+")
    (package / "deep" / "code.py").write_text("one = 2\n")
    assert revision(package) == git(package, "rev-parse", "--short=12", "HEAD") + "+"


def test_a_copy_has_the_hash_of_its_files_even_in_a_foreign_repository(package: Path) -> None:
    first = revision(package)
    assert first.startswith("source-") and len(first) == len("source-") + 12
    (package.parent / "other.txt").write_text("of somebody else\n")
    git(package.parent, "init", "-q")
    git(package.parent, "add", "other.txt")
    git(package.parent, "commit", "-q", "-m", "not about the package")
    assert revision(package) == first
    (package / "deep" / "code.py").write_text("one = 2\n")
    assert revision(package) != first


def test_without_git_there_is_a_revision_too(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = revision(package)
    monkeypatch.setenv("PATH", "")
    assert revision(package) == expected
    assert revision() != "unknown"
