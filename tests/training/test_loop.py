"""The training loop: it learns, ends in time, and loses nothing when it is resumed."""

from __future__ import annotations

import csv
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import Denoiser, UNetConfig
from enhance.training.crops import Batch, RandomCrops, batches
from enhance.training.degradation import JpegDegradation
from enhance.training.loop import Trainer, TrainingConfig
from enhance.training.sources import Shares, Source
from enhance.training.validation import Validation

TINY = UNetConfig(
    widths=(8, 8, 8, 8), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1), middle_blocks=1, embedding=16
)
PHOTOS = [np.asarray(data.astronaut()), np.asarray(data.chelsea())]
SCALE, THRESHOLD = RateTable((5, 95), (0.15, 0.03)), RateTable((5, 95), (5.0, 5.0))


def trainer(**config: object) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Denoiser(TINY), SCALE, THRESHOLD, TrainingConfig(**{"steps": 100, **config}))  # type: ignore[arg-type]


def stream(quality: int = 10, batch: int = 8) -> Iterator[Batch]:
    degradation = JpegDegradation((quality, quality), custom_share=0, gray_share=0, resaved_share=0)
    source = Source(PHOTOS, shares=Shares(drawings=0, neutral=0, varied=0))
    return batches(RandomCrops(source, 32, degradation, 0), batch, workers=0, pin=False)


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])


def test_it_learns_to_remove_jpeg_artefacts(tmp_path: Path) -> None:
    run = trainer(steps=150, lr=1e-2, ema=0.9)
    validation = Validation.of_jpegs(PHOTOS, qualities=(10,))
    before = validation.gains(run.average, SCALE, THRESHOLD, run.device)[10]
    run.run(stream(), tmp_path, validation)
    after = validation.gains(run.average, SCALE, THRESHOLD, run.device)[10]
    assert before == pytest.approx(0, abs=1e-6), "a new network leaves the picture alone"
    assert after > 0.05
    with (tmp_path / "curve.csv").open() as file:
        row = list(csv.DictReader(file))[-1]
    assert float(row["gain_q10"]) == pytest.approx(after, abs=1e-3)
    assert int(row["crops"]) == 150 * 8
    shipped = load_checkpoint(tmp_path / "model.safetensors")
    assert torch.allclose(weights(shipped.denoiser), weights(run.average), atol=1e-3)
    assert shipped.training["step"] == 150


def test_a_resumed_run_continues_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    pairs = [next(stream()) for _ in range(6)]
    whole = trainer()
    for batch in pairs:
        whole.train_step(batch)
    first = trainer()
    for batch in pairs[:3]:
        first.train_step(batch)
    first.save(tmp_path)
    second = trainer()
    second.resume(tmp_path / "state.pt")
    for batch in pairs[3:]:
        second.train_step(batch)
    assert second.progress.step == whole.progress.step == 6
    assert torch.allclose(weights(second.denoiser), weights(whole.denoiser), atol=1e-6)
    assert torch.allclose(weights(second.average), weights(whole.average), atol=1e-6)


def test_a_run_ends_within_its_minutes(tmp_path: Path) -> None:
    began = time.monotonic()
    run = trainer(steps=None, minutes=0.05)
    run.run(stream(batch=2), tmp_path)
    assert 2.5 < time.monotonic() - began < 10
    assert run.fraction_done() == 1 and run.learning_rate() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_saved_between_two_steps(tmp_path: Path, number: signal.Signals) -> None:
    run = trainer()
    pairs = stream(batch=2)

    def interrupted() -> Iterator[Batch]:
        yield next(pairs)
        signal.raise_signal(number)
        yield next(pairs)

    with pytest.raises(KeyboardInterrupt):
        run.run(interrupted(), tmp_path)
    again = trainer()
    again.resume(tmp_path / "state.pt")
    assert again.progress.step == run.progress.step == 2
    assert torch.equal(weights(again.denoiser), weights(run.denoiser))


def test_learning_rate_rises_then_falls_to_zero() -> None:
    run = trainer(steps=1000, lr=1.0, warmup=0.1)
    rates = []
    for step in (0, 50, 100, 550, 1000):
        run.progress.step = step
        rates.append(run.learning_rate())
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_a_step_without_finite_gradient_changes_nothing() -> None:
    run = trainer(steps=10, warmup=0.0)
    original, base, conditioning, level = next(stream())
    before = weights(run.denoiser).clone()
    run.train_step((original, base, conditioning * float("nan"), level))
    assert torch.equal(weights(run.denoiser), before)
    assert run.progress.step == 1


def test_a_batch_becomes_residuals_in_units_of_their_scale() -> None:
    original, base, conditioning, level = next(stream(quality=40, batch=3))
    run = trainer()
    pairs = run._to_device((original, base, conditioning, level))
    assert torch.allclose(pairs.base, base / 127.5 - 1)
    assert pairs.scale.flatten().tolist() == pytest.approx([SCALE(40)] * 3)
    assert torch.allclose(pairs.base + pairs.scale * pairs.residual, original / 127.5 - 1, atol=1e-6)


def test_the_average_is_an_exponential_one_that_starts_short() -> None:
    run, pairs = trainer(steps=10, warmup=0.0, ema=0.15), stream(batch=2)
    for step in range(1, 4):
        before = weights(run.average).clone()
        run.train_step(next(pairs))
        decay = min(0.15, (1 + step) / (10 + step))  # 2/11, then the limit
        assert torch.allclose(weights(run.average), decay * before + (1 - decay) * weights(run.denoiser), atol=1e-6)


def test_the_average_follows_slowly() -> None:
    run = trainer(steps=10, warmup=0.0, ema=0.9995)
    start = weights(run.denoiser).clone()
    pairs = stream()
    for _ in range(5):
        run.train_step(next(pairs))
    moved = (weights(run.denoiser) - start).norm()
    assert 0 < (weights(run.average) - start).norm() < moved


@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_a_state_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"state\.pt"):
        trainer().resume(path)
