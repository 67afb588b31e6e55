"""The layer itself; `enhance.integrations.torch` is the place to import it from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from enhance.enhancer import Enhancer
from enhance.errors import UsageError
from enhance.images import Rate
from enhance.knobs import Knobs
from enhance.models.checkpoint import Checkpoint
from enhance.sources import OpenedTensor, rate_told

Said = float | str | Rate | None
"""What may be said of one picture: a number, a word that `Knobs.quality` knows, a rate with its tables, or nothing."""

ForPictures = Said | Sequence[Said] | Tensor
"""One for all pictures, or one for each: a sequence, or a tensor [N] as data loaders make it of numbers."""


class Enhancement(nn.Module):
    """Enhances pictures that were JPEG or VVC, as one batch on the device where they lie.

    It has no parameters of its own, so nothing trains it, and `to` moves nothing: the network is loaded onto each
    device from which pictures come. Gradients do not flow through it. It can be pickled and sent to workers; each loads
    its network when it first needs it.

    Args:
        quality: of the JPEG that the pictures were, 1-100, or a `Rate` with other tables than those of a quality; or
            one for each picture. Other words that `Knobs.quality` knows are passed on to it.
        qp: of the VVC stream that they were, likewise.
        model, dtype: as in `Enhancer`.
        **knobs: as in `Knobs`.

    Raises:
        UsageError: a knob is out of range.
    """

    def __init__(
        self,
        quality: ForPictures = None,
        qp: ForPictures = None,
        *,
        model: Checkpoint | str | os.PathLike[str] | None = None,
        dtype: str = "auto",
        **knobs: Any,
    ) -> None:
        super().__init__()
        Knobs(**knobs)
        self.quality, self.qp, self.model, self.dtype, self.knobs = quality, qp, model, dtype, knobs
        self._enhancers: dict[torch.device, Enhancer] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without the networks, which hold locks and may lie on a device that another process has not."""
        return {**self.__dict__, "_enhancers": {}}

    def extra_repr(self) -> str:
        told = {"quality": self.quality, "qp": self.qp, **self.knobs}
        return ", ".join(f"{name}={value!r}" for name, value in told.items() if value is not None)

    # What is around the network is Python, and would be traced in vain.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, images: Any, quality: ForPictures = None, qp: ForPictures = None) -> Any:
        """Enhances pictures.

        Args:
            images: a tensor [N, C, H, W] or [C, H, W], floating point in [0, 1] or uint8: RGB, RGB with alpha, or gray.
                Or a sequence of them, of any sizes, or of what else `Enhancer` takes.
            quality, qp: in place of those of the layer.

        Returns:
            the same kind, on the same device.

        Raises:
            EnhanceError: see `Enhancer`.
        """
        quality, qp = (self.quality, self.qp) if quality is None and qp is None else (quality, qp)
        if isinstance(images, Tensor) and images.ndim == 4:
            return self._batch(images, _each(quality, len(images)), _each(qp, len(images)))
        if isinstance(images, (list, tuple)):
            said = _each(quality, len(images)), _each(qp, len(images))
            return [self._one(image, *both) for image, *both in zip(images, *said, strict=True)]
        return self._one(images, _each(quality, 1)[0], _each(qp, 1)[0])

    def _one(self, image: Any, quality: Said, qp: Said) -> Any:
        if isinstance(image, Tensor):
            return self._batch(image, [quality], [qp])
        told = {name: value for name, value in (("quality", quality), ("qp", qp)) if value is not None}
        enhancer: Any = self._enhancer(torch.device("cpu"))  # what is no picture it says itself
        return enhancer(image, **told, **self.knobs).image

    def _batch(self, images: Tensor, qualities: Sequence[Said], qps: Sequence[Said]) -> Tensor:
        if any(isinstance(value, str) for value in qualities):  # each may turn out to be coded in its own way
            found = [self._worded(*each) for each in zip(images.unbind(), qualities, qps, strict=True)]
            return torch.stack(found)
        opened = OpenedTensor.of(images)
        is_gray = opened.images.shape[1] == 1
        rates = [_rate(*both, is_gray) for both in zip(qualities, qps, strict=True)]
        result, _ = self._enhancer(images.device).run_batch(opened.images, rates, Knobs(**self.knobs))
        return opened.restore(result)

    def _worded(self, image: Tensor, quality: Said, qp: Said) -> Tensor:
        if not isinstance(quality, str):
            return self._batch(image[None], [quality], [qp])[0]
        enhancer: Any = self._enhancer(image.device)  # which words there are `Knobs` knows
        result: Tensor = enhancer(image, quality=quality, **self.knobs).image
        return result

    def _enhancer(self, device: torch.device) -> Enhancer:
        if device not in self._enhancers:
            self._enhancers[device] = Enhancer(self.model, device=device, dtype=self.dtype)
        return self._enhancers[device]


def _each(values: ForPictures, count: int) -> list[Said]:
    """One for each picture. Raises UsageError where there are others than pictures."""
    if isinstance(values, Tensor):
        values = values.tolist()
    if isinstance(values, (str, Rate)) or not isinstance(values, Iterable):
        return [values] * count
    if len(values) != count:
        raise UsageError(f"{len(values)} values of quality or qp for {count} pictures")
    return list(values)


def _rate(quality: Said, qp: Said, is_gray: bool) -> Rate:
    for said in (quality, qp):
        if isinstance(said, Rate):
            return said
    told = {"quality": quality, "qp": qp}
    return rate_told({name: value for name, value in told.items() if value is not None}, is_gray, "a tensor")  # type: ignore[misc]
