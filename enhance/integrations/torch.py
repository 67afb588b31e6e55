"""The enhancer as a layer: `Enhancement`, an `nn.Module` for tensors, lists of them, and data loaders.

    from enhance.integrations.torch import Enhancement

torch is imported with the first name that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enhance.integrations.torch_module import Enhancement

__all__ = ["Enhancement"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from enhance.integrations import torch_module

    return getattr(torch_module, name)
