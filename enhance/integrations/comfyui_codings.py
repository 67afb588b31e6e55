"""What travels between the nodes beside the picture: how it was coded, said by the user, by its file, or by its pixels.

Each enhances a batch of ComfyUI's, [B, H, W, C] of floating point in [0, 1], in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from enhance.codecs.unknown_rate import UnknownRate
from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.frames.depth import to_dtype
from enhance.images import DecodedImage, EnhancementRecord, Pixels
from enhance.inference.choices import Guidance, choose_guidance
from enhance.inference.progress import Progress
from enhance.knobs import Knobs
from enhance.metadata.carry_over import orient
from enhance.sources import OpenedTensor, rate_told

Done = tuple[Tensor, tuple[EnhancementRecord, ...]]

_TOGETHER = 8
"""Pictures between two looks at Cancel."""

_ASK = Knobs(quality="auto")


class PictureCoding(Protocol):
    """How the pictures of a batch were coded."""

    def enhance(self, images: Tensor, enhancer: Enhancer, knobs: Knobs, progress: Progress) -> Done:
        """Enhances a batch.

        Args:
            images: [B, H, W, C], RGB in [0, 1], with alpha if C is 4; not changed.
            enhancer, knobs: what does it, and how.
            progress: is told the share that is done.

        Returns:
            a tensor of the same shape, dtype and device, and what was done to each picture.

        Raises:
            EnhanceError: the pictures are others than those that the coding is of, or see `Enhancer.run`.
        """


@dataclass(frozen=True)
class ToldCoding:
    """A quality of JPEG or a QP of VVC that the user says of all pictures.

    Attributes:
        told: as `Knobs.told_rates`.
    """

    told: dict[str, float]

    def enhance(self, images: Tensor, enhancer: Enhancer, knobs: Knobs, progress: Progress) -> Done:
        opened = OpenedTensor.of(images.movedim(-1, 1))
        rate = rate_told(self.told, opened.images.shape[1] == 1, "an image")
        results, records = [], list[EnhancementRecord]()
        progress(0.0)
        for first in range(0, len(images), _TOGETHER):
            group = opened.images[first : first + _TOGETHER]
            result, done = enhancer.run_batch(group, [rate] * len(group), knobs)
            results.append(result.cpu())
            records += done
            progress(len(records) / len(images))
        return opened.restore(torch.cat(results)).movedim(1, -1).contiguous(), tuple(records)


@dataclass(frozen=True)
class FileCoding:
    """A file, with its tables and the set of originals that it can stand for.

    Attributes:
        decoded: the picture as decoded from it.
    """

    decoded: DecodedImage

    def picture(self) -> Tensor:
        """The decoded picture as ComfyUI has pictures: [1, H, W, 3], upright."""
        return self._shown(to_dtype(self.decoded.pixels, np.float32))

    def enhance(self, images: Tensor, enhancer: Enhancer, knobs: Knobs, progress: Progress) -> Done:
        own = self.picture().to(images)
        if images.shape != own.shape or not torch.equal(images, own):
            hint = "enhance first and edit afterwards, or connect 'Was it a JPEG?' in place of the file's coding"
            raise UsageError("the picture is not as it came from its file", source=self.decoded.source, hint=hint)
        done = enhancer.run(self.decoded, knobs, depth=32, progress=progress)
        return self._shown(done.pixels).to(images), (done.record,)

    def _shown(self, pixels: Pixels) -> Tensor:
        upright = torch.from_numpy(orient(pixels, self.decoded.metadata.orientation))
        return (upright if upright.ndim == 3 else upright[..., None].expand(-1, -1, 3).contiguous())[None]


@dataclass(frozen=True)
class FoundCoding:
    """What the pixels of each picture told of having been a JPEG.

    Attributes:
        guidance: for each picture; its rate is an `UnknownRate` where nothing was found.
        size: height and width of the pictures that were asked.
    """

    guidance: tuple[Guidance, ...]
    size: tuple[int, int]

    @classmethod
    def of(cls, images: Tensor, progress: Progress) -> FoundCoding:
        """Asks the pixels of a batch [B, H, W, C]."""
        found = []
        for index, picture in enumerate(_pictures(images)):
            found.append(choose_guidance(picture, _ASK))
            progress((index + 1) / len(images))
        return cls(tuple(found), (images.shape[1], images.shape[2]))

    def enhance(self, images: Tensor, enhancer: Enhancer, knobs: Knobs, progress: Progress) -> Done:
        if (len(images), *images.shape[1:3]) != (len(self.guidance), *self.size):
            hint = "connect the very pictures that 'Was it a JPEG?' was asked about"
            raise UsageError("these are other pictures than those that were asked", hint=hint)
        result, records = images.clone(), []
        for index, (picture, guidance) in enumerate(zip(_pictures(images), self.guidance, strict=True)):
            share = _Share(progress, index, len(images))
            done = enhancer.run(picture, replace(knobs, quality="auto"), guidance=guidance, progress=share)
            pixels = torch.from_numpy(done.pixels)
            result[index, ..., :3] = pixels if pixels.ndim == 3 else pixels[..., None]
            records.append(done.record)
        return result, tuple(records)


@dataclass(frozen=True)
class _Share:
    """The progress of one picture of several, as that of all."""

    progress: Progress
    index: int
    count: int

    def __call__(self, share: float) -> None:
        self.progress((self.index + share) / self.count)


def _pictures(images: Tensor) -> Iterator[DecodedImage]:
    """The pictures of a batch, of which nobody knows how they were coded; alpha left out."""
    opened = OpenedTensor.of(images.movedim(-1, 1))
    for image in opened.images.to("cpu", torch.float32):
        pixels = image[0] if len(image) == 1 else image.permute(1, 2, 0)
        yield DecodedImage(pixels.contiguous().numpy(), UnknownRate(), source="<image>")


def described(guidance: Sequence[Guidance]) -> str:
    """What was found, a line for each picture."""
    return "\n".join(str(each.coding) if each.coding else "; ".join(each.notes) for each in guidance)
