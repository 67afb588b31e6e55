"""Names of a module that are imported from another one when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def on_demand(module: str, **homes: str) -> Callable[[str], Any]:
    """A module's `__getattr__` (PEP 562) for names that live in other modules of the same folder.

    Args:
        module: the module's own `__name__`.
        homes: {name: the module in which it is}.
    """
    folder = module.rpartition(".")[0]

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(import_module(f"{folder}.{homes[name]}"), name)

    return find
