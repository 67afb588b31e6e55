"""Trains the learned base codec: rate and distortion of random crops at random rates."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from enhance.learned.network import BLOCK, LearnedCodec, LearnedConfig
from enhance.system.atomic_file import atomic_file
from enhance.training.arithmetic import make_fast
from enhance.training.crops import to_tensor
from enhance.training.curve import append_row
from enhance.training.interrupt import deferred_interrupt
from enhance.training.learning_rate import LearningRate, Schedule
from enhance.training.muon import Muon
from enhance.training.sources import Source

logger = logging.getLogger(__name__)

_BASIS_SIDE = 256
_OTHERS_LR = 0.5
_BASIS_LR = 0.02
"""Shares of the learning rate. Bases have entries of about 1/28, which AdamW would move by its rate at each step."""


@dataclass(frozen=True)
class BaseTraining:
    """How to train.

    Attributes:
        minutes: wall time of the whole run, earlier parts of a resumed run included.
        crop: side in pixels, a multiple of 64.
        batch: crops per step.
        lr, schedule: as in `LearningRate`.
        ema: decay of the averaged weights, which are the ones that are saved to be used.
        clip: largest norm of the gradient.
        save_minutes: between two saves.
        seed: of crops, rates and noise.
    """

    minutes: float
    crop: int = 256
    batch: int = 8
    lr: float = 2e-3
    schedule: Schedule = "linear"
    ema: float = 0.998
    clip: float = 1.0
    save_minutes: float = 5.0
    seed: int = 0


class BaseTrainer:
    """Trains a codec on squares of photos.

    Args:
        codec: the network, as it is at the beginning: new ones `start` at a block transform.
        source: of the squares; its photos are taken as they are.
        config: how to train.
        folder: for what is saved: `state.pt`, `base.safetensors` (averaged weights) and `training.csv`.
    """

    def __init__(self, codec: LearnedCodec, source: Source, config: BaseTraining, folder: Path) -> None:
        make_fast("cpu")
        self.codec: LearnedCodec = codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.source, self.config, self.folder = source, config, folder
        self.optimizers = _optimizers(codec, config.lr)
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self.trade_offs = torch.tensor(codec.config.trade_offs)
        self.usual_loss = torch.zeros(codec.config.rates)
        self.averaged = {name: value.clone() for name, value in codec.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Trains until the time is over or an interrupt comes, and saves."""
        rng = np.random.default_rng([self.config.seed, self.step])
        torch.manual_seed(self.config.seed + self.step)
        schedule = LearningRate(1.0, self.config.schedule)
        saved, began, total = time.monotonic(), time.monotonic() - self.seconds, 60 * self.config.minutes
        with deferred_interrupt() as interrupted:
            while self.seconds < total and not interrupted.is_set():
                facts = self.train_step(rng, schedule.at(min(self.seconds / total, 1.0), self.step))
                self.seconds = time.monotonic() - began
                if self.step % 25 == 0:
                    append_row(self.folder / "training.csv", {"step": self.step, "seconds": self.seconds, **facts})
                if time.monotonic() - saved > 60 * self.config.save_minutes:
                    self.save()
                    saved = time.monotonic()
        self.save()

    def train_step(self, rng: np.random.Generator, share: float) -> dict[str, float]:
        """One step at a share of the learning rate. Returns what the curve shows of it."""
        self._set_rates(share)
        crops, rates = self._draw(rng)
        with torch.autocast("cpu", torch.bfloat16):
            coded = self.codec(crops, rates)
        pixels = crops.shape[2] * crops.shape[3]
        errors = (coded.decoded.float() - crops).mul(255).square().mean(dim=(1, 2, 3))
        bits = (coded.latent_bits + coded.hyper_bits) / pixels
        losses = bits + self.trade_offs[rates] * errors
        self._remember(losses.detach(), rates)
        # A strong rate's loss is a tenth of a mild one's: each counts in shares of its own.
        norm = self._descend((losses / self.usual_loss[rates]).mean())
        self.step += 1
        return {
            "loss": float(self.usual_loss.mean()), "bpp": float(bits.detach().mean()),
            "squared_error": float(errors.detach().mean()),
            "hyper_share": float((coded.hyper_bits / pixels / bits).detach().mean()), "norm": norm,
            **{f"loss_{rate + 1}": float(value) for rate, value in enumerate(self.usual_loss)},
        }  # fmt: skip

    def _descend(self, loss: Tensor) -> float:
        """A step of the optimizers, unless the gradient is not finite. Returns its norm."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_(self.codec.parameters(), self.config.clip))
        if not math.isfinite(norm):
            logger.warning("a gradient of step %d is not finite; the step is left out", self.step)
            return norm
        for optimizer in self.optimizers:
            optimizer.step()
        self._average()
        return norm

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Crops [B, 3, C, C] in [-0.5, 0.5], and for each another rate as long as there are some."""
        squares = [to_tensor(self.source.photo(rng, self.config.crop)) for _ in range(self.config.batch)]
        count = self.codec.config.rates
        rates = np.concatenate([rng.permutation(count) for _ in range(-(-self.config.batch // count))])
        crops = torch.stack(squares).float().div_(255).sub_(0.5)
        return crops.contiguous(memory_format=torch.channels_last), torch.from_numpy(rates[: self.config.batch])

    def _remember(self, losses: Tensor, rates: Tensor) -> None:
        for rate, loss in zip(rates.tolist(), losses.tolist()):
            before = self.usual_loss[rate]
            self.usual_loss[rate] = loss if before == 0 else before + 0.02 * (loss - before)

    def _set_rates(self, share: float) -> None:
        for optimizer, peaks in zip(self.optimizers, self.peaks):
            for group, peak in zip(optimizer.param_groups, peaks):
                group["lr"] = share * peak

    def _average(self) -> None:
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for name, value in self.codec.state_dict().items():
            self.averaged[name].lerp_(value, 1 - decay)

    def save(self) -> None:
        """Writes the averaged weights, and all that a continued run needs."""
        description = {"step": self.step, "seconds": round(self.seconds), **asdict(self.config)}
        metadata = {"config": json.dumps(self.codec.config.to_dict()), "training": json.dumps(description)}
        weights = {name: value.contiguous() for name, value in self.averaged.items()}
        with atomic_file(self.folder / "base.safetensors", overwrite=True) as stream:
            stream.write(save(weights, metadata))
        with atomic_file(self.folder / "state.pt", overwrite=True) as stream:
            torch.save(self._state(), stream)

    def _state(self) -> dict[str, Any]:
        return {
            "codec": self.codec.state_dict(),
            "averaged": self.averaged,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "usual_loss": self.usual_loss,
            "step": self.step,
            "seconds": self.seconds,
        }

    def resume(self) -> None:
        """Goes on where the folder's run ended."""
        state = torch.load(self.folder / "state.pt", weights_only=True)
        self.codec.load_state_dict(state["codec"])
        self.averaged, self.usual_loss = state["averaged"], state["usual_loss"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.step, self.seconds = state["step"], state["seconds"]


def _optimizers(codec: LearnedCodec, lr: float) -> list[torch.optim.Optimizer]:
    kernels, bases, others = [], [], []
    for name, parameter in codec.named_parameters():
        if "basis" in name:
            bases.append(parameter)
        elif parameter.ndim == 4:
            kernels.append(parameter)
        else:
            others.append(parameter)
    groups = [{"params": bases, "lr": _BASIS_LR * lr}, {"params": others, "lr": _OTHERS_LR * lr}]
    return [Muon(kernels, lr), torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)]


def block_basis(squares: Iterator[np.ndarray[Any, Any]], count: int) -> tuple[Tensor, Tensor]:
    """The Karhunen-Loève transform of 16x16 blocks in RGB.

    Args:
        squares: uint8 [H, W, 3], sides multiples of 16.
        count: how many basis vectors, those of the largest variance.

    Returns:
        [M, 768], orthonormal rows over blocks unshuffled by 16; and [M] standard deviations, for values in [-0.5, 0.5].
    """
    moments, blocks = torch.zeros(3 * BLOCK * BLOCK, 3 * BLOCK * BLOCK, dtype=torch.float64), 0
    for square in squares:
        pixels = to_tensor(square)[None].double() / 255 - 0.5
        vectors = nn.functional.pixel_unshuffle(pixels, BLOCK)[0].flatten(1)
        moments += vectors @ vectors.T
        blocks += vectors.shape[1]
    variances, vectors = torch.linalg.eigh(moments / blocks)
    largest = vectors.flip(1)[:, :count].T
    return largest.float(), variances.flip(0)[:count].clamp(min=1e-12).sqrt().float()


def start(codec: LearnedCodec, source: Source, *, squares: int = 400, seed: int = 0) -> None:
    """Begins a new codec at the block transform of so many squares of the source's photos."""
    rng = np.random.default_rng(seed)
    drawn = (source.photo(rng, _BASIS_SIDE) for _ in range(squares))
    codec.start_from(*block_basis(drawn, codec.config.latent))


def load_trained(path: Path) -> tuple[LearnedCodec, dict[str, Any]]:
    """The averaged weights that a run saved, and what it says of itself."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    codec = LearnedCodec(LearnedConfig.from_dict(json.loads(metadata["config"])))
    codec.load_state_dict(load_file(path))
    return codec.eval(), json.loads(metadata["training"])
