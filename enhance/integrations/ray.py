"""Ray: folders and buckets on a cluster, and a transform for datasets of Ray Data.

    from enhance.integrations.ray import ClusterPlan, enhance_dataset, run_cluster

Neither ray nor torch is imported before something is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enhance.integrations.on_demand import on_demand

if TYPE_CHECKING:
    from enhance.integrations.ray_cluster import ClusterPlan, run_cluster
    from enhance.integrations.ray_dataset import enhance_dataset

__all__ = ["ClusterPlan", "enhance_dataset", "run_cluster"]

__getattr__ = on_demand(__name__, ClusterPlan="ray_cluster", enhance_dataset="ray_dataset", run_cluster="ray_cluster")
