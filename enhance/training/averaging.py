"""Averages of models that were trained from one another, which generalise better than each of them.

Source: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time".
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

import torch

from enhance.errors import WeightsError
from enhance.models.checkpoint import Checkpoint
from enhance.models.unet import Denoiser


def average_checkpoints(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The mean of the weights of models of one shape, with all that the first says beside them.

    A model that knows less of the rate than another, or no position, is widened first (`Denoiser.widened`).

    Args:
        checkpoints: one or more, not changed; trained from one another, or the mean is no useful network.

    Returns:
        a model whose `training` lists those of its parts under "average_of".

    Raises:
        WeightsError: they differ in codec, shape, s(q) or τ(q), so that their predictions have other meanings.
    """
    first = checkpoints[0]
    for other in checkpoints[1:]:
        for what in ("codec", "residual_scale", "threshold"):
            if getattr(other, what) != getattr(first, what):
                raise WeightsError(f"models that differ in {what} have no average", source=other.name)
    denoisers = _of_one_shape([checkpoint.denoiser for checkpoint in checkpoints])
    for checkpoint, denoiser in zip(checkpoints, denoisers):
        if denoiser.config != denoisers[0].config:
            raise WeightsError("networks of other shapes have no average", source=checkpoint.name)
    denoiser = copy.deepcopy(denoisers[0])
    states = [it.state_dict() for it in denoisers]
    denoiser.load_state_dict(
        {key: torch.stack([state[key].float() for state in states]).mean(dim=0) for key in states[0]}
    )
    training = {"average_of": [checkpoint.training for checkpoint in checkpoints]}
    return dataclasses.replace(first, denoiser=denoiser, training=training)


def _of_one_shape(denoisers: Sequence[Denoiser]) -> list[Denoiser]:
    """The networks, widened where they differ in what they know."""
    known = {(denoiser.config.conditioning_size, denoiser.config.position) for denoiser in denoisers}
    return list(denoisers) if len(known) == 1 else [denoiser.widened() for denoiser in denoisers]
