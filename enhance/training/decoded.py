"""Training pictures decoded once into files that are mapped into memory, so that they may be more than memory holds.

NAME-HASH.npy     uint8 [H, W, 3] RGB; the hash is of the picture's path, size and time of change
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

from enhance.errors import DecodeError, UsageError
from enhance.system.atomic_file import atomic_file
from enhance.system.progress import progress_bar
from enhance.training.crops import load_image, tell_unreadable
from enhance.training.degradation import Uint8

logger = logging.getLogger(__name__)


_MAPS = 4096
"""Pictures that stay mapped. Linux allows 65,530 maps in a process."""


class DecodedPictures(Sequence[Uint8]):
    """Pictures in files, uint8 [H, W, 3] each, of which only what is looked at is read."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.shapes: list[tuple[int, ...]] = [np.load(file, mmap_mode="r").shape for file in files]
        self._maps: dict[int, Uint8] = {}

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Uint8: ...
    @overload
    def __getitem__(self, index: slice) -> DecodedPictures: ...
    def __getitem__(self, index: int | slice) -> Uint8 | DecodedPictures:
        if isinstance(index, slice):
            return DecodedPictures(self.files[index])
        if index not in self._maps:
            mapped = self._map(index)
            if len(self._maps) >= _MAPS:
                return mapped
            self._maps[index] = mapped
        return self._maps[index]

    def _map(self, index: int) -> Uint8:
        """Not by `np.load`, which takes longer for the header than a crop does."""
        file, shape = self.files[index], self.shapes[index]
        header = file.stat().st_size - math.prod(shape)
        return np.asarray(np.memmap(file, np.uint8, "r", header, shape))


def decode_once(
    paths: Sequence[Path], folder: Path, *, smallest: int, workers: int, progress: bool = True
) -> DecodedPictures:
    """Decodes those pictures that the folder does not hold yet, in parallel.

    Args:
        paths: picture files.
        folder: of the decoded pictures, made if it is missing.
        smallest: pictures with a side below this are left out, with a note, as are those that cannot be read.
        workers: processes.
        progress: whether to show a bar.

    Raises:
        UsageError: no picture can be read, or none is large enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(max_workers=max(workers, 1)) as pool:
        decoded = pool.map(partial(_decode, folder), paths, chunksize=4)
        found = list(progress_bar("decoding", len(paths), iterable=decoded, unit="image", shown=progress))
    tell_unreadable([reason for reason in found if isinstance(reason, str)], len(paths))
    files = [file for file in found if isinstance(file, Path)]
    pictures = DecodedPictures(files)
    kept = [file for file, shape in zip(files, pictures.shapes) if min(shape[:2]) >= smallest]
    if len(kept) < len(files):
        logger.warning("%d of %d images are smaller than a crop and are left out", len(files) - len(kept), len(files))
    if not kept:
        raise UsageError(f"no image is as large as a crop of {smallest} pixels")
    return pictures if len(kept) == len(files) else DecodedPictures(kept)


def _decode(folder: Path, path: Path) -> Path | str:
    """The file of a decoded picture, or why it cannot be read."""
    state = path.stat()
    key = f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}"
    file = folder / f"{path.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
    if not file.exists():
        try:
            _save(file, load_image(path))
        except DecodeError as error:
            return str(error)
    return file


def _save(file: Path, pixels: np.ndarray[Any, Any]) -> None:
    with atomic_file(file, overwrite=True) as stream:
        np.save(stream, pixels)
