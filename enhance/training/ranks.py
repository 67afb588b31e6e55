"""Several processes that train one model, each on crops of its own.

torchrun --nproc-per-node 8 -m enhance train ...
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn

FAR = 10**9
"""Between the seeds of two processes."""

_PATIENCE = timedelta(hours=2)  # the others wait while the first validates, or decodes pictures


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
        device: where it computes.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that saves, validates and speaks."""
        return self.rank == 0

    def share(self, network: nn.Module) -> nn.Module:
        """The network with gradients that are means over all processes."""
        if self.count == 1:
            return network
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=devices, gradient_as_bucket_view=True)

    @staticmethod
    def without_sharing(network: nn.Module) -> Any:
        """A context in which gradients stay with the process, for all but the last part of a batch."""
        no_sync = getattr(network, "no_sync", None)
        return no_sync() if no_sync else nullcontext()

    def follow(self, number: float) -> float:
        """The first one's number, for all."""
        if self.count == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64, device=self.device)
        distributed.broadcast(told, src=0)
        return float(told)

    def agree(self, seconds: float, interrupted: bool) -> tuple[float, bool]:
        """The first one's clock, and whether anybody was interrupted: all stop after the same step, or none."""
        if self.count == 1:
            return seconds, interrupted
        mine = [seconds if self.is_first else 0.0, float(interrupted)]
        told = torch.tensor(mine, dtype=torch.float64, device=self.device)
        distributed.all_reduce(told)
        return float(told[0]), bool(told[1])

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Lets the first process do something before the others do: they find it done."""
        if self.count > 1 and not self.is_first:
            distributed.barrier()
        yield
        if self.count > 1 and self.is_first:
            distributed.barrier()


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Joins the processes that `torchrun` started, if it did; on CUDA each takes a device of its own."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks(torch.device(device))
        return
    own = torch.device(device)
    if own.type == "cuda":
        own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Ranks(own, distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
