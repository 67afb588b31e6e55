"""The learning rate over a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Schedule = Literal["linear", "constant"]

_WARMUP_STEPS = 500


@dataclass(frozen=True)
class LearningRate:
    """A peak that is reached soon, and what follows.

    A run of known length ends best at zero ("linear"). One that may be continued stays at its peak ("constant"), where
    the average of the weights is the model, and falls to zero in a last part only, before a model is packed.

    Attributes:
        peak: the largest value.
        schedule: what follows the warm-up.
        warmup: share of the run in which it rises; 500 steps at most, so that a run that is made longer does not start
            anew.
        anneal: share of a constant run, its last, in which it falls to zero linearly.
    """

    peak: float = 2e-3
    schedule: Schedule = "linear"
    warmup: float = 0.01
    anneal: float = 0.0

    def at(self, done: float, step: int) -> float:
        """The learning rate when a share of the run, and so many steps, are done."""
        rise = max(done / self.warmup, step / _WARMUP_STEPS) if self.warmup else 1.0
        if self.schedule == "linear":
            fall = (1 - done) / (1 - self.warmup)
        else:
            fall = (1 - done) / self.anneal if self.anneal else 1.0
        return self.peak * min(rise, fall, 1.0)
