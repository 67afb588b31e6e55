"""VVC (ITU-T H.266) streams: `open_vvc` gives all pictures, `VvcDecoder` the first one as a still."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from enhance.codecs.vvc.nal import is_vvc
from enhance.codecs.vvc.stream import PATIENCE, VvcPicture, VvcStream, open_vvc
from enhance.frames.colour import yuv_to_rgb
from enhance.frames.format import ChromaLocation, Matrix
from enhance.images import DecodedImage, InspectedImage, Metadata
from enhance.system.limits import DEFAULT_LIMITS, Limits

__all__ = ["VvcDecoder", "VvcPicture", "VvcStream", "open_vvc"]


class VvcDecoder:
    """Decodes the first picture of a VVC stream.

    Args:
        decoder, vtm, time_limit, patience, matrix, full_range, chroma_location: as in `open_vvc`.
    """

    name = "vvc"
    extensions = (".266", ".vvc", ".bin", ".bit")

    def __init__(
        self,
        *,
        decoder: str | None = None,
        vtm: str | os.PathLike[str] | None = None,
        time_limit: float | None = None,
        patience: float = PATIENCE,
        matrix: Matrix | None = None,
        full_range: bool | None = None,
        chroma_location: ChromaLocation | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "decoder": decoder,
            "vtm": vtm,
            "time_limit": time_limit,
            "patience": patience,
            "matrix": matrix,
            "full_range": full_range,
            "chroma_location": chroma_location,
        }

    def sniff(self, head: bytes) -> bool:
        return is_vvc(head)

    def inspect(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> InspectedImage:
        """What `decode` finds. It decodes the first picture: where blocks have their own QPs, pixels tell the QP."""
        return InspectedImage.of(self.decode(data, source=source, limits=limits))

    def decode(self, data: bytes, *, source: str, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """The first picture: float32 [H, W, 3] RGB or [H, W], clipped to 0 to 1. Errors as in `open_vvc`."""
        with open_vvc(data, source_name=source, limits=limits, frames=1, **self._options) as stream:
            picture = next(iter(stream))
        colour = stream.facts.colour
        pixels = yuv_to_rgb(picture.planes, stream.frame, stream.space)
        np.clip(pixels, 0, 1, out=pixels)
        return DecodedImage(
            pixels=pixels,
            rate=picture.rate,
            metadata=Metadata(colour=None if colour is None or colour.is_usual else colour),
            source=source,
            details=_describe(stream, picture),
            notes=stream.notes + _count_note(stream.count),
        )


def _describe(stream: VvcStream, picture: VvcPicture) -> dict[str, Any]:
    return {
        "width": stream.frame.width,
        "height": stream.frame.height,
        "subsampling": stream.frame.subsampling,
        "precision": stream.frame.depth,
        "color_space": stream.space.describe(),
        **({"color": colour.describe()} if (colour := stream.facts.colour) and not colour.is_usual else {}),
        "slice_qp": picture.slice_qp,
        "bits_per_pixel": round(8 * picture.coded_bytes / picture.planes[0].size, 4),
        "pictures": stream.count,
        "decoder": stream.decoder,
    }


def _count_note(count: int) -> tuple[str, ...]:
    if count == 1:
        return ()
    return (f"the stream holds {count} pictures, the first was taken; `enhance filter` does them all",)
