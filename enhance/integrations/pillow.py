"""Pillow: VVC stills in `Image.open`, and files opened as enhanced images.

    from enhance.integrations.pillow import register_vvc_opener
    register_vvc_opener()

Neither Pillow nor torch is imported before something is called.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image


def register_vvc_opener() -> None:
    """Has `Image.open` open VVC streams, as their first picture in 8 bits; nothing is enhanced by that.

    The image's `info` says `qp`, `qp_estimated`, `colour` and `pictures`. Calling it twice does no harm.
    """
    from PIL import Image

    from enhance.integrations.pillow_vvc import EXTENSIONS, VvcImageFile, accept

    Image.register_open(VvcImageFile.format, VvcImageFile, accept)
    Image.register_extensions(VvcImageFile.format, EXTENSIONS)


def open(source: str | os.PathLike[str] | bytes | IO[bytes], **options: Any) -> Image.Image:
    """Opens a file as an enhanced image, upright, of 8 bits.

    Args:
        source: the path or the bytes of a JPEG or VVC file, or an open binary file; with a `quality` or `qp`, "auto"
            among them, also of a PNG, WebP, BMP or TIFF.
        **options: `model`, `device`, `dtype` and the knobs, as in `enhance.enhance`.

    Returns:
        an image whose `info` has the file's EXIF, ICC profile, XMP and resolution, and `enhancement`, the record of
        what was done. Its `save` writes these metadata along unless it is told others (Pillow's own leaves out EXIF and
        XMP); copies of it have Pillow's own.

    Raises:
        EnhanceError: see `errors`.
    """
    from enhance.codecs.registry import decode, make_decoders
    from enhance.enhancer import shared_enhancer
    from enhance.integrations.pillow_image import keeping
    from enhance.knobs import Knobs
    from enhance.sources import to_pil

    where = {name: options.pop(name) for name in ("model", "device", "dtype") if name in options}
    if where.get("model") is not None:
        where["model"] = os.fspath(where["model"])
    knobs = Knobs(**options)
    decoded = decode(source, decoders=make_decoders(pixels=knobs.takes_pixels))  # type: ignore[arg-type]
    enhanced = shared_enhancer(**where).run(decoded, knobs, depth=8)
    image = keeping(to_pil(enhanced, upright=True))
    image.info["enhancement"] = enhanced.record
    return image
