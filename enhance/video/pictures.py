"""The pictures of a VVC stream as RGB, one at a time: decoded, or enhanced with the noise of one seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enhance.codecs.vvc.run import read_headers
from enhance.codecs.vvc.stream import PATIENCE, VvcPicture, VvcStream, open_vvc
from enhance.codecs.vvc.vui import read_vui
from enhance.diffusion.noise import NoiseField
from enhance.frames.colour import yuv_to_rgb
from enhance.frames.format import ColorSpace, FrameFormat
from enhance.images import DecodedImage, EnhancedImage
from enhance.knobs import Knobs
from enhance.system.temporary import temporary_folder

if TYPE_CHECKING:
    from enhance.enhancer import Enhancer

_KEPT_BLOCKS = 1 << 10
"""Of noise: 48 MiB, a frame of 4 megapixels, that the next frame needs, too."""


@dataclass(frozen=True)
class StreamFacts:
    """What the headers of a stream say.

    Attributes:
        frame: size, subsampling and depth of its pictures.
        space: what their values stand for.
        slice_qp: of the picture that is shown first.
        count: how many pictures are shown.
        varies_qp: blocks have QPs of their own, so that only the pixels tell.
    """

    frame: FrameFormat
    space: ColorSpace
    slice_qp: int
    count: int
    varies_qp: bool


def read_facts(stream: bytes, *, source: str) -> StreamFacts:
    """What a whole stream says of itself; nothing is decoded. Errors as in `read_headers`."""
    with temporary_folder() as folder:
        path = Path(folder) / "stream.266"
        path.write_bytes(stream)
        headers = read_headers(path, source=source, patience=PATIENCE)
    shown = headers.shown()
    space, _ = read_vui(headers.vui, shown[0].frame.subsampling)
    return StreamFacts(shown[0].frame, space, shown[0].qp, len(shown), headers.varies_qp)


def decoded_picture(stream: VvcStream, picture: VvcPicture, *, source: str) -> DecodedImage:
    """A picture of a stream as float32 [H, W, 3] RGB or [H, W] in [0, 1]."""
    pixels = yuv_to_rgb(picture.planes, picture.frame, stream.space)
    return DecodedImage(np.clip(pixels, 0, 1, out=pixels), picture.rate, source=source, notes=stream.notes)


def enhanced_pictures(
    source: bytes | str, enhancer: Enhancer, knobs: Knobs, *, depth: int | None = None, source_name: str = "<video>"
) -> Iterator[EnhancedImage]:
    """The enhanced pictures of a stream in output order, each made when it is asked for.

    They share the noise of one seed, so what stands still stays still. Closing the generator ends the decoder.

    Args:
        source: path or content of the stream.
        enhancer, knobs: what is done to them.
        depth: of the results, see `Enhancer.run`.
        source_name: the name to use in messages.

    Raises:
        EnhanceError: see `open_vvc` and `Enhancer.run`.
    """
    noise = NoiseField(int(knobs.seed), _KEPT_BLOCKS)
    with open_vvc(source, source_name=source_name) as stream, closing(iter(stream)) as pictures:  # type: ignore[type-var]
        for number, picture in enumerate(pictures, 1):
            decoded = decoded_picture(stream, picture, source=f"{source_name}, picture {number}")
            yield enhancer.run(decoded, knobs, depth=depth, noise=noise)
