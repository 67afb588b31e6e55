"""Checkpoints that ship: safetensors with everything the sampler needs in the metadata."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from enhance.codecs.conditioning import fits, layout
from enhance.diffusion.thresholds import RateTable
from enhance.errors import WeightsError
from enhance.knobs import SamplingDefaults
from enhance.models.trust_tables import TrustTables
from enhance.models.unet import Denoiser, UNetConfig

FORMAT = "enhance-1"


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
    """
    tensors = {
        key: value.detach().cpu().to(torch.float16 if half and value.ndim > 1 else torch.float32).contiguous()
        for key, value in checkpoint.denoiser.state_dict().items()
    }
    description = {
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
    blob = serialise(tensors, metadata={"format": FORMAT, "enhance": json.dumps(description)})
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(blob)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def read_description(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata of a checkpoint: network, tables, sampling and training, without the tensors' values.

    Raises:
        WeightsError: the file is missing, damaged, or not a checkpoint of this package.
    """
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise WeightsError(f"not a checkpoint of the format {FORMAT}", source=str(path))
        description: dict[str, Any] = json.loads(metadata["enhance"])
        return description
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"the checkpoint cannot be read: {error}", source=str(path), hint="reinstall the package or check --model"
        ) from error


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Reads a checkpoint onto the CPU in float32.

    Raises:
        WeightsError: the file is missing, damaged, or does not fit this version's network.
    """
    description = read_description(path)
    if not fits(description.get("conditioning", {})):  # the first models did not name the parts
        raise WeightsError("the network is told of a picture what this version does not know", source=str(path))
    try:
        denoiser = Denoiser(UNetConfig.from_dict(description["network"]))
        denoiser.load_state_dict({key: value.float() for key, value in load_file(path).items()})
        return Checkpoint(
            denoiser=denoiser.eval().requires_grad_(False),
            residual_scale=RateTable.from_dict(description["residual_scale"]),
            threshold=RateTable.from_dict(description["threshold"]),
            codec=description["codec"],
            sampling=SamplingDefaults(**description["sampling"]),
            trust=TrustTables.from_dict(description["trust"]) if "trust" in description else TrustTables(),
            training=description["training"],
            name=Path(path).stem,
            sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        )
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"the checkpoint does not fit this version: {error}", source=str(path)) from error
