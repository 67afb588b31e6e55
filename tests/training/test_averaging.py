"""Averages of models."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from enhance.codecs import conditioning as layout
from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.models.checkpoint import Checkpoint
from enhance.models.unet import UNetConfig
from enhance.training.averaging import average_checkpoints
from tests.models.test_unet import TINY, random_denoiser

TABLE = RateTable((10.0, 90.0), (0.2, 0.1))


def checkpoint(fill: float, config: UNetConfig = TINY) -> Checkpoint:
    denoiser = random_denoiser(config)
    for parameter in denoiser.parameters():
        torch.nn.init.constant_(parameter, fill)
    return Checkpoint(denoiser, TABLE, TABLE, "vvc", training={"fill": fill})


def test_the_average_is_that_of_every_weight_and_says_what_it_is_of() -> None:
    parts = [checkpoint(fill) for fill in (1.0, 2.0, 6.0)]
    average = average_checkpoints(parts)
    assert all(bool((parameter == 3).all()) for parameter in average.denoiser.parameters())
    parts_of_it = [{"fill": 1.0}, {"fill": 2.0}, {"fill": 6.0}]
    assert average.training == {"average_of": parts_of_it, "shares": [1 / 3] * 3, "looks": 1.0}
    assert (average.codec, average.residual_scale, average.threshold) == ("vvc", TABLE, TABLE)
    assert all(bool((parameter == 1).all()) for parameter in parts[0].denoiser.parameters())


def test_models_that_do_not_fit_together_are_refused() -> None:
    one = checkpoint(1.0)
    other_table = RateTable((10.0, 90.0), (0.2, 0.11))
    changes: dict[str, Any] = {"codec": "jpeg", "residual_scale": other_table, "threshold": other_table}
    for what, value in changes.items():
        with pytest.raises(WeightsError, match=f"differ in {what}"):
            average_checkpoints([one, dataclasses.replace(one, **{what: value})])
    with pytest.raises(WeightsError, match="shapes"):
        average_checkpoints([one, checkpoint(1.0, dataclasses.replace(TINY, middle_blocks=2))])


def test_a_model_that_knows_no_position_has_an_average_with_one_that_does() -> None:
    """Its part in the mean does not make looks weaker."""
    narrow = checkpoint(1.0, dataclasses.replace(TINY, conditioning_size=5, position=False))
    wide = checkpoint(3.0, dataclasses.replace(TINY, position=True, conditioning_size=layout.SIZE))
    for parts in ([narrow, wide], [wide, narrow]):
        average = average_checkpoints(parts).denoiser
        assert average.config == wide.denoiser.config
        state = average.state_dict()
        assert bool((state["network.position_mlp.weight"] == 3).all())
        rate = state["network.rate_mlp.0.weight"]
        assert bool((rate[:, :5] == 2).all()) and bool((rate[:, 5:] == 1.5).all())
    assert not narrow.denoiser.config.position


def test_shares_and_stronger_looks() -> None:
    one, other = (checkpoint(fill, dataclasses.replace(TINY, position=True)) for fill in (1.0, 5.0))
    average = average_checkpoints([one, other], [3, 1], looks=1.5)
    state = average.denoiser.state_dict()
    assert bool((state.pop("network.position_mlp.weight") == 3).all())
    assert all(bool((state[name] == 2).all()) for name, _ in average.denoiser.named_parameters() if name in state)
    assert (average.training["shares"], average.training["looks"]) == ([0.75, 0.25], 1.5)


def test_there_is_a_share_for_each_model() -> None:
    with pytest.raises(ValueError, match="shorter"):
        average_checkpoints([checkpoint(1.0)], [0.5, 0.5])
