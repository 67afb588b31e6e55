"""Where to keep what can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path | None:
    """The user's folder for what can be made again; it may not exist. None: the user has no home."""
    try:
        if sys.platform == "win32":
            return Path(os.environ["LOCALAPPDATA"], "enhance", "Cache")
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "enhance"
        named = os.environ.get("XDG_CACHE_HOME", "")
        return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "enhance"
    except (KeyError, RuntimeError):
        return None
