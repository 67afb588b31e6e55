"""Training pairs for VVC: squares of photos coded once, decoded once, and kept in a folder.

libvvenc takes tenths of a second for a square, far too long for every crop of a training run. So the pairs are made
before it, as files that the run's processes map into memory:

    NAME.npy          the original, uint8 [H, W, 3] RGB
    NAME_qpQP.npy     the decoded picture, uint16 [H, W, 3] RGB, white is 65535 (no 8-bit step in between)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from enhance.codecs.vvc.encoding import encode_vvc
from enhance.codecs.vvc.rate import VvcRate
from enhance.diffusion.thresholds import RateTable
from enhance.errors import DecodeError, UsageError
from enhance.frames.depth import code_values, to_dtype
from enhance.images import Rate
from enhance.system.atomic_file import atomic_file
from enhance.system.progress import progress_bar
from enhance.training.calibration import calibrate
from enhance.training.crops import Crops, centre, load_image
from enhance.training.degradation import Uint8
from enhance.training.sources import random_orientation

SIDE = 512
"""Side of the coded squares."""

QP_RANGE = (18.0, 51.0)
LEVELS = (17.0, 22.0, 27.0, 32.0, 37.0, 42.0, 47.0, 52.0)
"""QPs at which s(q) and τ(q) are measured, each from the pairs within half a step around it."""

_GRID = 16  # crops keep the picture's place on the network's grid, as it is in use


@dataclass(frozen=True)
class CodedSquare:
    """An original and what a decoder made of it.

    Attributes:
        original: file of uint8 [H, W, 3] RGB.
        base: file of uint16 [H, W, 3] RGB, white is 65535.
        qp: slice QP.
    """

    original: Path
    base: Path
    qp: float

    @classmethod
    def of(cls, base: Path) -> CodedSquare:
        """The pair that NAME_qpQP.npy belongs to, whether its files exist or not. Raises UsageError on other names."""
        name, _, qp = base.stem.rpartition("_qp")
        if not qp.isdecimal():
            raise UsageError("there is no QP in its name", source=str(base), hint="expected NAME_qpQP.npy")
        return cls(base.with_name(f"{name}.npy"), base, float(qp))


def decode_vvc(stream: bytes, source: str) -> tuple[npt.NDArray[np.uint16], float]:
    """The picture of a stream, uint16 [H, W, 3] RGB with white at 65535, and its slice QP. Raises DecodeError."""
    from enhance.codecs.vvc.decoder import VvcDecoder

    decoded = VvcDecoder(decoder="ffmpeg").decode(stream, source=source)
    return to_dtype(decoded.pixels, np.uint16), decoded.rate.level


def code_photos(
    photos: Sequence[Path], cache: Path, *, squares: int, preset: str = "fast", seed: int = 0, workers: int = 1
) -> list[CodedSquare]:
    """Codes random squares of photos at random QPs; those that the cache holds are not coded again.

    Args:
        photos: images without visible compression; those with a side below 64 are left out.
        cache: folder of the pairs, made if it is missing.
        squares: per photo.
        preset: of libvvenc.
        seed: of the places and QPs, together with the photo's name.
        workers: encoders at a time.
    """

    def code(photo: Path) -> list[CodedSquare]:
        image = load_image(photo)
        rng = np.random.default_rng([seed, *name_of(photo).encode()])
        height, width = (min(SIDE, length // _GRID * _GRID) for length in image.shape[:2])
        if min(height, width) < 4 * _GRID:
            return []
        pairs = []
        for _ in range(squares):
            top, left = (int(rng.integers(length - side + 1)) for length, side in zip(image.shape[:2], (height, width)))
            qp = int(rng.integers(int(QP_RANGE[0]), int(QP_RANGE[1]) + 1))
            square = np.ascontiguousarray(image[top : top + height, left : left + width])
            name = f"{name_of(photo)}_{top}_{left}_{preset}_qp{qp}"
            pairs.append(_keep(cache, name, square, partial(encode_vvc, square, qp, preset=preset)))
        return pairs

    return _in_parallel(code, photos, cache, workers, "coding")


def take_streams(
    streams: Sequence[Path], photos: Sequence[Path], cache: Path, *, workers: int = 1
) -> list[CodedSquare]:
    """Decodes streams that somebody coded from the photos; those that the cache holds are not decoded again.

    Args:
        streams: files FOLDER_STEM_qpQP.266: the central square (or rectangle) of the photo FOLDER/STEM.*
        photos: the originals.
        cache: folder of the pairs, made if it is missing.
        workers: decoders at a time.

    Raises:
        UsageError: no photo has such a name.
    """
    originals = {name_of(photo): photo for photo in photos}

    def take(stream: Path) -> list[CodedSquare]:
        name = stream.stem.rpartition("_qp")[0]
        if name not in originals:
            raise UsageError("no photo for this stream", source=str(stream), hint=f"FOLDER/STEM.png for {name}")

        def square(shape: tuple[int, ...]) -> Uint8:
            return centre(load_image(originals[name]), shape[0], shape[1])

        return [_keep(cache, stream.stem, square, stream.read_bytes)]

    return _in_parallel(take, streams, cache, workers, "decoding")


def find_pairs(folders: Sequence[Path]) -> list[CodedSquare]:
    """All pairs that earlier runs left in their caches, in a fixed order.

    Raises:
        UsageError: a folder holds none, not the original of each, or a name without a QP.
    """
    pairs: list[CodedSquare] = []
    for folder in folders:
        found = [CodedSquare.of(base) for base in sorted(folder.glob("*_qp*.npy"))]
        if not found:
            raise UsageError("no pairs NAME.npy, NAME_qpQP.npy in this folder", source=str(folder))
        pairs += found
    for pair in pairs:
        if not pair.original.exists():
            raise UsageError("its original is missing", source=str(pair.base), hint=f"it would be {pair.original.name}")
    return pairs


def code_pictures(
    pictures: Sequence[Uint8], qp: int, cache: Path, *, preset: str = "fast", workers: int = 1
) -> list[npt.NDArray[np.float32]]:
    """Codes and decodes pictures whole, all at one QP; those that the cache holds are not coded again.

    Args:
        pictures: uint8 [H, W, 3] RGB.
        qp: slice QP.
        cache: folder of the decoded pictures, named by their originals' content.
        preset: of libvvenc.
        workers: encoders at a time.

    Returns:
        the decoded pictures, float32 [H, W, 3] in 8-bit code values, not rounded.
    """
    cache.mkdir(parents=True, exist_ok=True)

    def code(picture: Uint8) -> npt.NDArray[np.float32]:
        name = f"{preset}_{picture.shape[1]}x{picture.shape[0]}_{sha256(picture.tobytes()).hexdigest()[:24]}"
        pair = _keep(cache, f"{name}_qp{qp}", picture, partial(encode_vvc, picture, qp, preset=preset))
        return code_values(np.load(pair.base))

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        return list(pool.map(code, pictures))


def name_of(photo: Path) -> str:
    """FOLDER_STEM, which tells the photos of several folders apart."""
    return f"{photo.parent.name}_{photo.stem}"


def find_streams(folders: Sequence[Path]) -> list[Path]:
    """All `*_qp*.266` files below the folders, in a fixed order. Raises UsageError if there are none."""
    streams = sorted(path for folder in folders for path in folder.rglob("*_qp*.266"))
    if not streams:
        raise UsageError(f"no streams NAME_qpQP.266 below {', '.join(map(str, folders))}")
    return streams


def _keep(
    cache: Path,
    name: str,
    original: Uint8 | Callable[[tuple[int, ...]], Uint8],
    stream: Callable[[], bytes],
) -> CodedSquare:
    """The pair NAME_qpQP, made if it is not there yet."""
    pair = CodedSquare.of(cache / f"{name}.npy")
    if not pair.base.exists():
        pixels, qp = decode_vvc(stream(), name)
        if qp != pair.qp:
            raise DecodeError(f"the slice QP is {qp:g}, not {pair.qp:g} as its name says", source=name)
        save_pair(pair, original(pixels.shape) if callable(original) else original, pixels)
    return pair


def save_pair(pair: CodedSquare, original: Uint8, base: npt.NDArray[np.uint16]) -> None:
    """Writes a pair's files, the original first and only if it is not there yet. Raises OutputError."""
    if not pair.original.exists():
        _save(pair.original, original)
    _save(pair.base, base)


def _save(path: Path, values: npt.NDArray[Any]) -> None:
    with atomic_file(path, overwrite=True) as file:
        np.save(file, values)


def _in_parallel(
    make: Callable[[Path], list[CodedSquare]], paths: Sequence[Path], cache: Path, workers: int, what: str
) -> list[CodedSquare]:
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max(workers, 1)) as pool:  # the work is done by the codec's processes
        futures = [pool.submit(make, path) for path in paths]
        try:
            return [pair for future in progress_bar(what, iterable=futures, unit="file") for pair in future.result()]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class PairCrops(Crops):
    """An endless stream of crops of pairs, flipped and turned at random.

    Args:
        pairs: what `code_photos` and `take_streams` gave.
        crop: side of the crops, a multiple of 16; smaller squares are left out.
        seed: the stream of worker k depends on (seed, k) only.

    Raises:
        UsageError: no square is as large as a crop.
    """

    def __init__(self, pairs: Sequence[CodedSquare], crop: int, seed: int) -> None:
        self.crop, self.seed = crop, seed
        mapped = [(np.load(pair.original, "r"), np.load(pair.base, "r"), VvcRate(pair.qp)) for pair in pairs]
        self.pairs = [pair for pair in mapped if min(pair[0].shape[:2]) >= crop]
        if not self.pairs:
            raise UsageError(f"no coded square is as large as a crop of {crop} pixels")

    def pair(self, rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Rate]:
        original, base, rate = self.pairs[int(rng.integers(len(self.pairs)))]
        top, left = (int(rng.integers((side - self.crop) // _GRID + 1)) * _GRID for side in original.shape[:2])
        rows, columns = slice(top, top + self.crop), slice(left, left + self.crop)
        turn = random_orientation(rng)
        return turn(original[rows, columns]), turn(base[rows, columns]), rate


def calibrate_pairs(pairs: Sequence[CodedSquare], *, progress: bool = True) -> tuple[RateTable, RateTable]:
    """s(q) and τ(q) of the pairs, as `calibrate` gives them. Levels without pairs are left out.

    Raises:
        UsageError: there is no pair near any level.
    """
    half = (LEVELS[1] - LEVELS[0]) / 2
    near = {level: [pair for pair in pairs if abs(pair.qp - level) <= half][:200] for level in LEVELS}
    known = [level for level in LEVELS if near[level]]
    if not known:
        raise UsageError("no pairs to calibrate with", hint=f"QPs from {LEVELS[0]:g} to {LEVELS[-1]:g}")
    levels = progress_bar("calibrating", iterable=known, unit="rate", shown=progress)
    return calibrate((level, _residuals(near[level])) for level in levels)


def _residuals(pairs: Sequence[CodedSquare]) -> npt.NDArray[np.float32]:
    """x − x̃ in units of [-1, 1], every third row of each pair, one after the other."""
    found = []
    for pair in pairs:
        original, base = (code_values(np.load(path)[::3]) for path in (pair.original, pair.base))
        found.append((original - base).reshape(-1) / np.float32(127.5))
    return np.concatenate(found)
