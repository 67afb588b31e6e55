"""What a file that no decoder wants looks like, so that the message can say so."""

from __future__ import annotations

_LOSSLESS = (
    "only compressed bitstreams say how strongly they were compressed; if its pixels were once a JPEG, "
    "hand them to Enhancer as an image, with the JPEG's quality"
)
_LOSSY = "its codec is not supported; convert the original to JPEG instead"
_NOT_A_PICTURE = "pass a JPEG file"

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG", _LOSSLESS),
    (b"GIF87a", "GIF", _LOSSLESS),
    (b"GIF89a", "GIF", _LOSSLESS),
    (b"BM", "BMP", _LOSSLESS),
    (b"II*\0", "TIFF", _LOSSLESS),
    (b"MM\0*", "TIFF", _LOSSLESS),
    (b"II+\0", "TIFF", _LOSSLESS),
    (b"8BPS", "Photoshop", _LOSSLESS),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", _LOSSY),
    (b"\xff\x4f\xff\x51", "JPEG 2000", _LOSSY),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "`djxl` gives back the JPEG that many of these files were made from"),
    (b"\xff\x0a", "JPEG XL", _LOSSY),
    (b"II\xbc", "JPEG XR", _LOSSY),
    (b"\xff\xd8\xff\xf7", "JPEG-LS", _LOSSLESS),
    (b"%PDF", "PDF", "extract its pictures first, `pdfimages -j` keeps JPEGs as they are"),
    (b"PK\x03\x04", "ZIP", "unpack it first"),
    (b"\x1f\x8b", "gzip", "unpack it first"),
    (b"<svg", "SVG", _NOT_A_PICTURE),
    (b"YUV4MPEG2 ", "YUV4MPEG2", "y4m is a filter's input: `enhance filter`"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF"}


def describe_format(head: bytes) -> tuple[str, str]:
    """Reason and way out for a file that begins with `head` and that no decoder recognises, one line each."""
    for magic, name, way_out in _MAGIC:
        if head.startswith(magic):
            return f"not a known compressed picture, it looks like {name}", way_out
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "not a known compressed picture, it looks like WebP", _LOSSY
    if head[4:8] == b"ftyp":
        name = _BRANDS.get(head[8:12], "an MP4 or QuickTime video")
        return f"not a known compressed picture, it looks like {name}", _LOSSY
    if _is_text(head):
        return "not a known compressed picture, it looks like a text file", _NOT_A_PICTURE
    return "not a known compressed picture", _NOT_A_PICTURE


def _is_text(head: bytes) -> bool:
    try:
        text = head[: len(head) - 4 if len(head) > 8 else None].decode("utf-8")
    except UnicodeDecodeError as error:
        # The cut may go through a character; anything earlier is not UTF-8.
        if error.start < len(head) - 8:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(character.isprintable() or character in "\r\n\t\f\ufeff" for character in text)
