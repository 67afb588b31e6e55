"""Pictures to files of CompressAI's networks and back.

CompressAI computes probabilities in floating point. A machine on which they come out otherwise would decode noise, so a
file holds the CRC-32 of all that chooses them, and is refused there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enhance.errors import DecodeError, UnsupportedImageError
from enhance.learned.compressai.networks import Network, Quality
from enhance.learned.compressai.weights import Weights, find_weights, find_weights_of, way_out
from enhance.learned.file_format import CodedFile
from enhance.learned.padding import padded

STRIDE = 64
"""Pixels per symbol of the hyper-latent, in each direction; the latent has one for 16."""

Uint8 = npt.NDArray[np.uint8]


@torch.no_grad()
def encode(pixels: Uint8, quality: Quality, folder: Path | None = None) -> CodedFile:
    """Codes a picture.

    Args:
        pixels: uint8, [H, W, 3] RGB or [H, W] gray.
        quality: of which network.
        folder: of the user's weights, as in `find_weights`. Errors as there.
    """
    weights = find_weights(quality, folder)
    with weights.lock, _watched(weights) as checksum:
        coded = weights.network.compress(padded(pixels, STRIDE))
    (latent,), (hyper,) = coded["strings"]
    return CodedFile(
        rate=quality.quality,
        is_gray=pixels.ndim == 2,
        model=weights.id,
        width=pixels.shape[1],
        height=pixels.shape[0],
        indices=checksum(),
        hyper=hyper,
        latent=latent,
        magic=quality.network.magic,
    )


@torch.no_grad()
def decode(
    coded: CodedFile, network: Network, source: str = "<memory>", folder: Path | None = None
) -> npt.NDArray[np.float32]:
    """The picture of a file.

    Returns:
        float32, 0 to 1, [H, W, 3] RGB or [H, W] gray.

    Raises:
        DecodeError: its strings are damaged, or this machine computes other probabilities than the encoder's did.
        UnsupportedImageError: the weights with which it was coded are not here.
        UsageError: CompressAI is missing.
        WeightsError: weights cannot be read.
    """
    quality = Quality(network, coded.rate)
    weights = find_weights_of(quality, coded.model, folder)
    if weights is None:
        reason = f"coded with weights of {network.name} that are not here (SHA-256 {coded.model.hex()}...)"
        raise UnsupportedImageError(reason, source=source, hint=way_out(quality))
    size = [-(-side // STRIDE) for side in (coded.height, coded.width)]
    strings = [[_safe(string, weights, size)] for string in (coded.latent, coded.hyper)]
    with weights.lock, _watched(weights) as checksum, _one_clear_error(source):
        picture = weights.network.decompress(strings, size)["x_hat"][0, :, : coded.height, : coded.width]
        if checksum() != coded.indices:
            raise DecodeError("the probabilities computed here are not those that the encoder computed")
    pixels = np.ascontiguousarray(picture.numpy().transpose(1, 2, 0))
    return pixels.mean(axis=2) if coded.is_gray else pixels


@contextmanager
def _watched(weights: Weights) -> Iterator[Callable[[], int]]:
    """Gives the CRC-32, so far, of the tables and of the indices of those that were asked for in this block."""
    conditional, bottleneck = weights.network.gaussian_conditional, weights.network.entropy_bottleneck
    build, total = conditional.build_indexes, 0
    for model in (bottleneck, conditional):
        for table in (model.quantized_cdf, model.cdf_length, model.offset):
            total = zlib.crc32(table.numpy().astype("<i4").tobytes(), total)

    def watching(scales: Tensor) -> Tensor:
        nonlocal total
        indices: Tensor = build(scales)
        total = zlib.crc32(indices.numpy().astype(np.uint8).tobytes(), total)
        return indices

    conditional.build_indexes = watching
    try:
        yield lambda: total
    finally:
        del conditional.build_indexes  # the method of the class is seen again


@contextmanager
def _one_clear_error(source: str) -> Iterator[None]:
    """What CompressAI says of strings that are none."""
    try:
        yield
    except (DecodeError, RuntimeError, ValueError, IndexError) as error:
        reason = error.reason if isinstance(error, DecodeError) else f"a coded string is damaged: {error}"
        raise DecodeError(reason, source=source, hint="get a fresh copy of the file") from error


def _safe(string: bytes, weights: Weights, size: list[int]) -> bytes:
    """A string with as many zeros after it as the decoder can ever take.

    CompressAI's decoder does not look where its string ends: one that was forged would have it read beyond. A symbol
    takes 16 bits at most, and an escaped one 4 bits for each unit that the string's own groups of 4 bits count.
    """
    symbols = 16 * size[0] * size[1] * weights.network.M
    return string + bytes(4 * symbols + 16 * len(string) + 64)
