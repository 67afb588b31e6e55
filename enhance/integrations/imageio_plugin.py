"""The plugin that `enhance.integrations.imageio` registers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from imageio.core.request import InitializationError, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

from enhance.codecs.registry import decode, find_decoder, make_decoders
from enhance.errors import UnsupportedImageError
from enhance.images import EnhancedImage, EnhancementRecord, InspectedImage, Pixels
from enhance.knobs import Knobs
from enhance.metadata.carry_over import orient

if TYPE_CHECKING:
    from enhance.enhancer import Enhancer

_DTYPES = {8: np.uint8, 16: np.uint16, 32: np.float32}


class EnhancePlugin(PluginV3):
    """Reads JPEG files, and VVC streams picture by picture, as enhanced arrays: [H, W, 3] RGB or [H, W].

    PNG, WebP, BMP and TIFF files, too, if a `quality` or `qp` says how their pixels were coded, or `quality="auto"`.

    Args:
        request: of imageio; for reading.
        model, device, dtype: as in `Enhancer`.

    Raises:
        InitializationError: something is to be written, or the file is none of these.
    """

    def __init__(
        self,
        request: Request,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        super().__init__(request)
        if request.mode.io_mode != "r":
            raise InitializationError("enhance reads; write with another plugin")
        name = request.raw_uri
        self._name = os.fspath(name) if isinstance(name, (str, os.PathLike)) else "<bytes>"
        self._content: bytes = request.get_file().read()
        self._decoders = make_decoders(pixels=True)  # what is missing then is told when a picture is read
        decoder = find_decoder(self._content, self._decoders)
        if decoder is None:
            raise InitializationError("none of JPEG, VVC, PNG, WebP, BMP and TIFF")
        self._decoder = decoder
        self._where = (None if model is None else os.fspath(model), device, dtype)
        self._records: dict[int, EnhancementRecord] = {}

    def read(self, *, index: Any = 0, depth: int = 8, rotate: bool = False, **knobs: Any) -> Pixels:
        """One picture, or all.

        Args:
            index: number of the picture; `...` or None: all, stacked along a new first axis.
            depth: 8 (uint8), 16 (uint16) or 32 (float32 in [0, 1]).
            rotate: apply the orientation that the file's EXIF says, as imageio's plugin for Pillow does.
            **knobs: as in `Knobs`.

        Raises:
            EnhanceError: see `Enhancer`; all are asked for, and they differ in size.
            IndexError: there is no such picture.
        """
        if index is None or index is Ellipsis:
            pictures = list(self.iter(depth=depth, rotate=rotate, **knobs))
            if len({picture.shape for picture in pictures}) > 1:
                hint = "read them one by one, with iter or an index"
                raise UnsupportedImageError("its pictures are of several sizes", source=self._name, hint=hint)
            return np.stack(pictures)
        for number, pixels in enumerate(self.iter(depth=depth, rotate=rotate, **knobs)):
            if number == index:
                return pixels
        raise IndexError(f"there is no picture {index}")

    def iter(self, *, depth: int = 8, rotate: bool = False, **knobs: Any) -> Iterator[Pixels]:
        """The pictures one by one, each made when it is asked for. Arguments and errors as in `read`."""
        for number, image in enumerate(self._enhanced(Knobs(**knobs), depth)):
            self._records[number] = image.record
            yield orient(image.pixels, image.metadata.orientation) if rotate else image.pixels

    def write(self, ndimage: Any) -> bytes | None:
        """Raises NotImplementedError: another plugin writes what this one gives."""
        raise NotImplementedError("enhance reads; write with another plugin")

    def properties(self, index: Any = 0, *, depth: int = 8) -> ImageProperties:
        """Shape and dtype of what `read` gives without `rotate`; nothing is enhanced for it."""
        facts = self._inspected
        shape: tuple[int, ...] = (facts.height, facts.width) if facts.is_gray else (facts.height, facts.width, 3)
        if index is None or index is Ellipsis:
            count = facts.details.get("pictures", 1)
            return ImageProperties((count, *shape), np.dtype(_DTYPES[depth]), n_images=count, is_batch=True)
        return ImageProperties(shape, np.dtype(_DTYPES[depth]))

    def metadata(self, index: Any = 0, exclude_applied: bool = True) -> dict[str, Any]:
        """What the file says of its coding, and what was done to a picture if it was read through the same plugin.

        Returns:
            `codec`, `rate` (quality or QP, and tables), `details` and `notes`; EXIF, ICC profile, XMP and comment as
            bytes, where there are any; `enhancement`, the record as plain values, once the picture was read.
        """
        facts = self._inspected
        found = {
            "codec": facts.rate.codec,
            "rate": facts.rate.describe(),
            "details": facts.details,
            "notes": facts.notes,
        }
        for name in ("exif", "icc_profile", "xmp", "comment"):
            if (value := getattr(facts.metadata, name)) is not None:
                found[name] = value
        record = self._records.get(0 if index is None or index is Ellipsis else index)
        return found if record is None else {**found, "enhancement": asdict(record)}

    @cached_property
    def _inspected(self) -> InspectedImage:
        return self._decoder.inspect(self._content, source=self._name)

    def _enhanced(self, knobs: Knobs, depth: int) -> Iterator[EnhancedImage]:
        if self._decoder.name == "vvc":
            from enhance.video.pictures import enhanced_pictures

            yield from enhanced_pictures(self._content, self._enhancer, knobs, depth=depth, source_name=self._name)
        else:
            yield self._enhancer.run(
                decode(self._content, source_name=self._name, decoders=self._decoders), knobs, depth=depth
            )

    @property
    def _enhancer(self) -> Enhancer:
        from enhance.enhancer import shared_enhancer

        return shared_enhancer(*self._where)
