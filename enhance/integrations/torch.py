"""The enhancer as a layer: `Enhancement`, an `nn.Module` for tensors, lists of them, and data loaders.

    from enhance.integrations.torch import Enhancement

torch is imported with the first name that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enhance.integrations.on_demand import on_demand

if TYPE_CHECKING:
    from enhance.integrations.torch_module import Enhancement

__all__ = ["Enhancement"]

__getattr__ = on_demand(__name__, Enhancement="torch_module")
