"""The training loop: it learns, ends in time, and loses nothing when it is resumed."""

from __future__ import annotations

import csv
import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage import data

from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.knobs import SamplingDefaults
from enhance.models.checkpoint import load_checkpoint
from enhance.models.unet import Denoiser, UNetConfig
from enhance.training import loop
from enhance.training.crops import Batch, RandomCrops, batches
from enhance.training.degradation import JpegDegradation
from enhance.training.loop import Trainer, TrainingConfig
from enhance.training.loss import Objective, grid_pattern
from enhance.training.sources import Shares, Source
from enhance.training.validation import OneStep, Validation

TINY = UNetConfig(
    widths=(8, 8, 8, 8), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1), middle_blocks=1, embedding=16
)
PHOTOS = [np.asarray(data.astronaut()), np.asarray(data.chelsea())]
SCALE, THRESHOLD = RateTable((5, 95), (0.15, 0.03)), RateTable((5, 95), (5.0, 5.0))


def trainer(**config: object) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Denoiser(TINY), SCALE, THRESHOLD, TrainingConfig(**{"steps": 100, **config}))  # type: ignore[arg-type]


def stream(quality: int = 10, batch: int = 8) -> Iterator[Batch]:
    degradation = JpegDegradation(
        (quality, quality), custom_share=0, editor_share=0, gray_share=0, trellis_share=0, resaved_share=0
    )
    source = Source(PHOTOS, shares=Shares(drawings=0, neutral=0, varied=0))
    return batches(RandomCrops(source, 32, degradation, 0), batch, workers=0, pin=False)


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])


def gain(run: Trainer, validation: Validation) -> float:
    return validation.measure(OneStep(run.average, SCALE, THRESHOLD, run.device))["gain_q10"]


def test_it_learns_to_remove_jpeg_artefacts(tmp_path: Path) -> None:
    run = trainer(steps=150, lr=1e-2, ema=0.9)
    validation = Validation.of_jpegs(PHOTOS, qualities=(10,))
    before = gain(run, validation)
    run.run(stream(), tmp_path, validation)
    after = gain(run, validation)
    assert before == pytest.approx(0, abs=1e-6), "a new network leaves the picture alone"
    assert after > 0.05
    with (tmp_path / "curve.csv").open() as file:
        row = list(csv.DictReader(file))[-1]
    assert float(row["gain_q10"]) == pytest.approx(after, abs=1e-3)
    assert int(row["crops"]) == 150 * 8
    shipped = load_checkpoint(tmp_path / "model.safetensors")
    assert torch.allclose(weights(shipped.denoiser), weights(run.average), atol=1e-3)
    assert shipped.training["step"] == 150


def test_a_distance_that_rewards_a_dot_in_every_block_gets_none() -> None:
    def rewards_dots(enhanced: torch.Tensor, original: torch.Tensor, _: torch.Generator) -> torch.Tensor:
        return -(enhanced - original)[:, :, 3::8, 4::8].mean(dim=(1, 2, 3)) * 20

    found = []
    for weight in (0.0, 50.0):
        objective = Objective(looks_share=0.5, posterior_share=0, pattern_weight=weight)
        run, crops = trainer(warmup=0.0, lr=1e-2, ema=0.5, objective=objective), stream()
        run.distance, run.dtype = rewards_dots, torch.float32
        for _ in range(40):
            run.train_step(next(crops))
        pairs = run._to_device(next(crops))
        with torch.no_grad():
            looks, mean = (
                run.average(0 * pairs.base, pairs.base, torch.ones(8), pairs.conditioning, torch.full((8,), position))
                for position in (1.0, 0.0)
            )
        found.append(grid_pattern(looks - mean).mean().item())
    assert found[1] < found[0] / 20


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


def test_a_run_ends_within_its_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100.0, 0.5)  # half a second passes between two looks
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    run = trainer(steps=None, minutes=0.05)
    run.run(stream(batch=2), tmp_path)
    assert 3 <= run.progress.seconds < 4 and 3 <= run.progress.step <= 6
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


@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_every_step_takes_the_learning_rate_of_its_time(schedule: str) -> None:
    run = trainer(steps=4, lr=1.0, warmup=0.25, anneal=0.5, schedule=schedule)
    pairs, seen = stream(batch=2), []
    for _ in range(4):
        run.train_step(next(pairs))
        seen += [group["lr"] for optimizer in run.optimizers for group in optimizer.param_groups]
    expected = {"linear": [0, 1, 2 / 3, 1 / 3], "constant": [0, 1, 1, 0.5]}[schedule]
    assert seen == pytest.approx([rate for rate in expected for _ in run.optimizers])


def test_a_step_without_finite_gradient_changes_nothing(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    run = trainer(steps=1, warmup=0.0)
    original, base, conditioning, level = next(stream())
    before = weights(run.denoiser).clone()
    run.run(iter([(original, base, conditioning * float("nan"), level)]), tmp_path)
    assert torch.equal(weights(run.denoiser), before)
    assert run.progress.step == 1
    assert "no finite gradient" in caplog.text


def test_where_nobody_waits_a_gradient_that_is_not_finite_becomes_zero() -> None:
    """As on CUDA, where the CPU never learns of it: momentum alone moves the weights, and the next step is whole."""
    run, pairs = trainer(steps=100, warmup=0.0), stream()
    run.device = torch.device("meta")
    for parameter in run.denoiser.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    assert run._is_usable(torch.tensor(float("nan")))
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in run.denoiser.parameters())
    assert int(run._left_out) == 1
    run.device = torch.device("cpu")
    run.train_step(next(pairs))
    assert bool(weights(run.denoiser).isfinite().all())


def test_batches_of_a_step_count_like_one_large_batch() -> None:
    """Means only: what is asked of the crops of a smaller batch would otherwise be other things."""
    means = Objective(looks_share=0, posterior_share=0)
    original, base, conditioning, level = next(stream())
    whole, halves = (trainer(warmup=0.0, objective=means) for _ in range(2))
    for run in (whole, halves):
        run.dtype = torch.float32
        for parameter in run.denoiser.parameters():
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    first, second = ((original[s], base[s], conditioning[s], level[s]) for s in (slice(0, 4), slice(4, 8)))
    losses = whole.train_step((original, base, conditioning, level)), halves.train_step(first, second)
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
    assert whole.progress == halves.progress
    assert torch.allclose(weights(whole.denoiser), weights(halves.denoiser), atol=1e-4)


def test_both_kinds_of_arithmetic_are_tried_and_nothing_else_changes() -> None:
    pairs = [next(stream()) for _ in range(2)]
    plain, choosing = trainer(warmup=0.0), trainer(warmup=0.0)
    choosing.choose_dtype(pairs[0])
    assert choosing.dtype in (torch.float32, torch.bfloat16)
    choosing.dtype = plain.dtype
    for run in (plain, choosing):
        run.train_step(pairs[1])
    assert torch.equal(weights(plain.denoiser), weights(choosing.denoiser))


def test_the_run_is_saved_before_its_last_validation(tmp_path: Path) -> None:
    class Failing(Validation):
        def measure(self, model: OneStep) -> dict[str, float]:
            raise RuntimeError("no memory left")

    with pytest.raises(RuntimeError, match="no memory"):
        trainer(steps=1).run(stream(batch=2), tmp_path, Failing(Validation.of_jpegs(PHOTOS, qualities=(10,)).photos))
    assert load_checkpoint(tmp_path / "model.safetensors").training["step"] == 1


def test_what_is_said_of_a_run_survives_its_parts(tmp_path: Path) -> None:
    first = trainer()
    first.sampling = SamplingDefaults(start=0.3)
    first.description = {"revision": "a", "init": {"step": 7}, "images": 2}
    first.save(tmp_path)
    for revision, earlier in (("b", ["a"]), ("b", ["a"]), ("c", ["a", "b"])):
        following = trainer()
        following.description = {"revision": revision, "images": 3}
        following.resume(tmp_path / "state.pt")
        following.save(tmp_path)
        training = load_checkpoint(tmp_path / "model.safetensors").training
        expected = {"revision": revision, "init": {"step": 7}, "images": 3, "earlier_revisions": earlier}
        assert {key: training.get(key) for key in expected} == expected
    assert load_checkpoint(tmp_path / "model.safetensors").sampling.start == 0.3


@pytest.mark.parametrize(("dtype", "white"), [(torch.uint8, 255), (torch.uint16, 65535)])
def test_pictures_of_both_depths_are_given_from_minus_one_to_one(dtype: torch.dtype, white: int) -> None:
    run = trainer()
    base = torch.tensor([0, white]).to(dtype).repeat(1, 3, 16, 8)
    pairs = run._to_device((torch.full((1, 3, 16, 16), 255, dtype=torch.uint8), base, torch.zeros(1, 4), torch.ones(1)))
    assert pairs.base[0, 0, 0, :2].tolist() == [-1, 1]
    assert pairs.residual[0, 0, 0, 1] == 0


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
