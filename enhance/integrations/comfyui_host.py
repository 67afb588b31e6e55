"""What ComfyUI offers its nodes: folders, device, progress bar, Cancel; and what serves in its place where it is not.

Where a node is loaded by ComfyUI, ComfyUI's modules are loaded already, so none is imported here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from enhance.inference.progress import Progress

_BAR = 1000  # its bar counts whole numbers


def input_folder() -> Path:
    """Where uploads and inputs lie."""
    folders = _module("folder_paths")
    return Path(folders.get_input_directory() if folders else "input")


def files_with(extensions: Sequence[str]) -> list[str]:
    """Names of the files in the input folder that have one of these extensions, in their order."""
    folder = input_folder()
    names = os.listdir(folder) if folder.is_dir() else []
    return sorted(name for name in names if name.lower().endswith(tuple(extensions)) and (folder / name).is_file())


def path_of(name: str) -> Path:
    """The file of a name, which may say its folder as ComfyUI writes it: "photo.jpg [output]"."""
    folders = _module("folder_paths")
    return Path(folders.get_annotated_filepath(name)) if folders else input_folder() / name


def device() -> torch.device | str:
    """The device that ComfyUI computes on; the CPU where the network cannot use that."""
    management = _module("comfy.model_management")
    if management is None:
        return "auto"
    found: torch.device = management.get_torch_device()
    return found if found.type in ("cpu", "cuda", "mps") else "cpu"


def progress() -> Progress:
    """Moves the bar of the node that runs, and ends it by ComfyUI's exception where the user cancels."""
    parts, management = _module("comfy.utils"), _module("comfy.model_management")
    bar = parts.ProgressBar(_BAR) if parts else None
    check: Callable[[], object] = management.throw_exception_if_processing_interrupted if management else _go_on

    def tell(share: float) -> None:
        check()
        if bar is not None:
            bar.update_absolute(round(_BAR * share))

    return tell


def _go_on() -> None:
    """Nobody can cancel."""


def _module(name: str) -> Any:
    return sys.modules.get(name)
