#!/usr/bin/env python3
"""Makes a page of crops for each rate: parts of photos, the original beside the decoded picture and what comes of it.

    scripts/crop_sheet.py -o docs/crops [--qualities 5 10 20] [--columns original decoded fidelity 'steps=4 eta=1']
    scripts/crop_sheet.py -o docs/crops --codec vvc --qps 37 42

The photos are those that scikit-image brings along (the `test` and `eval` extras have it), coded as `enhance eval` does
it and enhanced whole. Columns are "original", "decoded", and settings by the names that `enhance eval` has for them.
Files: jpeg_q10.png, vvc_qp37.png, and so on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Protocol_

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from enhance import Enhancer, decode
from enhance.codecs.registry import level_name
from enhance.errors import EnhanceError, UsageError
from enhance.evaluation.measuring.measurement import BASELINE, ORIGINAL
from enhance.evaluation.measuring.protocol import JpegProtocol, Protocol, VvcProtocol
from enhance.evaluation.measuring.settings import describe, parse
from enhance.frames.depth import to_dtype
from enhance.inference.choices import choose_guidance
from enhance.knobs import Knobs
from enhance.system.atomic_file import as_output_error, atomic_file

Pixels = npt.NDArray[np.uint8]


class Part(Protocol_):
    """A part of a picture, to be seen."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""

    def load(self) -> Pixels:
        """The whole picture, uint8 [H, W, 3] RGB. Raises EnhanceError."""


@dataclass(frozen=True)
class Region:
    """A part of a photo of scikit-image: left, top, right, bottom."""

    photo: str
    box: tuple[int, int, int, int]

    def load(self) -> Pixels:
        """The whole photo, uint8 [H, W, 3] RGB."""
        pixels = np.asarray(getattr(data, self.photo)())
        return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2)


REGIONS = {
    "face": Region("astronaut", (160, 60, 288, 156)),
    "fur": Region("chelsea", (110, 60, 238, 156)),
    "edges": Region("coffee", (310, 246, 438, 342)),
    "text": Region("page", (4, 6, 132, 102)),
    "portrait": Region("astronaut", (150, 20, 310, 200)),
}
SHOWN = ("face", "fur", "edges", "text")
COLUMNS = (ORIGINAL, BASELINE, "fidelity", "balanced", "perceptual")
LEVEL_NAMES = {"jpeg": "q", "vvc": "qp"}
ZOOM = 2
GAP = 8
_FONT_SIZE = 15
_MARGIN = 22


@dataclass(frozen=True)
class Strip:
    """A row of the sheet: one region in all columns.

    Attributes:
        title: for the left margin.
        crops: {title of the column: the region's pixels, uint8 [H, W, 3]}, all of one size.
    """

    title: str
    crops: Mapping[str, Pixels]


def make_strip(
    name: str, region: Part, columns: Sequence[str], protocol: Protocol, level: int, enhancer: Enhancer
) -> Strip:
    """Codes the picture that a part is of, decodes and enhances it, as a row of that name. Raises EnhanceError."""
    original = protocol.coded_part(region.load())
    stream = protocol.code(original, level, name)
    decoded = decode(stream)
    guidance = choose_guidance(decoded, Knobs())  # a long search, and no setting changes what it finds
    titles = {ORIGINAL: ORIGINAL, BASELINE: f"{protocol.codec.upper()}, {level_name(protocol.codec)} {level}"}
    pictures = {ORIGINAL: original, BASELINE: decoded.pixels}
    for column in columns:
        if column not in pictures:
            ((setting, knobs),) = parse(column).items()
            steps = describe(knobs, enhancer.checkpoint(protocol.codec).sampling)["steps"]
            titles[column] = f"{setting} ({steps} {'step' if steps == 1 else 'steps'})"
            pictures[column] = enhancer.run(decoded, knobs, guidance=guidance).pixels
    left, top, right, bottom = region.box
    crops = {titles[one]: to_dtype(pictures[one][top:bottom, left:right], np.uint8) for one in columns}
    bits = 8 * len(stream) / (original.shape[0] * original.shape[1])
    return Strip(f"{name}, {bits:.2f} bits per pixel", crops)


def draw(strips: Sequence[Strip], *, zoom: int = ZOOM, has_labels: bool = True) -> Image.Image:
    """The sheet: crops enlarged without smoothing, on white; titles above the columns and left of the rows."""
    margin = _MARGIN if has_labels else 0
    rows = [[_enlarged(pixels, zoom) for pixels in strip.crops.values()] for strip in strips]
    width = max(sum(crop.width + GAP for crop in row) for row in rows) - GAP
    height = sum(row[0].height + GAP for row in rows) - GAP
    sheet = Image.new("RGB", (margin + width, margin + height), "white")
    top = margin
    for strip, row in zip(strips, rows, strict=True):
        if has_labels:
            label = _label(strip.title, row[0].height).transpose(Image.Transpose.ROTATE_90)
            sheet.paste(label, (0, top))
        left = margin
        for title, crop in zip(strip.crops, row, strict=True):
            if has_labels and top == margin:
                sheet.paste(_label(title, crop.width), (left, 0))
            sheet.paste(crop, (left, top))
            left += crop.width + GAP
        top += row[0].height + GAP
    return sheet


def _enlarged(pixels: Pixels, zoom: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)))


def _label(text: str, width: int) -> Image.Image:
    """Text in the middle of a white line, in a smaller size where it would not fit."""
    size = _FONT_SIZE
    while size > 6 and ImageFont.load_default(size).getlength(text) > width:
        size -= 1
    line = Image.new("RGB", (width, _MARGIN), "white")
    ImageDraw.Draw(line).text(
        (width / 2, _MARGIN / 2), text, fill="black", font=ImageFont.load_default(size), anchor="mm"
    )
    return line


def save(sheet: Image.Image, path: Path) -> None:
    """Writes a PNG or lossless WebP file, by its suffix; its folder is made. Raises OutputError."""
    with as_output_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, overwrite=True) as file:
        if path.suffix == ".webp":
            sheet.save(file, "WEBP", lossless=True, method=6)
        else:
            sheet.save(file, "PNG", optimize=True)


def _protocol(options: argparse.Namespace) -> Protocol:
    if options.qps if options.codec == "jpeg" else options.qualities:
        raise UsageError("--qualities are of JPEG, --qps of VVC", hint="--codec chooses the codec")
    if options.codec == "jpeg":
        return JpegProtocol(tuple(options.qualities or (5, 10, 20)))
    return VvcProtocol(tuple(options.qps or (37, 42)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes a sheet for each level. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codec", choices=["jpeg", "vvc"], default="jpeg")
    parser.add_argument("--qualities", type=int, nargs="+", metavar="Q", help="of JPEG (default: 5 10 20)")
    parser.add_argument("--qps", type=int, nargs="+", metavar="QP", help="of VVC (default: 37 42)")
    parser.add_argument("--regions", nargs="+", choices=REGIONS, default=SHOWN, help=f"default: {' '.join(SHOWN)}")
    parser.add_argument("--columns", nargs="+", default=COLUMNS, metavar="NAME", help=f"default: {' '.join(COLUMNS)}")
    parser.add_argument("--model", help="a checkpoint other than the one that ships")
    parser.add_argument("--format", choices=["png", "webp"], default="png", help="WebP is lossless and a third smaller")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args(arguments)
    try:
        protocol, enhancer = _protocol(options), Enhancer(options.model)
        for level in protocol.levels:
            strips = [
                make_strip(name, REGIONS[name], options.columns, protocol, level, enhancer) for name in options.regions
            ]
            path = options.output / f"{protocol.codec}_{LEVEL_NAMES[protocol.codec]}{level}.{options.format}"
            save(draw(strips), path)
            print(path)
    except EnhanceError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
