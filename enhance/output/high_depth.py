"""PNG and TIFF with 16 bits per sample, which Pillow cannot write in colour; 8-bit TIFF too, so that there is one way.

PNG: W3C PNG, third edition. TIFF: revision 6.0, with deflate compression and horizontal differencing.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags

from enhance.errors import OutputError
from enhance.images import ColourDescription, Metadata, Pixels
from enhance.metadata.exif import PREFIX

logger = logging.getLogger(__name__)

_LEVEL = 4
_DESCRIPTION = 270
_STRIP_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 24
_PHOTO_IFD, _GPS_IFD, _INTEROPERABILITY_IFD = 0x8769, 0x8825, 0xA005
# Tags of an EXIF block's first directory that describe the JPEG's own storage, or that are written from elsewhere.
_STORAGE_TAGS = {
    *range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 301, *range(317, 326), 330, *range(332, 348),
    *range(512, 533), 700, 34377, 34675,
}  # fmt: skip


def cicp(colour: ColourDescription) -> bytes:
    """The chunk that says what RGB of full range means (PNG, third edition, 11.3.2.6)."""
    identity, full_range = 0, 1
    return bytes((colour.primaries, colour.transfer, identity, full_range))


def encode_png16(pixels: Pixels, metadata: Metadata, texts: dict[str, str]) -> bytes:
    """A 16-bit PNG of [H, W] gray or [H, W, 3] RGB uint16 pixels with ICC profile, EXIF, resolution and texts."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(">u2").reshape(height, -1).view(np.uint8)
    compressor, compressed = zlib.compressobj(_LEVEL), []
    previous = np.zeros_like(rows[0])
    for row in rows:  # filter 2, "up": the difference to the row above
        compressed.append(compressor.compress(b"\2" + (row - previous).tobytes()))
        previous = row
    compressed.append(compressor.flush())
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0 if pixels.ndim == 2 else 2, 0, 0, 0))]
    if metadata.colour:
        chunks.append((b"cICP", cicp(metadata.colour)))
    if metadata.icc_profile:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc_profile)))
    if metadata.dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in metadata.dpi), 1)))
    for keyword, text in texts.items():
        chunks.append((b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8")))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif.removeprefix(PREFIX)))
    content = b"".join(compressed)
    # A chunk holds 2^31 - 1 bytes at most, which 400 megapixels can exceed; readers take any number of them as one.
    chunks += [(b"IDAT", content[at : at + _CHUNK_BYTES]) for at in range(0, len(content), _CHUNK_BYTES)]
    chunks.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def encode_tiff(pixels: Pixels, metadata: Metadata, *, comment: str | None = None) -> bytes:
    """A TIFF of [H, W] gray or [H, W, 3] RGB pixels, uint8 or uint16.

    Args:
        pixels: the picture.
        metadata: of it; of EXIF what Pillow can write.
        comment: becomes the description where EXIF has none.

    Raises:
        OutputError: more than 4 GB.
    """
    height, width = pixels.shape[:2]
    channels, bits = (1 if pixels.ndim == 2 else 3), 8 * pixels.dtype.itemsize
    if pixels.nbytes > 4_000_000_000:
        raise OutputError("a TIFF cannot hold more than 4 GB", hint="write PNG")
    rows_per_strip = max(1, _STRIP_BYTES // (pixels.nbytes // height))
    strips = [_compress_strip(pixels[top : top + rows_per_strip]) for top in range(0, height, rows_per_strip)]
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    if metadata.exif:
        _copy_exif(metadata.exif, directory)
    long_tags = {
        256: (width,), 257: (height,), 278: (rows_per_strip,),
        273: tuple(int(offset) for offset in np.cumsum([0, *map(len, strips[:-1])])),  # relative; Pillow adds the start
        279: tuple(map(len, strips)),
    }  # fmt: skip
    short_tags = {
        258: (bits,) * channels, 259: (8,), 262: (1 if channels == 1 else 2,), 277: (channels,), 284: (1,), 317: (2,),
    }  # fmt: skip
    for tags, kind in ((long_tags, TiffTags.LONG), (short_tags, TiffTags.SHORT)):
        for tag, value in tags.items():
            directory.tagtype[tag] = kind
            directory[tag] = value if len(value) > 1 else value[0]
    if metadata.dpi:
        directory[282], directory[283], directory[296] = *metadata.dpi, 2
    if comment and _DESCRIPTION not in directory:
        directory.tagtype[_DESCRIPTION] = TiffTags.ASCII
        directory[_DESCRIPTION] = comment.encode("utf-8")
    for tag, block, kind in (
        (700, metadata.xmp, TiffTags.BYTE), (34377, metadata.photoshop, TiffTags.BYTE),
        (34675, metadata.icc_profile, TiffTags.UNDEFINED),
    ):  # fmt: skip
        if block:
            directory.tagtype[tag] = kind
            directory[tag] = block
    buffer = io.BytesIO()
    directory.save(buffer)
    return buffer.getvalue() + b"".join(strips)


def _compress_strip(rows: Pixels) -> bytes:
    """Deflate of horizontal differences (predictor 2), little endian."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(rows.dtype.newbyteorder("<"), copy=False).tobytes(), _LEVEL)


def _copy_exif(exif: bytes, directory: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    """Merges an EXIF block into a TIFF's first directory, its photo and GPS directories included.

    Offsets change, so a maker note that counts from the start of the block (most count from their own start) may lose
    what it points to; the note itself is kept. What Pillow cannot read or write is left out.
    """
    try:
        block = Image.Exif()
        block.load(exif)
        for tag in block:
            if tag in _STORAGE_TAGS:
                continue
            value = dict(block.get_ifd(tag)) if tag in (_PHOTO_IFD, _GPS_IFD) else block[tag]
            if tag == _PHOTO_IFD and _INTEROPERABILITY_IFD in value:
                value[_INTEROPERABILITY_IFD] = dict(block.get_ifd(_INTEROPERABILITY_IFD))
            trial = TiffImagePlugin.ImageFileDirectory_v2()
            trial[tag] = value
            trial.tobytes(8)
            directory[tag] = value
    except Exception as error:  # one damaged tag makes Pillow raise almost anything
        logger.debug("some EXIF tags are not carried over: %s", error)
