"""Averages of models that were trained from one another, which generalise better than each of them.

Source: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time".
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from enhance.errors import WeightsError
from enhance.models.checkpoint import Checkpoint
from enhance.models.unet import Denoiser

_POSITION = "position_mlp"


def average_checkpoints(
    checkpoints: Sequence[Checkpoint], shares: Sequence[float] | None = None, looks: float = 1.0
) -> Checkpoint:
    """The mean of the weights of models of one shape, with all that the first says beside them.

    A model that knows less of the rate than another, or no position, is widened first (`Denoiser.widened`). What
    positions do is the mean over the models that know one: the others do not make looks weaker.

    Args:
        checkpoints: one or more, not changed; trained from one another, or the mean is no useful network.
        shares: of each in the mean, equal by default; their sum is taken for 1.
        looks: factor on what positions do. The predictions at position 0, the posterior mean's, do not change with it.

    Returns:
        a model whose `training` lists those of its parts under "average_of", with "shares" and "looks".

    Raises:
        WeightsError: they differ in codec, shape, s(q) or τ(q), so that their predictions have other meanings.
        ValueError: there is not one share for each.
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
    weights = [1.0] * len(checkpoints) if shares is None else list(shares)
    knowing = [
        weight if checkpoint.denoiser.config.position else 0.0
        for weight, checkpoint in zip(weights, checkpoints, strict=True)
    ]
    states = [it.state_dict() for it in denoisers]
    mean = {key: _mean([state[key] for state in states], knowing if _POSITION in key else weights) for key in states[0]}
    denoiser.load_state_dict({key: looks * value if _POSITION in key else value for key, value in mean.items()})
    parts = [checkpoint.training for checkpoint in checkpoints]
    training = {"average_of": parts, "shares": [weight / sum(weights) for weight in weights], "looks": looks}
    return dataclasses.replace(first, denoiser=denoiser, training=training)


def _mean(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Weighted; zeros where no value has a weight."""
    total = sum(weights) or 1.0
    return torch.stack([value.float() * (weight / total) for value, weight in zip(values, weights)]).sum(dim=0)


def _of_one_shape(denoisers: Sequence[Denoiser]) -> list[Denoiser]:
    """The networks, widened where they differ in what they know."""
    known = {(denoiser.config.conditioning_size, denoiser.config.position) for denoiser in denoisers}
    return list(denoisers) if len(known) == 1 else [denoiser.widened() for denoiser in denoisers]
