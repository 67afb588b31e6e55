"""Which code trained a model."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def revision(package: Path = _PACKAGE) -> str:
    """The commit of the package's checkout, with "+" where files differ from it; elsewhere a hash of its files.

    A package that was installed or copied has no commit of its own, even if it lies in somebody else's repository.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is not None:
        commit = _git(package, "rev-parse", "--short=12", "HEAD")
        if commit:
            return commit + ("" if _git(package, "diff", "--quiet", "HEAD", "--", ".") is not None else "+")
    return f"source-{_hash(package)}"


def _git(folder: Path, *arguments: str) -> str | None:
    """What a command says; None if it fails. A checkout that belongs to another user is read like one's own."""
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _hash(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
