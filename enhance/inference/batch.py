"""Several pictures of one size that are tensors already: their corrections in one batch, added where they are.

What a file would tell, its intervals and with them the guard and the projection, is not known of a tensor. So the
correction counts as far as the model knows its rate, and of each block only what the pixels show (see `reconstruction`,
which does the same, and more, for arrays).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enhance import runtime
from enhance.diffusion.noise import NoiseField
from enhance.frames.blocks import to_pixels
from enhance.images import Rate, Trust
from enhance.inference.reconstruction import LUMA
from enhance.inference.residual import sample_residual
from enhance.inference.tiled_denoiser import TiledDenoiser
from enhance.knobs import Sampling

_CPU_PIXELS = 1 << 18
"""Pixels that one thread of a CPU works on together.

Sixteen pictures of 256x256 took a core 0.88 seconds one by one, 0.83 four at a time, and 1.05 in one piece, whose
arrays no cache holds (bfloat16).
"""


@dataclass(frozen=True)
class Member:
    """What is known of one picture of a batch.

    Attributes:
        rate: that the network is told.
        scale: s(q), in units of [-1, 1].
        threshold: τ(q) times the user's factor.
        trust: how far the correction is to be believed.
        believed: likewise in each block of 8x8 pixels [ceil(H / 8), ceil(W / 8)], 0 to 1; None: everywhere alike.
    """

    rate: Rate
    scale: float
    threshold: float
    trust: Trust
    believed: npt.NDArray[np.float32] | None = None


class Group(NamedTuple):
    """Pictures of a batch that went through the network together.

    Attributes:
        indices: which they are.
        images: the corrected ones, [n, C, H, W].
        tile: side of the tiles in pixels; 0: each in one piece.
        notes: what the user should know of them.
    """

    indices: list[int]
    images: Tensor
    tile: int
    notes: tuple[str, ...]


def correct(
    images: Tensor,
    members: Sequence[Member],
    denoise: Callable[[Tensor, np.ndarray], TiledDenoiser],
    sampling: Sampling,
    noise: NoiseField,
    count: int,
) -> Iterator[Group]:
    """Corrects the pictures of a batch, `count` at a time; those of which no correction is believed are left out.

    Args:
        images: [N, 3, H, W] RGB or [N, 1, H, W] gray in [0, 1], on the network's device.
        members: one for each picture.
        denoise: the network over pictures [n, 3, H, W] with their conditioning [n, F].
        sampling: steps, perception, start.
        noise: of all pictures, so that each comes out as if it were alone.
        count: from `at_a_time`.
    """
    worked_on = [index for index, member in enumerate(members) if not member.trust.is_blind]
    groups = [worked_on[first : first + count] for first in range(0, len(worked_on), count)]

    def work(chosen: list[int]) -> Group:
        few, values = [members[index] for index in chosen], images[chosen]
        conditioning = np.stack([member.rate.conditioning() for member in few])
        with runtime.denormals_flushed(), torch.inference_mode():
            network = denoise(values.expand(-1, 3, -1, -1), conditioning)
            threshold = column([member.threshold for member in few], network.state_device)
            residual = sample_residual(network, sampling, noise, threshold).images(*images.shape[2:])
            return Group(chosen, corrected(values, residual.to(images.device), few), network.plan.tile, network.notes)

    threads = torch.get_num_threads()
    if images.device.type != "cpu" or threads == 1 or len(groups) == 1 or images[0, 0].numel() > _CPU_PIXELS:
        yield from map(work, groups)
        return
    # Threads that have a small picture each never wait for each other.
    with runtime.threads_that_compute_alone(threads) as pool:
        yield from pool.map(work, groups)


def at_a_time(pixels: int, pictures: int, device: torch.device, affordable: int) -> int:
    """How many pictures the network sees together.

    Args:
        pixels: of one picture.
        pictures: of the batch.
        device: of the network.
        affordable: how many memory has room for.
    """
    if device.type == "cpu":
        # For each thread some, where there are enough.
        threads = torch.get_num_threads()
        affordable = min(_CPU_PIXELS // pixels, math.ceil(pictures / threads), affordable // threads)
    return max(1, min(pictures, affordable))


def column(values: Sequence[float], device: torch.device) -> Tensor:
    """A number for each picture, [N, 1, 1, 1]."""
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None, None]


def neutral(images: Tensor) -> list[bool]:
    """Which pictures have no colour anywhere: [N, C, H, W] to N answers, all True where C is 1."""
    return (images == images[:, :1]).flatten(1).all(dim=1).tolist()


def corrected(images: Tensor, residual: Tensor, members: Sequence[Member]) -> Tensor:
    """The pictures with their corrections, as far as these are believed.

    Args:
        images: [N, 3, H, W] RGB or [N, 1, H, W] gray in [0, 1].
        residual: [N, 3, H, W] in units of s(q), on the same device.
        members: one for each picture.

    Returns:
        a new tensor of the shape of `images`, in [0, 1].
    """
    # From [-1, 1] to [0, 1]: 1 / 2.
    change = residual * column([member.scale / 2 for member in members], images.device)
    if images.shape[1] == 1:
        change = change.mean(dim=1, keepdim=True)
    change = weighed(change, [member.trust for member in members])
    for picture, member in zip(change, members):
        if member.believed is not None:
            picture *= torch.from_numpy(to_pixels(member.believed, *picture.shape[1:])).to(picture.device)
    return (images + change).clamp_(0, 1)


def weighed(change: Tensor, trusts: Sequence[Trust]) -> Tensor:
    """Changes with their luma and their chroma multiplied by their factors, as `reconstruction.weigh` does it.

    Args:
        change: [N, 3, H, W] RGB or [N, 1, H, W] gray.
        trusts: one for each picture.
    """
    luma = column([trust.luma for trust in trusts], change.device)
    if change.shape[1] == 1 or all(trust.luma == trust.chroma for trust in trusts):
        return change * luma
    chroma = column([trust.chroma for trust in trusts], change.device)
    brightness = (change * torch.from_numpy(LUMA).to(change.device)[:, None, None]).sum(dim=1, keepdim=True)
    return torch.addcmul(luma * brightness, chroma, change - brightness)
