"""Checkpoints that ship: safetensors with everything the sampler needs in the metadata."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from enhance.codecs.conditioning import fits, layout
from enhance.diffusion.thresholds import RateTable
from enhance.errors import EnhanceError, WeightsError
from enhance.knobs import MODES, Knobs, SamplingDefaults
from enhance.models.trust_tables import TrustTables
from enhance.models.unet import Denoiser, UNetConfig
from enhance.system.atomic_file import atomic_file

FORMAT = "enhance-1"

# A hundred times what ships. No file may make this program take memory that it does not fill itself.
_MOST_BYTES = 1 << 31
_MOST_HEADER_BYTES = 1 << 20
_TOLD = 200  # characters of a library's message
_RAISED_BY_FILES = (
    OSError, SafetensorError, EnhanceError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A trained model.

    Attributes:
        denoiser: the network, float32, in evaluation mode.
        residual_scale: s(q), RMS of x − x̃ in units of [-1, 1].
        threshold: τ(q), limit of the predicted residual in units of s(q).
        codec: the base codec it was trained for ("jpeg", "vvc").
        sampling: the sampler's settings for this model.
        trust: how far it is to be believed at which rate.
        training: how it was trained (data, steps, crops, minutes, command, revision), plain JSON values.
        name: file name without suffix.
        sha256: hash of the file, hexadecimal; empty for a model that never was in a file.
    """

    denoiser: Denoiser
    residual_scale: RateTable
    threshold: RateTable
    codec: str = "jpeg"
    sampling: SamplingDefaults = field(default_factory=SamplingDefaults)
    trust: TrustTables = field(default_factory=TrustTables)
    training: dict[str, Any] = field(default_factory=dict)
    name: str = "unnamed"
    sha256: str = ""


def save_checkpoint(checkpoint: Checkpoint, path: str | os.PathLike[str], *, half: bool = True) -> None:
    """Writes a checkpoint, atomically.

    Args:
        checkpoint: the model; its `name` and `sha256` are ignored, they come from the file.
        path: target, ".safetensors".
        half: store matrices and kernels in float16, half the size.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {
        key: value.detach().cpu().to(torch.float16 if half and value.ndim > 1 else torch.float32).contiguous()
        for key, value in checkpoint.denoiser.state_dict().items()
    }
    blob = serialise(tensors, metadata={"format": FORMAT, "enhance": json.dumps(describe(checkpoint))})
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target, overwrite=True) as file:
        file.write(blob)


def describe(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a checkpoint says beside its tensors, as plain JSON values."""
    return {
        "network": checkpoint.denoiser.config.to_dict(),
        "conditioning": layout(checkpoint.denoiser.config.conditioning_size),
        "schedule": "cosine",
        "codec": checkpoint.codec,
        "residual_scale": checkpoint.residual_scale.to_dict(),
        "threshold": checkpoint.threshold.to_dict(),
        "sampling": asdict(checkpoint.sampling),
        "trust": checkpoint.trust.to_dict(),
        "training": checkpoint.training,
    }


def read_description(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata of a checkpoint: network, tables, sampling and training, without the tensors' values.

    Raises:
        WeightsError: the file is missing, damaged, or not a checkpoint of this package.
    """
    with _as_weights_error("the checkpoint cannot be read", path):
        _check_file(Path(path))
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise WeightsError(f"not a checkpoint of the format {FORMAT}", source=str(path))
        description = json.loads(metadata["enhance"])
        if not isinstance(description, dict):
            raise ValueError("its description is no object")
        return description


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Reads a checkpoint onto the CPU in float32.

    Raises:
        WeightsError: the file is missing, damaged, or does not fit this version's network.
    """
    description = read_description(path)
    with _as_weights_error("the checkpoint does not fit this version", path):
        if not fits(description.get("conditioning", {})):  # the first models did not name the parts
            raise ValueError("the network is told of a picture what is not known here")
        return Checkpoint(
            denoiser=_load_denoiser(path, UNetConfig.from_dict(description["network"])),
            residual_scale=RateTable.from_dict(description["residual_scale"]),
            threshold=RateTable.from_dict(description["threshold"]),
            codec=_of_kind(description["codec"], str),
            sampling=_read_sampling(description["sampling"]),
            trust=TrustTables.from_dict(description["trust"]) if "trust" in description else TrustTables(),
            training=_of_kind(description["training"], dict),
            name=Path(path).stem,
            sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        )


def _check_file(path: Path) -> None:
    """Raises ValueError for what no checkpoint is, before anything of it is read."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if status.st_size > _MOST_BYTES or header > _MOST_HEADER_BYTES:
        raise ValueError(f"it has {status.st_size} bytes and a header of {header}, more than any checkpoint has")


def _load_denoiser(path: str | os.PathLike[str], config: UNetConfig) -> Denoiser:
    """The network of a file; made only if the file holds all its tensors, so that memory is bounded by the file's size.

    Raises:
        ValueError: other tensors, or values that are not finite.
    """
    with torch.device("meta"):
        denoiser = Denoiser(config)
    expected = {key: list(value.shape) for key, value in denoiser.state_dict().items()}
    with safe_open(os.fspath(path), framework="pt") as file:
        found = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    if found != expected:
        different = sorted(key for key in expected.keys() | found.keys() if found.get(key) != expected.get(key))
        raise ValueError(f"its tensors are not the network's: {', '.join(different[:3])}")
    tensors = {key: value.float() for key, value in load_file(path).items()}
    if not all(np.isfinite(value.numpy()).all() for value in tensors.values()):
        raise ValueError("some of its weights are not finite")
    denoiser.load_state_dict(tensors, assign=True)
    return denoiser.eval().requires_grad_(False)


def _read_sampling(values: dict[str, Any]) -> SamplingDefaults:
    """The sampler's settings, each of which `Knobs` would take from a user, too."""
    sampling = SamplingDefaults(**values)
    for mode in MODES:
        if mode != "fidelity":
            Knobs(start=sampling.start, init=sampling.init, sampler=sampling.sampler, eta=sampling.eta)  # type: ignore[arg-type]
            Knobs(**{name: sampling.modes[mode][name] for name in ("steps", "perception")})
            Knobs(mode=mode).resolve(sampling)
    return sampling


def _of_kind(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} is expected, not a {type(value).__name__}")
    return value


@contextmanager
def _as_weights_error(what: str, path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever a damaged or forged file makes the libraries raise, as an error that names it."""
    hint = "reinstall the package or check --model"
    try:
        yield
    except WeightsError as error:
        raise WeightsError(error.reason, source=error.source or str(path), hint=error.hint or hint) from error
    except _RAISED_BY_FILES as error:
        told = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:_TOLD]
        raise WeightsError(f"{what}: {told}", source=str(path), hint=hint) from error
