"""Where the weights of metrics are looked for, and how they are read. None of them ships with this package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from enhance.errors import WeightsError

WEIGHTS_VARIABLE = "ENHANCE_METRICS_DIR"

Place = str | os.PathLike[str] | None
"""A weight file, or a folder of them; None: the folder named by the environment variable ENHANCE_METRICS_DIR."""

# Classifiers behind the features, in the published files of whole networks.
_UNUSED = ("classifier.", "fc.", "AuxLogits.")


def find_weights(metric: str, choices: Sequence[Sequence[str]], place: Place = None) -> list[Path]:
    """The files of the first choice that is there as a whole.

    Args:
        metric: whose weights they are, for messages.
        choices: names, with wildcards, of the files that hold the weights together; the first choice is preferred.
        place: the one file itself, or the folder. What the folder does not have is looked for among torchvision's
            downloads (`torch.hub.get_dir()`), too.

    Raises:
        WeightsError: no choice is there as a whole.
    """
    wanted = ", or ".join(" and ".join(names) for names in choices)
    hint = f"set {WEIGHTS_VARIABLE} to a folder that holds {wanted}"
    chosen = place or os.environ.get(WEIGHTS_VARIABLE)
    named = Path(chosen) if chosen else None
    if named is not None and named.is_file():
        return [named]
    folders = [folder for folder in (named, Path(torch.hub.get_dir()) / "checkpoints") if folder is not None]
    for names in choices:
        found = [next((file for folder in folders for file in sorted(folder.glob(name))), None) for name in names]
        whole = [file for file in found if file is not None]
        if len(whole) == len(names):
            return whole
    if named is None:
        raise WeightsError(f"{metric} needs weights, which do not ship with this package", hint=hint)
    raise WeightsError(f"there are no {metric} weights here", source=str(named), hint=hint)


def load_weights(
    module: nn.Module, metric: str, choices: Sequence[Sequence[str]], place: Place = None, unused: tuple[str, ...] = ()
) -> None:
    """Fills a module with its weights; arguments as in `find_weights`, and beginnings of names that it does not need.

    Raises:
        WeightsError: the files are missing, damaged, or of another network.
    """
    files = find_weights(metric, choices, place)
    try:
        tensors = {name: tensor for file in files for name, tensor in _read(file).items()}
        module.load_state_dict({name: t for name, t in tensors.items() if not name.startswith((*_UNUSED, *unused))})
    except Exception as error:  # what damaged pickles raise has no common base
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise WeightsError(f"these are not {metric} weights: {first}", source=str(files[0])) from error


def _read(file: Path) -> dict[str, Tensor]:
    """Tensors of a .safetensors file, or of what `torch.save` made of a state dictionary; no code in it is run."""
    from safetensors.torch import load_file

    if file.suffix == ".safetensors":
        return load_file(file)
    content: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return content
