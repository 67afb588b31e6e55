"""The network on a large picture, band by band of rows at every level: the same prediction in a third of the memory.

Peak memory is in the fine levels' temporaries, a dozen arrays as large as a skip connection. So each level is worked on
in bands, and only what the next level needs is kept whole:

    bands of rows of                        whole, in the arithmetic of the network
    level 1/2:  enter, blocks ───────────►  skip at 1/2 ────────────────────────┐
                       └ down ───────────►  input of 1/4                        │
    level 1/4:         blocks ───────────►  skip at 1/4 ──────────┐             │
                       └ down ───────────►  input of 1/8 ...      │             │
    level 1/4:         up + skip, blocks ◄────────────────────────┘             │
    level 1/2:         up + skip, blocks, leave  ◄──────────────────────────────┘

A band's window has a halo of one row for each 3x3 convolution of its level and direction: a few rows, where a tile of
the whole network needs `receptive_radius` pixels on every side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from enhance.models.unet import UNet

BAND = 1 << 19
"""Pixels of the picture in a band of the finest level. Each coarser level, which needs less, takes twice as many.

Of the powers of two it was the fastest on 4 megapixels (`scripts/benchmark.py --only bands`).
"""

_FEWEST_ROWS = 64  # of very wide pictures: the halo is computed for nothing


class Band(NamedTuple):
    """Rows of a level: `core` is kept, `window` goes in."""

    core: slice
    window: slice

    @property
    def inside(self) -> slice:
        """The core's rows in the window."""
        return slice(self.core.start - self.window.start, self.core.stop - self.window.start)


def bands(height: int, rows: int, halo: int, align: int) -> Iterator[Band]:
    """Bands of at most `rows` rows, or `align` if that is more, that cover a level.

    Args:
        height: of the level, a multiple of `align`.
        rows: of a core, at most.
        halo: rows beside the core that its windows hold, at least, where the level goes on.
        align: of all borders.
    """
    units = height // align
    count = ceil(units / max(rows // align, 1))
    margin = ceil(halo / align) * align
    for index in range(count):
        top, bottom = (align * (units * border // count) for border in (index, index + 1))
        yield Band(slice(top, bottom), slice(max(top - margin, 0), min(bottom + margin, height)))


def largest_window(network: UNet, height: int, width: int, band: int = BAND) -> int:
    """Pixels of the picture in the largest window of the finest level; the whole picture where that is not more."""
    halo = _halo(max(network.config.encoder_blocks[0], network.config.decoder_blocks[0]), 0)
    rows = _rows_of_a_band(width, band) + 2 * ceil(halo / network.period) * network.period
    return min(height, 2 * rows) * width


def predict_in_bands(
    network: UNet,
    r_t: Tensor,
    base: Tensor,
    t: Tensor,
    conditioning: Tensor,
    position: Tensor | None = None,
    *,
    signal: float | Tensor = 1.0,
    band: int = BAND,
    tick: Callable[[float], object] = lambda share: None,
) -> Tensor:
    """What `network(signal * r_t, base, t, conditioning, position)` gives, equal but for rounding; for inference only.

    Args:
        network, base, t, conditioning, position: as for `UNet.forward`.
        r_t: likewise; it may be an expanded tensor.
        signal: factor on it, √ᾱ_t; the product is never made whole.
        band: pixels of the picture in a band of the finest level.
        tick: called after every band with the share of the whole work that it was; their sum is 1.

    Returns:
        [B, 3, H, W] in the dtype that the network computes in.
    """
    embedding, depth = network.embed(t, conditioning, position), len(network.encoder)
    shares = _shares_of_work(network)
    rows = _rows_of_a_band(base.shape[3], band)  # as many of the next level are twice the picture's

    def enter(window: slice) -> Tensor:
        pixels = slice(2 * window.start, 2 * window.stop)
        return network.enter(signal * r_t[:, :, pixels], base[:, :, pixels])

    x, skips = base, []
    for level in range(depth):
        height = base.shape[2] >> (level + 1)
        align = network.period if level == 0 else 2  # the phases repeat, so windows of the finest begin with one
        plan = bands(height, rows, _halo(network.config.encoder_blocks[level], level), align)
        read = enter if level == 0 else partial(_rows, x)
        skip, x = _descend(network, level, _told(plan, tick, shares[level] / height), height, read, embedding)
        skips.append(skip)
    x = network.middle(x, embedding)
    tick(shares[-1])
    for level in reversed(range(depth)):
        height = base.shape[2] >> (level + 1)
        plan = bands(height, rows, _halo(network.config.decoder_blocks[level], level), 2)
        told = _told(plan, tick, shares[depth + level] / height)
        x = _ascend(network, level, told, height, x, skips.pop(), embedding)
    return x


def _shares_of_work(network: UNet) -> list[float]:
    """Of the encoder's levels, the decoder's levels, and the middle: multiplications of their convolutions, of 1."""
    config, depth = network.config, len(network.encoder)
    costs = [(width / 2**level) ** 2 for level, width in enumerate(config.widths)]
    work = [blocks * cost for blocks, cost in zip(config.encoder_blocks[:depth], costs)]
    work += [blocks * cost for blocks, cost in zip(config.decoder_blocks[:depth], costs)]
    work.append(config.middle_blocks * costs[depth])
    return [part / sum(work) for part in work] if sum(work) else [1 / len(work)] * len(work)


def _told(plan: Iterable[Band], tick: Callable[[float], object], share_of_row: float) -> Iterator[Band]:
    """The same bands; when the next one is asked for, the last one is done."""
    for band in plan:
        yield band
        tick(share_of_row * (band.core.stop - band.core.start))


def _halo(blocks: int, level: int) -> int:
    """Rows beside a core: one for each 3x3 convolution, those of entering and leaving at the finest level included."""
    return 2 * blocks + (level == 0)


def _rows_of_a_band(width: int, band: int) -> int:
    return max(band // (2 * width), _FEWEST_ROWS)


def _descend(
    network: UNet, level: int, plan: Iterator[Band], height: int, read: Callable[[slice], Tensor], embedding: Tensor
) -> tuple[Tensor, Tensor]:
    """The skip connection of a level and the input of the next, both whole."""
    skip = coarse = None
    for band in plan:
        x = network.encoder[level](read(band.window), embedding)[:, :, band.inside]
        skip = _put(skip, x, band.core.start, height)
        coarse = _put(coarse, network.down[level](x), band.core.start // 2, height // 2)
    assert skip is not None and coarse is not None  # a level has at least one band
    return skip, coarse


def _ascend(
    network: UNet, level: int, plan: Iterator[Band], height: int, coarse: Tensor, skip: Tensor, embedding: Tensor
) -> Tensor:
    """The output of a level, whole; at the finest the prediction."""
    result = None
    for band in plan:
        half = slice(band.window.start // 2, band.window.stop // 2)
        x = network.up[level](coarse[:, :, half]) + skip[:, :, band.window]
        x = network.decoder[level](x, embedding)
        if level:
            result = _put(result, x[:, :, band.inside], band.core.start, height)
        else:
            inside = slice(2 * band.inside.start, 2 * band.inside.stop)
            result = _put(result, network.leave(x)[:, :, inside], 2 * band.core.start, 2 * height)
    assert result is not None
    return result


def _rows(x: Tensor, rows: slice) -> Tensor:
    return x[:, :, rows]


def _put(whole: Tensor | None, part: Tensor, top: int, height: int) -> Tensor:
    """Copies rows to their place in a whole level, which the first of them makes."""
    if whole is None:
        shape = (part.shape[0], part.shape[1], height, part.shape[3])
        whole = torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=torch.channels_last)
    whole[:, :, top : top + part.shape[2]] = part
    return whole
