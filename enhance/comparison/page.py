"""One HTML file with pictures, style and program inside: it opens from a disk, and asks nothing of any network."""

from __future__ import annotations

import html
import json
import string
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from math import isinf
from typing import Any

from enhance import __version__
from enhance.comparison.layers import Compared
from enhance.comparison.views import layer_facts, make_views
from enhance.errors import OutputError

LARGEST_PAGE = 20_000_000
"""Bytes. Browsers open more, but nobody sends it by mail."""

_BUDGET = 13_500_000  # bytes of pictures: base64 makes 18 million of them, the rest is for maps and text
_LEAST = 150_000  # bytes for a file; below, its crops are no pictures any more
MOST_FILES = _BUDGET // _LEAST
"""Files that one page holds."""


def describe(compared: Compared, count: int) -> dict[str, Any]:
    """A file as plain JSON values for the page, one of `count` files that share its size."""
    return {
        "name": compared.name,
        "facts": _plain(compared.facts),
        "layers": {
            layer.name: {"psnr": compared.decibels.get(layer.name), **_plain(layer_facts(layer))}
            for layer in compared.layers
        },
        "views": make_views(compared, _BUDGET // count),
    }


def make_page(described: Sequence[dict[str, Any]], *, title: str) -> bytes:
    """The page.

    Args:
        described: the files, from `describe`.
        title: of the page.

    Raises:
        OutputError: it would be larger than a page may be.
    """
    # "</script>" in a file's name must not end the program.
    data = json.dumps(_finite(list(described)), separators=(",", ":")).replace("<", "\\u003c")
    page = string.Template(_asset("page.html")).substitute(
        title=html.escape(title), style=_asset("page.css"), data=data, program=_asset("page.js"), version=__version__
    )
    content = page.encode()
    if len(content) > LARGEST_PAGE:
        reason = f"the page would have {len(content) / 1e6:.1f} megabytes, the limit is {LARGEST_PAGE / 1e6:.0f}"
        raise OutputError(reason, hint="compare fewer files at a time")
    return content


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return files("enhance.comparison").joinpath(name).read_text(encoding="utf-8")


def _plain(value: Any) -> Any:
    """Only what JSON has."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def _finite(value: Any) -> Any:
    """Infinity, which JSON does not have, as text."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return "∞" if isinstance(value, float) and isinf(value) else value
