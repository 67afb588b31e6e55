"""ComfyUI: nodes that load a coded picture with its tables, ask pixels whether they were a JPEG, and enhance.

A file in ComfyUI's folder `custom_nodes` makes them known; this is all of it:

    from enhance.integrations.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

torch is imported with the first name that is asked for; of ComfyUI nothing is, and what runs around the nodes is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enhance.integrations.on_demand import on_demand

if TYPE_CHECKING:
    from enhance.integrations.comfyui_nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]

__getattr__ = on_demand(__name__, NODE_CLASS_MAPPINGS="comfyui_nodes", NODE_DISPLAY_NAME_MAPPINGS="comfyui_nodes")
