"""An image of Pillow's whose `save` writes its metadata along."""

from __future__ import annotations

from typing import Any

from PIL import Image

_KEPT = {
    "JPEG": ("exif", "icc_profile", "xmp", "comment", "dpi"),
    "PNG": ("exif", "icc_profile", "dpi"),
    "WEBP": ("exif", "icc_profile", "xmp"),
    "TIFF": ("icc_profile", "dpi"),
    "AVIF": ("exif", "icc_profile", "xmp"),
}
"""What `save` of each format takes by these names.

PNG's and TIFF's XMP Pillow cannot be told, and TIFF's EXIF is part of the file's own structure.
"""


class KeepingImage(Image.Image):
    """An image whose `save` keeps what is in its `info`; copies and crops are plain images again."""

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """As `Image.save`; EXIF, ICC profile, XMP, comment and resolution are its own unless others are given."""
        name = (format or _format_of(fp)).upper()
        for key in _KEPT.get(name, ()):
            if self.info.get(key) is not None:
                params.setdefault(key, self.info[key])
        super().save(fp, format, **params)


def keeping(image: Image.Image) -> KeepingImage:
    """The same image, its pixels not copied."""
    kept = KeepingImage()
    kept.im, kept._mode, kept._size, kept.info = image.im, image.mode, image.size, image.info
    return kept


def _format_of(fp: Any) -> str:
    name = fp if isinstance(fp, (str, bytes)) else getattr(fp, "name", None) or str(fp)
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    Image.init()
    return Image.registered_extensions().get("." + text.lower().rpartition(".")[2], "")
