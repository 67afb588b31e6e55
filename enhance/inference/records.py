"""The record of what was done to a picture, as far as it stands before anything was done."""

from __future__ import annotations

import torch

from enhance.images import EnhancementRecord, Rate
from enhance.knobs import Knobs, Sampling
from enhance.models.checkpoint import Checkpoint


def nothing_done(
    rate: Rate,
    knobs: Knobs,
    *,
    where: str,
    dtype: torch.dtype,
    model: Checkpoint | None = None,
    sampling: Sampling | None = None,
) -> EnhancementRecord:
    """The record of a picture that is left as it is; whoever does something to it replaces what differs.

    Args:
        rate: what the network is told, or would be.
        knobs: the user's choices.
        where: the device, in words.
        dtype: arithmetic of the network.
        model, sampling: what the picture is enhanced with; None where nothing is known that could be mended.
    """
    return EnhancementRecord(
        codec=rate.codec,
        rate=rate.describe(),
        rate_overridden=False,
        steps=0,
        sampler="one-step" if sampling is None else sampling.name,
        perception=0.0 if sampling is None else float(sampling.perception),
        strength=float(knobs.strength),
        seed=int(knobs.seed),
        threshold=0.0 if model is None else knobs.threshold * model.threshold(rate.level),
        residual_scale=0.0 if model is None else model.residual_scale(rate.level),
        consistent=False,
        ensemble=int(knobs.ensemble),
        model="" if model is None else f"{model.name} {model.sha256[:12]}".strip(),
        device=where,
        dtype=str(dtype).removeprefix("torch."),
        tile=0,
        seconds=0.0,
        factor=(0.0, 0.0),
    )
