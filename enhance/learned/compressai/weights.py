"""Weights of CompressAI's networks: files that users name, or those that CompressAI downloaded before.

Nothing is downloaded here. What is missing is said together with the line by which CompressAI fetches it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from enhance.errors import UsageError, WeightsError
from enhance.learned.compressai.networks import Quality

FOLDER = "ENHANCE_COMPRESSAI"
"""The variable that names the folder of a user's own weights."""

_ID_BYTES = 8


@dataclass(frozen=True)
class Weights:
    """A network with its weights.

    Attributes:
        network: CompressAI's, in evaluation mode.
        id: the first bytes of the SHA-256 of the file, which files that it codes name.
        lock: to be held while it works: it is watched on the way.
    """

    network: Any
    id: bytes
    lock: Lock = field(default_factory=Lock)


def find_weights(quality: Quality, folder: Path | None = None) -> Weights:
    """Those to code with: the user's, else CompressAI's.

    Args:
        quality: of which network.
        folder: of the user's weights; by default the one that `FOLDER` names.

    Raises:
        UsageError: CompressAI is missing, or the folder has several for this quality.
        WeightsError: there are none, or they cannot be read.
    """
    own = list(_own_files(quality, folder))
    if len(own) > 1:
        names = ", ".join(path.name for path in own)
        raise UsageError(f"several weights of {_words(quality)}: {names}", hint="leave one of them in the folder")
    found = own or list(_downloaded(quality))
    if not found:
        raise WeightsError(f"there are no weights of {_words(quality)}", hint=way_out(quality))
    return open_weights(found[0], quality.network.name)


def find_weights_of(quality: Quality, identity: bytes, folder: Path | None = None) -> Weights | None:
    """Those with which a file was coded; None where they are not here. Other errors as in `find_weights`."""
    paths = [*_own_files(quality, folder), *_downloaded(quality)]
    path = next((path for path in paths if _identity(path) == identity), None)
    return None if path is None else open_weights(path, quality.network.name)


def way_out(quality: Quality) -> str:
    """How to come by weights."""
    call = f"{quality.network.name.replace('-', '_')}({quality.quality}, pretrained=True)"
    return (
        f"`python -c 'from compressai.zoo import *; {call}'` downloads CompressAI's, or {FOLDER} names a folder "
        f"with {quality.network.name}-{quality.quality}*.pth.tar"
    )


@lru_cache(maxsize=4)
def open_weights(path: Path, name: str) -> Weights:
    """The network of a file, read once. Errors as `find_weights`."""
    _, architectures = _zoo()
    content = _read(path)
    try:
        state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        network = _network(architectures[name], state.get("state_dict", state))
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, EOFError) as error:
        reason = f"no weights of {name}: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}"
        raise WeightsError(reason, source=str(path), hint="get a fresh copy of them") from error
    return Weights(network, _identity(path))


def _network(architecture: Any, state: dict[str, Any]) -> Any:
    from compressai.zoo.pretrained import load_pretrained

    network = architecture.from_state_dict(load_pretrained(state)).eval().requires_grad_(False)
    if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
        raise ValueError("some are not finite")
    if not network.gaussian_conditional.quantized_cdf.numel():
        network.update()
    return network


def _own_files(quality: Quality, folder: Path | None) -> Iterator[Path]:
    named = os.environ.get(FOLDER) if folder is None else folder
    stem = f"{quality.network.name}-{quality.quality}"
    for path in sorted(Path(named).glob(f"{stem}*")) if named else ():
        if path.is_file() and not path.name[len(stem)].isdigit():
            yield path


def _downloaded(quality: Quality) -> Iterator[Path]:
    """Where CompressAI's own download has put them."""
    addresses, _ = _zoo()
    address = addresses[quality.network.name]["mse"][quality.quality]
    path = Path(torch.hub.get_dir(), "checkpoints", address.rpartition("/")[2])
    if path.is_file():
        yield path


def _zoo() -> tuple[Any, Any]:
    """CompressAI's addresses of weights, and its networks' classes."""
    try:
        from compressai.zoo.image import model_architectures, model_urls
    except ImportError as error:
        reason = f"files of CompressAI's networks need the package compressai: {error}"
        raise UsageError(reason, hint="pip install enhance[compressai]") from error
    return model_urls, model_architectures


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", source=str(path)) from error


@lru_cache(maxsize=256)
def _identity(path: Path) -> bytes:
    return hashlib.sha256(_read(path)).digest()[:_ID_BYTES]


def _words(quality: Quality) -> str:
    return f"{quality.network.name}, quality {quality.quality}"
