"""Pictures to files of the learned codec and back."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enhance.errors import DecodeError, UnsupportedImageError
from enhance.learned.file_format import CodedFile
from enhance.learned.model import LearnedModel
from enhance.learned.network import BLOCK, STRIDE, LearnedConfig
from enhance.learned.padding import padded
from enhance.learned.quantiser import choose
from enhance.learned.rate import check_rate
from enhance.learned.symbols import HIGHEST, decode_symbols, encode_symbols

Uint8 = npt.NDArray[np.uint8]
Symbols = npt.NDArray[np.int32]
Indices = npt.NDArray[np.uint8]

_BAND_PIXELS = 1 << 21
"""Of a part of a picture that goes through a transform at once; takes about half a gigabyte."""
_MODEL_BYTES = 8


def encode(pixels: Uint8, rate: int, model: LearnedModel) -> CodedFile:
    """Codes a picture.

    Args:
        pixels: uint8, [H, W, 3] RGB or [H, W] gray.
        rate: from 1, the strongest compression.
        model: of the codec.

    Raises:
        UsageError: there is no such rate, or `constriction` is missing.
    """
    found = _symbols(pixels, rate, model)
    return CodedFile(
        rate=rate,
        is_gray=pixels.ndim == 2,
        model=model_id(model),
        width=pixels.shape[1],
        height=pixels.shape[0],
        indices=zlib.crc32(found.indices.tobytes()),
        hyper=encode_symbols(found.hyper.numpy().ravel(), _hyper_indices(found.hyper, rate, model), model.tables),
        latent=encode_symbols(found.latent.ravel(), found.indices.ravel(), model.tables),
    )


def symbols_of(pixels: Uint8, rate: int, model: LearnedModel) -> tuple[Symbols, Indices]:
    """The latent's symbols, and the indices of their tables, [M, H/16, W/16] each. Arguments and errors as `encode`."""
    found = _symbols(pixels, rate, model)
    return found.latent, found.indices


class _Symbols(NamedTuple):
    hyper: Tensor
    latent: Symbols
    indices: Indices


@torch.no_grad()
def _symbols(pixels: Uint8, rate: int, model: LearnedModel) -> _Symbols:
    check_rate(rate, model.rates)
    y = _latent(padded(pixels, STRIDE).sub_(0.5), rate - 1, model)
    values = model.codec.hyper_latent(y, torch.tensor([rate - 1]))[0].double()
    hyper = (values - model.entropy.hyper_means(rate - 1)[:, None, None]).round().clamp(-HIGHEST, HIGHEST).int()
    means, indices = model.entropy.latent(hyper, rate - 1)
    chosen = choose((y[0].double() - means).numpy(), indices.numpy(), model, rate - 1)
    return _Symbols(hyper, chosen, indices.numpy())


@torch.no_grad()
def decode(coded: CodedFile, model: LearnedModel, source: str = "<memory>") -> npt.NDArray[np.float32]:
    """The picture of a file.

    Returns:
        float32, 0 to 1, [H, W, 3] RGB or [H, W] gray.

    Raises:
        DecodeError: the strings are damaged, or this machine computes other integers than the encoder's did.
        UnsupportedImageError: another model coded it.
        UsageError: `constriction` is missing.
    """
    if coded.model != model_id(model):
        reason = f"coded by another model of the learned codec ({coded.model.hex()})"
        raise UnsupportedImageError(reason, source=source, hint="use the version of enhance that coded it")
    if not 1 <= coded.rate <= model.rates:
        raise DecodeError(f"a rate of {coded.rate}", source=source, hint="get a fresh copy of the file")
    y = _decoded_latent(coded, model, source)
    pixels = _pixels(y, coded.rate, model, (coded.height, coded.width))
    return pixels.mean(axis=2) if coded.is_gray else pixels


@torch.no_grad()
def decoded_at(pixels: Uint8, rate: int, model: LearnedModel) -> npt.NDArray[np.float32]:
    """What `decode` gives of what `encode` gives, without the bytes in between.

    Args:
        pixels: uint8 [H, W, 3] RGB.
        rate: from 1.
        model: of the codec.

    Returns:
        float32 [H, W, 3], 0 to 1.
    """
    found = _symbols(pixels, rate, model)
    means, _ = model.entropy.latent(found.hyper, rate - 1)
    return _pixels(torch.from_numpy(found.latent) + means, rate, model, pixels.shape[:2])


def model_id(model: LearnedModel) -> bytes:
    """What files say of the model that coded them."""
    return bytes.fromhex(model.sha256)[:_MODEL_BYTES]


def _pixels(y: Tensor, rate: int, model: LearnedModel, size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """[H, W, 3], 0 to 1, of a latent in units of the quantiser's step, [M, H/16, W/16]."""
    picture = _picture(y.float()[None], rate - 1, model)[:, : size[0], : size[1]]
    return np.ascontiguousarray(picture.add_(0.5).clamp_(0, 1).numpy().transpose(1, 2, 0))


def _decoded_latent(coded: CodedFile, model: LearnedModel, source: str) -> Tensor:
    rows, columns = (-(-side // STRIDE) for side in (coded.height, coded.width))
    hyper_symbols = torch.zeros(model.entropy.hyper_channels, rows, columns, dtype=torch.int32)
    try:
        if not coded.hyper or not coded.latent:
            raise DecodeError("a coded string is missing")
        found = decode_symbols(coded.hyper, _hyper_indices(hyper_symbols, coded.rate, model), model.tables)
        hyper_symbols = torch.from_numpy(found).view(hyper_symbols.shape)
        means, indices = model.entropy.latent(hyper_symbols, coded.rate - 1)
        if zlib.crc32(indices.numpy().tobytes()) != coded.indices:
            raise DecodeError("the probabilities computed here are not those that the encoder computed")
        symbols = decode_symbols(coded.latent, indices.numpy().ravel(), model.tables)
    except DecodeError as error:
        raise DecodeError(error.reason, source=source, hint="get a fresh copy of the file") from error
    return torch.from_numpy(symbols).view(means.shape) + means


def _hyper_indices(symbols: Tensor, rate: int, model: LearnedModel) -> Any:
    return np.repeat(model.entropy.hyper_indices(rate - 1).numpy(), symbols[0].numel())


def _latent(x: Tensor, rate: int, model: LearnedModel) -> Tensor:
    rates = torch.tensor([rate])
    halo = _halo(8 * (2 * model.codec.config.analysis_blocks + 3))
    return _in_bands(lambda band: model.codec.latent(band, rates), x, BLOCK, halo, down=True)


def _picture(y: Tensor, rate: int, model: LearnedModel) -> Tensor:
    """[1, M, H/16, W/16] to [3, H, W]."""
    rates = torch.tensor([rate])
    return _in_bands(lambda band: model.codec.picture(band, rates), y, BLOCK, _synthesis_halo(model.codec.config))[0]


def _synthesis_halo(config: LearnedConfig) -> int:
    return _halo(8 * 2 * config.synthesis_blocks + 4 * (2 * config.fine_blocks + 2))


def _halo(radius: int) -> int:
    """Rows of the latent that reach so many pixels."""
    return -(-radius // BLOCK)


def _in_bands(work: Callable[[Tensor], Tensor], x: Tensor, block: int, halo: int, *, down: bool = False) -> Tensor:
    """A transform of rows of the latent, from pixels (`down`) or to pixels, in bands that see their neighbours' rows.

    Args:
        work: of a band.
        x: [1, C, H, W].
        block: pixels per row of the latent.
        halo: rows of the latent above and below a band on which it depends.
    """
    unit_in, unit_out = (block, 1) if down else (1, block)
    rows, width = x.shape[2] // unit_in, x.shape[3] // unit_in * block
    height = max(_BAND_PIXELS // (block * width), 2 * halo + 1)
    bands = []
    for top in range(0, rows, height):
        bottom = min(top + height, rows)
        first, last = max(top - halo, 0), min(bottom + halo, rows)
        band = work(x[:, :, first * unit_in : last * unit_in])
        bands.append(band[:, :, (top - first) * unit_out : (bottom - first) * unit_out])
    return torch.cat(bands, dim=2)
