"""What a file that no decoder wants looks like, so that the message can say so."""

from __future__ import annotations

_LOSSLESS = (
    "only compressed bitstreams say how strongly they were compressed; if its pixels were once a JPEG or VVC, "
    "hand them to Enhancer as an image, with quality or qp"
)
_PIXELS = (
    "only compressed bitstreams say how strongly they were compressed; --quality auto finds out whether its pixels "
    "were once a JPEG, --quality or --qp with a number says it"
)
_LOSSY = "its codec is not supported; convert the original to JPEG instead"
_OTHER_VIDEO = "its codec is not supported; JPEG and VVC are"
_CONTAINER = "if it holds VVC, take the stream out: `ffmpeg -i IN -map 0:v:0 -c copy out.266`"
_NOT_A_PICTURE = "pass a JPEG file or a VVC stream"

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG", _PIXELS),
    (b"GIF87a", "GIF", _LOSSLESS),
    (b"GIF89a", "GIF", _LOSSLESS),
    (b"BM", "BMP", _PIXELS),
    (b"II*\0", "TIFF", _PIXELS),
    (b"MM\0*", "TIFF", _PIXELS),
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
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video", _CONTAINER),
    (b"DKIF", "an IVF video", _OTHER_VIDEO),
    (b"\0\0\x01\xb3", "an MPEG-1 or MPEG-2 video", _OTHER_VIDEO),
    (b"\0\0\x01\xb0", "an MPEG-4 part 2 video", _OTHER_VIDEO),
    (b"\0\0\x01\xba", "an MPEG program stream", _CONTAINER),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF"}


def describe_format(head: bytes) -> tuple[str, str]:
    """Reason and way out for a file that begins with `head` and that no decoder recognises, one line each."""
    for magic, name, way_out in _MAGIC:
        if head.startswith(magic):
            return f"not a known compressed picture, it looks like {name}", way_out
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "not a known compressed picture, it looks like WebP", _PIXELS
    if head[4:8] == b"ftyp":
        brand = _BRANDS.get(head[8:12])
        if brand is None:
            return "not a known compressed picture, it looks like an MP4 or QuickTime video", _CONTAINER
        return f"not a known compressed picture, it looks like {brand}", _LOSSY
    if head[:1] == b"G" and head[188:189] == b"G":
        return "not a known compressed picture, it looks like an MPEG transport stream", _CONTAINER
    if stream := _older_stream(head):
        return f"not a known compressed picture, it looks like an {stream} stream", _OTHER_VIDEO
    if _is_text(head):
        return "not a known compressed picture, it looks like a text file", _NOT_A_PICTURE
    return "not a known compressed picture", _NOT_A_PICTURE


def _older_stream(head: bytes) -> str | None:
    """The name of VVC's predecessor whose byte stream begins like that; all have the start codes of Annex B."""
    zeros = len(head) - len(head.lstrip(b"\0"))
    if zeros < 2 or head[zeros : zeros + 1] != b"\x01":
        return None
    first, second = (*head[zeros + 1 : zeros + 3], 0, 0)[:2]
    # H.265 7.3.1.2: six bits of type, which is 32 to 39 for parameter sets, delimiters and SEI; layer 0, sub-layer 0.
    if first & 0x81 == 0 and 32 <= first >> 1 <= 39 and second == 1:
        return "H.265 (HEVC)"
    # H.264 7.3.1: two bits of importance, five of type: 6 to 9 are SEI, parameter sets and delimiters.
    if first & 0x80 == 0 and 6 <= first & 0x1F <= 9:
        return "H.264 (AVC)"
    return None


def _is_text(head: bytes) -> bool:
    try:
        text = head[: len(head) - 4 if len(head) > 8 else None].decode("utf-8")
    except UnicodeDecodeError as error:
        # The cut may go through a character; anything earlier is not UTF-8.
        if error.start < len(head) - 8:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(character.isprintable() or character in "\r\n\t\f\ufeff" for character in text)
