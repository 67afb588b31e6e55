"""What a user can choose, with one meaning in the command line, the Python API and the plugins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypedDict, get_args

from enhance.errors import UnknownOptionError, UsageError, did_you_mean

Mode = Literal["fidelity", "balanced", "perceptual"]
Sampler = Literal["ddim", "ddpm"]
Start = Literal["mmse", "gaussian"]

MODES: tuple[Mode, ...] = get_args(Mode)
DEFAULT_MODE: Mode = "balanced"
MAX_STEPS = 1000
ENSEMBLES = (1, 2, 4)


@dataclass(frozen=True)
class SamplingDefaults:
    """A model's own defaults for what the user leaves open; found on validation images, kept in its checkpoint.

    Attributes:
        start, init, sampler, eta: as in `Knobs`.
        modes: for "balanced" and "perceptual" the `steps` and the `perception` that they stand for.
    """

    start: float = 0.5
    init: str = "mmse"
    sampler: str = "ddim"
    eta: float = 0.0
    modes: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "balanced": {"steps": 1, "perception": 0.5},
            "perceptual": {"steps": 8, "perception": 1.0},
        }
    )


@dataclass(frozen=True)
class Sampling:
    """How the correction of a picture (the residual) is drawn from the model: `Knobs` with every default filled in.

    One step at perception p is a single prediction at position p between the posterior mean and the best looks, where
    the model knows such a position; no noise goes in, and so none can come out. Models that know none predict at the
    noise level t = 1 - p (1 - t_s) from √(1-ᾱ_t) ε. With more steps p mixes the posterior mean and the sample.

    Attributes:
        steps: network evaluations, the posterior mean's included where it is needed.
        perception: 0 (posterior mean) to 1 (sample).
        start: noise level in (0, 1] at which sampling begins.
        init: "mmse": √ᾱ_s r̂_mmse + √(1-ᾱ_s) ε; "gaussian": √(1-ᾱ_s) ε.
        sampler: "ddim" or "ddpm".
        eta: DDIM's η, 0 (deterministic) to 1 (as much noise as DDPM).
    """

    steps: int
    perception: float
    start: float
    init: str
    sampler: str
    eta: float

    @property
    def is_mean(self) -> bool:
        """True if the result is the posterior mean, so that nothing has to be sampled."""
        return self.perception == 0

    @property
    def sample_share(self) -> float:
        """How much of the result is a sample, 0 to 1; the rest is the posterior mean, the picture of least error."""
        return 1.0 if self.steps == 1 and not self.is_mean else self.perception

    @property
    def needs_mmse(self) -> bool:
        """True if one of the evaluations is the posterior mean at t = T."""
        return self.sample_share < 1 or self.init == "mmse"

    @property
    def sampler_steps(self) -> int:
        """Network evaluations of the sampler, the one of the posterior mean not counted."""
        return 0 if self.is_mean else self.steps - int(self.needs_mmse)

    @property
    def evaluations(self) -> int:
        """Network evaluations per pixel, of the sampler and of the posterior mean together."""
        return self.sampler_steps + int(self.needs_mmse)

    @property
    def name(self) -> str:
        """The sampler as it is recorded: "one-step", "ddim" or "ddpm"."""
        return "one-step" if self.evaluations == 1 else self.sampler


@dataclass(frozen=True)
class Knobs:
    """What a user can choose for one image. None: the default of the mode, or of the file.

    Attributes:
        quality: JPEG quality factor 1-100 that replaces the file's own tables, or that pixels without their file were
            coded with. "auto": what the file says, or what its pixels tell of an earlier, stronger coding; for JPEG
            files this is the default, for pixels without their file it has to be asked for. "file": what the file says.
        qp: VVC quantisation parameter 0-63, likewise; fractions are meaningful.
        mode: preset for steps and perception. If it is left out: "balanced"; "perceptual" if more than one step or a
            perception is asked for; "fidelity" if one step or no perception is.
        steps: network evaluations, 1-1000.
        perception: 0 (fidelity) to 1 (sample), with one step and with more, see `Sampling`.
        strength: 0 (the decoded image, untouched) to 1: factor on the residual.
        seed: of the noise, 0 to 2^64 - 1. Same seed, same result.
        tile: side of the tiles in pixels, rounded up to the network's stride; 0: one piece; "auto": by free memory.
            The result does not depend on it.
        consistent: project the result onto the images that the bitstream stands for.
        guard: hold the correction back where the bitstream rules out much of what the network says (JPEG), or the
            pixels show letters, lines and drawings (VVC).
        ensemble: 1, 2 or 4: the network's answers for the picture and its mirror images are averaged, at so many times
            the cost. A little nearer to the original.
        sampler: "ddim" or "ddpm".
        eta: DDIM's η, 0-1.
        start: noise level t_s in (0, 1] at which sampling begins; with one step, at perception 1.
        init: "mmse" or "gaussian", see `Sampling`; one step has no use for it.
        threshold: factor on τ(q), the limit of the predicted residual, above 0; `math.inf`: no limit.

    Raises:
        UsageError: a value is out of range, or two of them contradict each other.
    """

    quality: int | Literal["auto", "file"] | None = None
    qp: float | None = None
    mode: Mode | None = None
    steps: int | None = None
    perception: float | None = None
    strength: float = 1.0
    seed: int = 0
    tile: int | Literal["auto"] = "auto"
    consistent: bool = True
    guard: bool = True
    ensemble: int = 1
    sampler: Sampler | None = None
    eta: float | None = None
    start: float | None = None
    init: Start | None = None
    threshold: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.quality, str) or self.quality not in ("auto", "file"):
            _whole("quality", self.quality, 1, 100, also="'auto', 'file'")
        _real("qp", self.qp, 0, 63)
        _choice("mode", self.mode, MODES)
        _whole("steps", self.steps, 1, MAX_STEPS)
        _real("perception", self.perception, 0, 1)
        _real("strength", self.strength, 0, 1)
        _whole("seed", self.seed, 0, 2**64 - 1)
        if self.tile != "auto":
            _whole("tile", self.tile, 0, 2**20, also="'auto'")
        _whole("ensemble", self.ensemble, 1, max(ENSEMBLES))
        _choice("ensemble", self.ensemble, ENSEMBLES)
        _choice("sampler", self.sampler, get_args(Sampler))
        _real("eta", self.eta, 0, 1)
        _real("start", self.start, 0, 1)
        if self.start == 0:
            raise UsageError("start must be above 0, not 0", hint="there is nothing to sample at noise level 0")
        _choice("init", self.init, get_args(Start))
        _real("threshold", self.threshold, 0, math.inf)
        if self.threshold == 0:
            raise UsageError("threshold must be above 0, not 0", hint="strength=0 changes nothing")
        self._check_contradictions()

    def _check_contradictions(self) -> None:
        if self.mode == "fidelity" and (self.steps or 1) > 1:
            raise UsageError(f"mode fidelity is one step, not {self.steps}", hint="mode='perceptual' samples")
        if self.mode == "fidelity" and self.perception:
            raise UsageError("mode fidelity has no perception", hint="mode='perceptual' samples")

    @property
    def told_rates(self) -> dict[str, float]:
        """What the user says of how strongly something was compressed: those of `quality` and `qp` that are given."""
        told = {"quality": None if isinstance(self.quality, str) else self.quality, "qp": self.qp}
        return {name: value for name, value in told.items() if value is not None}

    @property
    def takes_pixels(self) -> bool:
        """Whether there is a rate for pixels that do not tell theirs: somebody says it, or wants it to be found out."""
        return bool(self.told_rates) or self.quality == "auto"

    def resolve(self, model: SamplingDefaults | None = None) -> Sampling:
        """Fills in what the user left open from the model's defaults."""
        model = model or SamplingDefaults()
        mode = self.mode or self._mode_asked_for()
        values: dict[str, Any] = {name: getattr(model, name) for name in ("start", "init", "sampler", "eta")}
        values |= {"steps": 1, "perception": 0.0} if mode == "fidelity" else model.modes[mode]
        chosen = {name: getattr(self, name) for name in values}
        values |= {name: value for name, value in chosen.items() if value is not None}
        if values["steps"] == 1:
            values["init"] = "gaussian" if values["perception"] else "mmse"
            values["start"] = 1 - values["perception"] * (1 - values["start"])
        return Sampling(**values)

    def _mode_asked_for(self) -> Mode:
        if (self.steps or 1) > 1 or self.perception:
            return "perceptual"
        return DEFAULT_MODE if self.steps is None and self.perception is None else "fidelity"


class KnobValues(TypedDict, total=False):
    """The fields of `Knobs` as keyword arguments, for type checkers."""

    quality: int | Literal["auto", "file"] | None
    qp: float | None
    mode: Mode | None
    steps: int | None
    perception: float | None
    strength: float
    seed: int
    tile: int | Literal["auto"]
    consistent: bool
    guard: bool
    ensemble: int
    sampler: Sampler | None
    eta: float | None
    start: float | None
    init: Start | None
    threshold: float


_OTHER_WORDS = {
    "gpu": "device", "cuda": "device", "force": "overwrite", "out": "output", "dest": "output", "fmt": "format",
    "bits": "depth", "n_steps": "steps", "num_steps": "steps", "num_inference_steps": "steps", "weights": "model",
    "model_path": "model", "random_state": "seed", "generator": "seed", "tile_size": "tile", "qf": "quality",
}  # fmt: skip


def check_names(given: Iterable[str], others: Iterable[str] = ()) -> None:
    """Raises UnknownOptionError for a keyword that is no knob, with the nearest that is.

    Args:
        given: keywords of a call.
        others: what the call takes beside the knobs.
    """
    known = [*(knob.name for knob in fields(Knobs)), *others]
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known, _OTHER_WORDS) or f"there are {', '.join(known)}"
            raise UnknownOptionError(f"there is no option {name!r}", hint=hint)


def _whole(name: str, value: object, low: int, high: int, also: str = "") -> None:
    if value is None:
        return
    whole = not isinstance(value, bool) and hasattr(value, "__index__")
    if not whole or not low <= value.__index__() <= high:  # type: ignore[attr-defined]
        top = f"2^{high.bit_length()} - 1" if high > 2**32 else high
        kind = f"{also} or a whole number" if also else "a whole number"
        raise UsageError(f"{name} must be {kind} from {low} to {top}, not {value!r}")


def _real(name: str, value: object, low: float, high: float) -> None:
    if value is None:
        return
    real = not isinstance(value, (bool, str)) and hasattr(value, "__float__")
    if not real or not low <= float(value) <= high:  # type: ignore[arg-type]
        bounds = f"from {low:g} to {high:g}" if high < math.inf else f"from {low:g}"
        raise UsageError(f"{name} must be a number {bounds}, not {value!r}")


def _choice(name: str, value: object, allowed: tuple[str, ...] | tuple[int, ...]) -> None:
    if value is not None and value not in allowed:
        raise UsageError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")
