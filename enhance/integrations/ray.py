"""Ray: folders and buckets on a cluster, and a transform for datasets of Ray Data.

    from enhance.integrations.ray import ClusterPlan, enhance_dataset, run_cluster

Neither ray nor torch is imported before something is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enhance.integrations.ray_cluster import ClusterPlan, run_cluster
    from enhance.integrations.ray_dataset import enhance_dataset

_HOMES = {"ClusterPlan": "ray_cluster", "enhance_dataset": "ray_dataset", "run_cluster": "ray_cluster"}

__all__ = ["ClusterPlan", "enhance_dataset", "run_cluster"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"enhance.integrations.{_HOMES[name]}"), name)
