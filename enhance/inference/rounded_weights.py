"""A denoiser with its weights in bfloat16 at hand."""

from __future__ import annotations

import copy

import torch

from enhance.inference.fused_blocks import can_fuse, fuse_blocks
from enhance.models.unet import Denoiser


class RoundedWeights:
    """A denoiser beside a copy of it whose weights are rounded to bfloat16 already.

    Autocast rounds all weights for every prediction, which is a good part of the time of a small picture. The copy is
    meant to be called under autocast, too, which then has only activations to round. On a CPU its blocks are fused
    (`FusedBlock`), where that works: it then takes one picture at a time, and comes nearer to float32. Elsewhere
    predictions are those of autocast to the bit.

    Args:
        denoiser: the network in float32. What is changed in it later is not seen by the copy.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self._rounded = copy.deepcopy(denoiser).to(torch.bfloat16)
        on_cpu = denoiser.network.phase.device.type == "cpu"
        self.takes_one = on_cpu and can_fuse()
        if self.takes_one:
            fuse_blocks(self._rounded.network, denoiser.network)

    def now(self, device: torch.device) -> Denoiser:
        """The copy where autocast to bfloat16 is on, otherwise the network itself."""
        kind = device.type
        low = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.bfloat16
        return self._rounded if low else self.denoiser
