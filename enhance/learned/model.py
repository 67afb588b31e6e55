"""A trained codec in one file: the network in half precision, and the integers that both ends must have alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from enhance.errors import WeightsError
from enhance.learned.integers import LAYERS, IntegerEntropy, quantise
from enhance.learned.network import LearnedCodec, LearnedConfig
from enhance.learned.packing import MARK, unpack
from enhance.learned.tables import SymbolTables
from enhance.system.atomic_file import atomic_file

FORMAT = "enhance-learned-1"
SHIPPED = Path(__file__).with_name("base.safetensors")
_MOST_BYTES = 1 << 27
_INTEGERS = "integers."


@dataclass(frozen=True)
class LearnedModel:
    """What encodes and decodes.

    Attributes:
        codec: the network without its hyper synthesis, in evaluation mode.
        entropy: that in integers.
        tables: the probabilities of symbols.
        training: how it was trained, plain JSON values.
        sha256: hash of the file as `serialise` gives it, packed or not, hexadecimal; files that it codes name the
            beginning of it.
    """

    codec: LearnedCodec
    entropy: IntegerEntropy
    tables: SymbolTables
    training: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @property
    def rates(self) -> int:
        return self.codec.config.rates


def model_of(codec: LearnedCodec, tables: SymbolTables, training: dict[str, Any] | None = None) -> LearnedModel:
    """A trained network as what a file would hold of it, hash included."""
    return load_model(serialise(codec, tables, training or {}))


def serialise(codec: LearnedCodec, tables: SymbolTables, training: dict[str, Any]) -> bytes:
    """The file's bytes; kernels in half precision."""
    entropy = quantise(codec)
    tensors = {
        name: value.detach().to(torch.float16 if value.ndim == 4 else torch.float32).contiguous()
        for name, value in codec.state_dict().items()
        if not name.startswith("hyper_synthesis")
    }
    for layer, (weight, bias) in enumerate(zip(entropy.weights, entropy.biases)):
        tensors |= {f"{_INTEGERS}weight{layer}": weight.contiguous(), f"{_INTEGERS}bias{layer}": bias}
    tensors |= {_INTEGERS + name: vector for name, vector in entropy.vectors.items()}
    tensors |= {
        _INTEGERS + "supports": torch.from_numpy(tables.supports),
        _INTEGERS + "counts": torch.from_numpy(tables.packed()),
    }
    described = {"format": FORMAT, "network": codec.config.to_dict(), "training": training}
    return bytes(save(tensors, {"codec": json.dumps(described)}))  # more entries would come in any order


def save_model(content: bytes, path: Path) -> None:
    """Writes what `serialise` or `pack` gave, atomically."""
    with atomic_file(path, overwrite=True) as stream:
        stream.write(content)


def load_model(content: bytes, name: str = "<memory>") -> LearnedModel:
    """Reads a model's file, packed or as `serialise` gives it.

    Raises:
        WeightsError: it is damaged, or of another version.
    """
    try:
        if _metadata(content).get("format") == MARK:
            content = unpack(content, _MOST_BYTES)
        described = _description(content)
        config = LearnedConfig.from_dict(described["network"])
        tensors = load(content)
        numbers = {key[len(_INTEGERS) :]: tensors.pop(key) for key in list(tensors) if key.startswith(_INTEGERS)}
        entropy, tables = _entropy(numbers)
        return LearnedModel(
            _network(config, tensors), _fitting(entropy, config), tables, dict(described["training"]),
            hashlib.sha256(content).hexdigest(),
        )  # fmt: skip
    except WeightsError as error:
        raise WeightsError(error.reason, source=name, hint="reinstall the package") from error
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, RecursionError) as error:
        reason = f"the learned codec cannot be read: {str(error)[:200]}"
        raise WeightsError(reason, source=name, hint="reinstall the package") from error


@lru_cache(maxsize=4)
def open_model(path: Path) -> LearnedModel:
    """The model of a file, read once. Raises WeightsError."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise WeightsError("larger than any model of this codec", source=str(path))
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", source=str(path)) from error
    return load_model(content, str(path))


def _metadata(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    if size > 1 << 20:
        raise ValueError("its header is larger than any")
    found: dict[str, str] = json.loads(content[8 : 8 + size])["__metadata__"]
    return found


def _description(content: bytes) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(_metadata(content)["codec"])
    if described.get("format") != FORMAT:
        raise WeightsError(f"not a learned codec of the format {FORMAT}")
    return described


def _network(config: LearnedConfig, tensors: Mapping[str, Tensor]) -> LearnedCodec:
    # Not on the meta device, for which torch imports its compiler: a second's work, and this takes hundredths.
    with torch.random.fork_rng(devices=[]):
        codec = LearnedCodec(config)
    codec.hyper_synthesis = nn.Identity()  # type: ignore[assignment]
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise WeightsError("some of its weights are not finite")
    codec.load_state_dict({name: value.float() for name, value in tensors.items()}, assign=True)
    return codec.eval().requires_grad_(False)


def _entropy(numbers: Mapping[str, Tensor]) -> tuple[IntegerEntropy, SymbolTables]:
    vectors = dict(numbers)
    weights = tuple(vectors.pop(f"weight{layer}") for layer in range(LAYERS))
    biases = tuple(vectors.pop(f"bias{layer}") for layer in range(LAYERS))
    tables = SymbolTables.unpacked(vectors.pop("supports").numpy(), vectors.pop("counts").numpy())
    return IntegerEntropy(weights, biases, vectors), tables


def _fitting(entropy: IntegerEntropy, config: LearnedConfig) -> IntegerEntropy:
    rates = {len(vector) for vector in entropy.vectors.values()}
    if (entropy.channels, entropy.hyper_channels, rates) != (config.latent, config.hyper, {config.rates}):
        raise WeightsError("its integers are not the network's")
    return entropy
