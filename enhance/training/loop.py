"""The training loop: one process, CPU or CUDA, resumable with nothing lost."""

from __future__ import annotations

import csv
import logging
import math
import os
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
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
from enhance.training.crops import Batch
from enhance.training.interrupt import deferred_interrupt
from enhance.training.loss import Looks, Objective, Pairs, noisy_residual, objective_loss
from enhance.training.muon import make_optimizers
from enhance.training.validation import Validation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        minutes: wall time of the whole run, earlier parts of a resumed run included; the learning rate ends at zero.
        steps: optimiser steps of the whole run, instead of `minutes`.
        lr: peak learning rate.
        warmup: share of the run in which the learning rate rises.
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
    lr: float = 2e-3
    warmup: float = 0.01
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
        denoiser: the network; moved to `device`.
        residual_scale: s(q).
        threshold: τ(q), stored with the weights.
        config: how to train.
        codec: the base codec of the pairs, "jpeg".
        sampling: the sampler's settings to store with the weights.
        device: "cpu" or a CUDA device; both compute in bfloat16 autocast with channels-last.
        compile: pass the network through torch.compile (worth it on CUDA).
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
        device: torch.device | None = None,
        compile: bool = False,
        distance: Looks | None = None,
        description: dict[str, Any] | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise DeviceError("no CUDA device is to be had", hint="train with --device cpu")
        self.config, self.codec, self.distance = config, codec, distance
        self.sampling = sampling or SamplingDefaults()
        self.residual_scale, self.threshold = residual_scale, threshold
        self.denoiser = denoiser.to(self.device)
        self.average = Denoiser(denoiser.config).to(self.device).eval()
        self.average.load_state_dict(denoiser.state_dict())
        for network in (self.denoiser, self.average):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward: nn.Module = torch.compile(self.denoiser) if compile else self.denoiser  # type: ignore[assignment]
        self.optimizers = make_optimizers(self.denoiser, config.lr, config.weight_decay)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        self.views = torch.Generator().manual_seed(config.seed)
        self.progress = Progress()
        self.description = description or {}

    # --- one step -----------------------------------------------------------------------------------------------

    def train_step(self, batch: Batch) -> float:
        """One optimiser step. Returns the loss."""
        pairs = self._to_device(batch)
        objective = self.config.objective
        count = len(pairs.base)
        questions = objective.ask(count, self.generator)
        r_t = noisy_residual(pairs, questions.t, objective.kinds(count)[1], self.generator)
        with torch.autocast(self.device.type, torch.bfloat16):
            prediction = self.forward(r_t, pairs.base, questions.t, pairs.conditioning, questions.position)
        loss = objective_loss(prediction.float(), pairs, questions, objective, self.distance, self.views)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), self.config.clip)
        if torch.isfinite(norm):
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = self.learning_rate()
                optimizer.step()
        else:
            logger.warning("step %d has no finite gradient and is left out", self.progress.step)
        self.progress.step += 1
        self.progress.crops += count
        self._update_average()
        return loss.item()

    def _to_device(self, batch: Batch) -> Pairs:
        original, base, conditioning, level = batch
        scale = torch.tensor([self.residual_scale(q) for q in level.tolist()])[:, None, None, None].to(self.device)
        x, decoded = (
            image.to(self.device, non_blocking=True).float().contiguous(memory_format=torch.channels_last)
            for image in (original, base)
        )
        return Pairs(decoded / 127.5 - 1, (x - decoded) / (127.5 * scale), conditioning.to(self.device), scale)

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema, (1 + self.progress.step) / (10 + self.progress.step))
        for averaged, current in zip(self.average.parameters(), self.denoiser.parameters()):
            averaged.lerp_(current, 1 - decay)

    def fraction_done(self) -> float:
        """Share of the run that is over, 0 to 1, by time or by steps."""
        if self.config.minutes is not None:
            return min(self.progress.seconds / (60 * self.config.minutes), 1.0)
        if self.config.steps is not None:
            return min(self.progress.step / self.config.steps, 1.0)
        raise ValueError("a run needs an end: minutes or steps")

    def learning_rate(self) -> float:
        """Linear warm-up, then linear to zero at the end of the run."""
        done, warmup = self.fraction_done(), self.config.warmup
        return self.config.lr * (done / warmup if done < warmup else (1 - done) / (1 - warmup))

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, batches: Iterator[Batch], folder: Path, validation: Validation | None = None) -> None:
        """Trains until the end of the run; writes `state.pt`, `model.safetensors` and `curve.csv` to the folder.

        Raises:
            KeyboardInterrupt: on Ctrl-C or SIGTERM, after the step under way is done and the run is saved.
        """
        folder.mkdir(parents=True, exist_ok=True)
        saved = validated = started = time.monotonic()
        before = self.progress.seconds
        smooth = math.nan
        layout = "{desc} {percentage:3.0f}%|{bar}| {postfix}"
        with deferred_interrupt() as interrupted, tqdm(total=1000, desc="training", bar_format=layout) as bar:
            while self.fraction_done() < 1:
                loss = self.train_step(next(batches))
                now = time.monotonic()
                self.progress.seconds = before + now - started
                smooth = loss if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss
                speed = self.progress.crops / max(self.progress.seconds, 1e-9)
                state = f"step {self.progress.step}, loss {smooth:.4f}, {speed:.1f} crops/s"
                bar.set_postfix_str(state, refresh=False)
                bar.update(round(1000 * self.fraction_done()) - bar.n)
                if interrupted.is_set() or now - saved >= 60 * self.config.save_minutes:
                    self.save(folder)
                    saved = now
                if interrupted.is_set():
                    raise KeyboardInterrupt
                if validation and now - validated >= 60 * self.config.validate_minutes:
                    self._validate(validation, folder, smooth)
                    validated = time.monotonic()
        if validation:
            self._validate(validation, folder, smooth)
        self.save(folder)

    def _validate(self, validation: Validation, folder: Path, loss: float) -> None:
        gains = validation.gains(self.average, self.residual_scale, self.threshold, self.device)
        row: dict[str, float] = {
            "step": self.progress.step,
            "crops": self.progress.crops,
            "minutes": round(self.progress.seconds / 60, 2),
            "lr": self.learning_rate(),
            "loss": round(loss, 5),
            **{f"gain_q{quality:g}": round(gain, 4) for quality, gain in gains.items()},
        }
        curve = folder / "curve.csv"
        new = not curve.exists()
        with curve.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
        tqdm.write(", ".join(f"{key} {value:g}" for key, value in row.items()), file=sys.stderr)

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """The averaged weights as they ship."""
        training = {**self.description, **asdict(self.progress), "config": asdict(self.config)}
        return Checkpoint(
            self.average, self.residual_scale, self.threshold, self.codec, self.sampling, training=training
        )

    def save(self, folder: Path) -> None:
        """Writes the state to resume from and the model to ship, each atomically."""
        state = {
            "denoiser": self.denoiser.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.generator.get_state(),
            "views": self.views.get_state(),
            "progress": asdict(self.progress),
            "residual_scale": self.residual_scale.to_dict(),
            "threshold": self.threshold.to_dict(),
        }
        temporary = folder / ".state.pt.tmp"
        torch.save(state, temporary)
        os.replace(temporary, folder / "state.pt")
        save_checkpoint(self.checkpoint(), folder / "model.safetensors")

    def resume(self, path: Path) -> None:
        """Continues where a saved run stood: weights, averages, optimisers, noise and clock.

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
            self._resume_noise(state["generator"].cpu())
            self.views.set_state(state["views"].cpu())
            self.residual_scale = RateTable.from_dict(state["residual_scale"])
            self.threshold = RateTable.from_dict(state["threshold"])
        except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(f"the run cannot be resumed: {reason}", source=str(path)) from error

    def _resume_noise(self, state: Tensor) -> None:
        """Goes on with the saved stream of noise, or on another kind of device with a new one."""
        if state.shape == self.generator.get_state().shape:
            self.generator.set_state(state)
        else:
            self.generator.manual_seed(self.config.seed + self.progress.step)
