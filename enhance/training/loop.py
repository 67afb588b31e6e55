"""The training loop: one process or several, CPU or CUDA, resumable with nothing lost."""

from __future__ import annotations

import logging
import math
import pickle
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from enhance.diffusion.thresholds import RateTable
from enhance.errors import DeviceError, WeightsError
from enhance.knobs import SamplingDefaults
from enhance.models.checkpoint import Checkpoint, save_checkpoint
from enhance.models.unet import Denoiser
from enhance.system.atomic_file import atomic_file
from enhance.system.progress import progress_bar, set_facts
from enhance.training.arithmetic import DTYPES, autocast, fastest_dtype
from enhance.training.crops import Batch
from enhance.training.curve import append_row
from enhance.training.interrupt import deferred_interrupt
from enhance.training.learning_rate import LearningRate, Schedule
from enhance.training.loss import Looks, Objective, Pairs, noisy_residual, objective_loss
from enhance.training.muon import make_optimizers
from enhance.training.ranks import FAR, Ranks
from enhance.training.validation import OneStep, Validation

logger = logging.getLogger(__name__)

_READ_EVERY = 20  # steps between two looks at the loss, on devices that would have to be waited for


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        minutes: wall time of the whole run, earlier parts of a resumed run included.
        steps: optimiser steps of the whole run, instead of `minutes`.
        accumulate: batches per optimiser step.
        lr, schedule, warmup, anneal: as in `LearningRate`.
        weight_decay: decoupled.
        clip: largest norm of the gradient.
        ema: decay of the averaged weights, which are the ones that ship; shorter at the beginning.
        save_minutes: between two checkpoints.
        validate_minutes: between two validations.
        objective: the loss.
        seed: of noise levels and noise.
    """

    minutes: float | None = None
    steps: int | None = None
    accumulate: int = 1
    lr: float = 2e-3
    schedule: Schedule = "linear"
    warmup: float = 0.01
    anneal: float = 0.0
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.9995
    save_minutes: float = 5.0
    validate_minutes: float = 10.0
    objective: Objective = field(default_factory=Objective)
    seed: int = 0


@dataclass
class Progress:
    """Where a run stands; saved with it."""

    step: int = 0
    crops: int = 0
    seconds: float = 0.0


class Trainer:
    """Trains a denoiser on batches of pairs.

    Args:
        denoiser: the network; moved to the device.
        residual_scale: s(q).
        threshold: τ(q), stored with the weights.
        config: how to train.
        codec: the base codec of the pairs, "jpeg".
        sampling: the sampler's settings to store with the weights.
        ranks: this process among those that train together, and its device; alone on the CPU by default.
        dtype: float32, or bfloat16 autocast.
        compile: pass the network through torch.compile.
        distance: perceptual distance, for crops that are trained for looks.
        description: what the shipped checkpoint says of its training.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        residual_scale: RateTable,
        threshold: RateTable,
        config: TrainingConfig,
        *,
        codec: str = "jpeg",
        sampling: SamplingDefaults | None = None,
        ranks: Ranks | None = None,
        dtype: torch.dtype = torch.bfloat16,
        compile: bool = False,
        distance: Looks | None = None,
        description: dict[str, Any] | None = None,
    ) -> None:
        self.ranks = ranks or Ranks(torch.device("cpu"))
        self.device = self.ranks.device
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise DeviceError("no CUDA device is to be had", hint="train with --device cpu")
        self.config, self.codec, self.distance, self.dtype = config, codec, distance, dtype
        self.sampling = sampling or SamplingDefaults()
        self.residual_scale, self.threshold = residual_scale, threshold
        self.denoiser = denoiser.to(self.device)
        self.average = Denoiser(denoiser.config).to(self.device).eval()
        self.average.load_state_dict(denoiser.state_dict())
        for network in (self.denoiser, self.average):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._shared = self.ranks.share(self.denoiser)
        self._forward: nn.Module = torch.compile(self._shared) if compile else self._shared  # type: ignore[assignment]
        self.optimizers = make_optimizers(self.denoiser, config.lr, config.weight_decay)
        self.rate = LearningRate(config.lr, config.schedule, config.warmup, config.anneal)
        self.progress = Progress()
        self.generator = torch.Generator(self.device)
        self.views = torch.Generator()
        self._seed_noise()
        self.description = description or {}
        self._left_out = torch.zeros((), dtype=torch.int64, device=self.device)

    # --- one step -----------------------------------------------------------------------------------------------

    def train_step(self, *batches: Batch) -> Tensor:
        """One optimiser step from the mean gradient of some batches.

        Returns:
            the mean loss, on the device: to read it is to wait for it.
        """
        losses = []
        for index, batch in enumerate(batches, start=1):
            # Only the last batch's gradient is exchanged with other processes, with all before it in the sum.
            with nullcontext() if index == len(batches) else self.ranks.without_sharing(self._shared):
                loss = self._loss(batch) / len(batches)
                loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            self.progress.crops += len(batch[0]) * self.ranks.count
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), self.config.clip)
        if self._is_usable(norm):
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = self.learning_rate()
                optimizer.step()
        self._forget_gradients()
        self.progress.step += 1
        self._update_average()
        return torch.stack(losses).sum()

    def _loss(self, batch: Batch) -> Tensor:
        pairs, objective = self._to_device(batch), self.config.objective
        count = len(pairs.base)
        questions = objective.ask(count, self.generator)
        r_t = noisy_residual(pairs, questions.t, objective.kinds(count)[1], self.generator)
        with autocast(self.device, self.dtype):
            prediction = self._forward(r_t, pairs.base, questions.t, pairs.conditioning, questions.position)
        means = self._means(pairs, objective.kinds(count)[0]) if self.distance else None
        return objective_loss(prediction.float(), pairs, questions, objective, self.distance, self.views, means)

    @torch.no_grad()
    def _means(self, pairs: Pairs, crops: slice) -> Tensor | None:
        """What the averaged network says of these crops at position 0."""
        base = pairs.base[crops]
        if not len(base):
            return None
        position = base.new_zeros(len(base))
        with autocast(self.device, self.dtype):
            means: Tensor = self.average(
                torch.zeros_like(base), base, position + 1, pairs.conditioning[crops], position
            )
        return means.float()

    def _is_usable(self, norm: Tensor) -> bool:
        """Whether to take the step: not without a finite gradient.

        The CPU knows. Other devices are not waited for: there such a gradient becomes zero, and the step follows what
        is left of the momentum.
        """
        finite = torch.isfinite(norm)
        self._left_out += ~finite
        if self.device.type == "cpu":
            return bool(finite)
        for parameter in self.denoiser.parameters():
            if parameter.grad is not None:
                parameter.grad.nan_to_num_(0.0, 0.0, 0.0)  # clipping has made all of them NaN or zero
        return True

    def _forget_gradients(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def _to_device(self, batch: Batch) -> Pairs:
        original, base, conditioning, level = batch
        scale = torch.tensor([self.residual_scale(q) for q in level.tolist()])[:, None, None, None].to(self.device)
        x, decoded = (_code_values(image.to(self.device, non_blocking=True)) for image in (original, base))
        return Pairs(decoded / 127.5 - 1, (x - decoded) / (127.5 * scale), conditioning.to(self.device), scale)

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema, (1 + self.progress.step) / (10 + self.progress.step))
        torch._foreach_lerp_([*self.average.parameters()], [*self.denoiser.parameters()], 1 - decay)

    def choose_dtype(self, batch: Batch) -> None:
        """Measures both kinds of arithmetic on this batch, and goes on in the faster one; nothing else changes.

        The network is not compiled for that: it would be for both.
        """
        states, compiled = (self.generator.get_state(), self.views.get_state()), self._forward
        self._forward = self._shared

        def work(dtype: torch.dtype) -> None:
            self.dtype = dtype
            self._loss(batch).backward()  # type: ignore[no-untyped-call]
            self._forget_gradients()

        choice = list(DTYPES.values()).index(fastest_dtype(work))
        self._forward = compiled
        self.dtype = list(DTYPES.values())[int(self.ranks.follow(choice))]
        self.generator.set_state(states[0])
        self.views.set_state(states[1])

    def fraction_done(self) -> float:
        """Share of the run that is over, 0 to 1, by time or by steps."""
        if self.config.minutes is not None:
            return min(self.progress.seconds / (60 * self.config.minutes), 1.0)
        if self.config.steps is not None:
            return min(self.progress.step / self.config.steps, 1.0)
        raise ValueError("a run needs an end: minutes or steps")

    def learning_rate(self) -> float:
        """That of the next step."""
        return self.rate.at(self.fraction_done(), self.progress.step)

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, batches: Iterator[Batch], folder: Path, validation: Validation | None = None) -> None:
        """Trains until the end of the run; writes `state.pt`, `model.safetensors` and `curve.csv` to the folder.

        Raises:
            KeyboardInterrupt: on Ctrl-C or SIGTERM, after the step under way is done and the run is saved.
        """
        folder.mkdir(parents=True, exist_ok=True)
        saved = validated = started = time.monotonic()
        before, smooth = self.progress.seconds, math.nan
        losses: list[Tensor] = []
        every = 1 if self.device.type == "cpu" else _READ_EVERY
        with deferred_interrupt() as interrupted, self._bar() as bar:
            while self.fraction_done() < 1:
                losses.append(self.train_step(*islice(batches, self.config.accumulate)))
                if len(losses) < every:
                    continue
                smooth = self._read(losses, smooth)
                now = time.monotonic()
                self.progress.seconds, stop = self.ranks.agree(before + now - started, interrupted.is_set())
                bar.set_postfix_str(self._state(smooth), refresh=False)
                set_facts(bar, step=self.progress.step, loss=None if math.isnan(smooth) else round(smooth, 5))
                bar.update(1000 * self.fraction_done() - bar.n)
                if stop or now - saved >= 60 * self.config.save_minutes:
                    self.save(folder)
                    saved = now
                if stop:
                    raise KeyboardInterrupt
                if validation and now - validated >= 60 * self.config.validate_minutes:
                    self._validate(validation, folder, smooth)
                    validated = time.monotonic()
        self.save(folder)  # before the validation, whose failure must not cost the run
        if validation:
            self._validate(validation, folder, self._read(losses, smooth))

    def _bar(self) -> tqdm[Any]:
        """Thousandths of the run; those of its earlier parts do not count for the time that is left."""
        layout = "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}{postfix}]"
        before = 1000 * self.fraction_done()
        return progress_bar("training", 1000, shown=self.ranks.is_first, bar_format=layout, initial=before)

    def _read(self, losses: list[Tensor], smooth: float) -> float:
        """The running mean of the loss with some more steps in it, which are taken off the list."""
        if not losses:
            return smooth
        loss, share = float(torch.stack(losses).mean()), 0.98 ** len(losses)
        losses.clear()
        left_out = int(self._left_out)
        if left_out:
            logger.warning("%d step(s) before step %d had no finite gradient", left_out, self.progress.step)
            self._left_out.zero_()
        return loss if math.isnan(smooth) else share * smooth + (1 - share) * loss

    def _state(self, loss: float) -> str:
        speed = self.progress.crops / max(self.progress.seconds, 1e-9)
        return f"step {self.progress.step}, loss {loss:.4f}, {speed:.1f} crops/s"

    def _validate(self, validation: Validation, folder: Path, loss: float) -> None:
        if not self.ranks.is_first:
            return
        model = OneStep(self.average, self.residual_scale, self.threshold, self.device, self.dtype)
        row = {
            "step": self.progress.step,
            "crops": self.progress.crops,
            "minutes": round(self.progress.seconds / 60, 2),
            "lr": self.learning_rate(),
            "loss": round(loss, 5),
            **{name: round(value, 4) for name, value in validation.measure(model).items()},
        }
        append_row(folder / "curve.csv", row)
        tqdm.write(", ".join(f"{key} {value:g}" for key, value in row.items()), file=sys.stderr)

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """The averaged weights as they ship."""
        arithmetic = next(name for name, dtype in DTYPES.items() if dtype == self.dtype)
        how = {"dtype": arithmetic, "processes": self.ranks.count, "config": asdict(self.config)}
        training = {**self.description, **asdict(self.progress), **how}
        return Checkpoint(
            self.average, self.residual_scale, self.threshold, self.codec, self.sampling, training=training
        )

    def save(self, folder: Path) -> None:
        """Writes the state to resume from and the model to ship, each atomically; the first process does."""
        if not self.ranks.is_first:
            return
        state = {
            "denoiser": self.denoiser.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.generator.get_state(),
            "views": self.views.get_state(),
            "progress": asdict(self.progress),
            "residual_scale": self.residual_scale.to_dict(),
            "threshold": self.threshold.to_dict(),
            "sampling": asdict(self.sampling),
            "description": self.description,
        }
        with atomic_file(folder / "state.pt", overwrite=True) as file:
            torch.save(state, file)
        save_checkpoint(self.checkpoint(), folder / "model.safetensors")

    def resume(self, path: Path) -> None:
        """Continues where a saved run stood: weights, averages, optimisers, noise, clock, and what is said of it.

        Raises:
            WeightsError: the file is missing, damaged, or of another network.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.denoiser.load_state_dict(state["denoiser"])
            self.average.load_state_dict(state["average"])
            for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(values)
            self.progress = Progress(**state["progress"])
            self._resume_noise(state["generator"].cpu(), state["views"].cpu())
            self.residual_scale = RateTable.from_dict(state["residual_scale"])
            self.threshold = RateTable.from_dict(state["threshold"])
            self.sampling = SamplingDefaults(**state.get("sampling", asdict(self.sampling)))
            self.description = _continued(state.get("description", {}), self.description)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(f"the run cannot be resumed: {reason}", source=str(path)) from error

    def _resume_noise(self, generator: Tensor, views: Tensor) -> None:
        """Goes on with the saved streams; other processes and other kinds of devices begin new ones."""
        if self.ranks.is_first and generator.shape == self.generator.get_state().shape:
            self.generator.set_state(generator)
            self.views.set_state(views)
        else:
            self._seed_noise()

    def _seed_noise(self) -> None:
        seed = self.config.seed + self.progress.step + FAR * self.ranks.rank
        self.generator.manual_seed(seed)
        self.views.manual_seed(seed)


def _continued(earlier: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What is said of a run that goes on: what still holds of its first part, and the code of all parts."""
    joined = {**earlier, **now}
    if earlier.get("revision") not in (None, now.get("revision")):
        joined["earlier_revisions"] = [*earlier.get("earlier_revisions", []), earlier["revision"]]
    return joined


def _code_values(pictures: Tensor) -> Tensor:
    """[B, 3, H, W] in 8-bit code values, not rounded, channels last; from uint8, uint16 (white is 65535) or float32."""
    values = pictures.float().contiguous(memory_format=torch.channels_last)
    return values / 257 if pictures.dtype == torch.uint16 else values
