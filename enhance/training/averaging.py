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


def average_checkpoints(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The mean of the weights of models of one shape, with all that the first says beside them.

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
        if other.denoiser.config != first.denoiser.config:
            raise WeightsError("networks of other shapes have no average", source=other.name)
    denoiser = copy.deepcopy(first.denoiser)
    states = [checkpoint.denoiser.state_dict() for checkpoint in checkpoints]
    denoiser.load_state_dict(
        {key: torch.stack([state[key].float() for state in states]).mean(dim=0) for key in states[0]}
    )
    training = {"average_of": [checkpoint.training for checkpoint in checkpoints]}
    return dataclasses.replace(first, denoiser=denoiser, training=training)
