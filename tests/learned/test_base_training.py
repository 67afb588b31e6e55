"""Training the learned codec: it lowers the loss, saves what is used later, and goes on where it ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from enhance.learned.base_training import BaseTrainer, BaseTraining, block_basis, load_trained, start
from enhance.learned.model import model_of
from enhance.learned.network import LearnedCodec
from enhance.learned.tables import logistic_tables
from enhance.training.sources import Source
from tests.learned.conftest import TINY


@pytest.fixture(scope="module")
def source() -> Source:
    """Two pictures, smooth but for some noise."""
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(40, 200, (2, 20, 20, 3)), np.ones((1, 16, 16, 1)))
    return Source([np.rint(picture + rng.normal(0, 8, picture.shape)).astype(np.uint8) for picture in coarse])


def trained(source: Source, folder: Path, minutes: float) -> BaseTrainer:
    codec = LearnedCodec(TINY)
    start(codec, source, squares=8)
    return BaseTrainer(codec, source, BaseTraining(minutes, crop=64, batch=4, lr=1e-3), folder)


def test_it_lowers_the_loss_saves_and_goes_on(source: Source, tmp_path: Path) -> None:
    trainer = trained(source, tmp_path, 1.0)
    rng = np.random.default_rng(0)
    losses = [trainer.train_step(rng, 1.0)["loss"] for _ in range(10)]
    assert losses[-1] < losses[2]
    trainer.save()
    codec, description = load_trained(tmp_path / "base.safetensors")
    assert description["step"] == 10
    assert model_of(codec, logistic_tables()).rates == TINY.rates
    again = trained(source, tmp_path, 1.0)
    again.resume()
    assert again.step == 10
    assert all(torch.equal(value, again.codec.state_dict()[name]) for name, value in trainer.codec.state_dict().items())


def test_a_run_that_is_over_only_saves(source: Source, tmp_path: Path) -> None:
    trainer = trained(source, tmp_path, 0.0)
    trainer.run()
    assert trainer.step == 0 and (tmp_path / "base.safetensors").exists()


def test_the_basis_is_orthonormal_and_of_falling_variance(source: Source) -> None:
    rng = np.random.default_rng(0)
    basis, deviations = block_basis((source.photo(rng, 64) for _ in range(20)), 12)
    assert torch.allclose(basis @ basis.T, torch.eye(12), atol=1e-5)
    assert (deviations.diff() <= 0).all()
