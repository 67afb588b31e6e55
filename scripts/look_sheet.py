#!/usr/bin/env python3
"""Makes the crops of docs/looks.md: parts of many kinds of pictures, as each mode leaves them, three times enlarged.

    scripts/look_sheet.py --kodak FOLDER [-o docs/looks] [--contents face sky] [--qualities 10 30 60]

A file for each kind of content, a row for each quality; columns are the decoded JPEG, the three modes, the original.
Photos are scikit-image's and Kodak's (24 PNG files, kodim01.png to kodim24.png, from https://r0k.us/graphics/kodak/); a
comic and a screen lie beside the page. All are coded by Pillow with 4:2:0 chroma, and enhanced whole. The parts were
chosen from the originals alone: none may be exchanged for how it comes out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from crop_sheet import Pixels, Region, Strip, draw, make_strip, save
from PIL import Image
from skimage import data
from tqdm import tqdm

from enhance import Enhancer
from enhance.errors import EnhanceError, UsageError
from enhance.evaluation.measuring.measurement import BASELINE, ORIGINAL
from enhance.evaluation.measuring.protocol import JpegProtocol
from enhance.knobs import MODES
from enhance.training.crops import load_image
from enhance.training.photo_variants import film_grain

PAGE = Path(__file__).parents[1] / "docs" / "looks"
QUALITIES = (10, 30, 60)
COLUMNS: dict[str, str] = {BASELINE: "JPEG"} | {name: name for name in (*MODES, ORIGINAL)}
SIDE = 72
ZOOM = 3
_STRONG_GRAIN = 6  # a seed; its grain has a standard deviation of 8 in the part


@dataclass(frozen=True)
class Look:
    """A square of SIDE pixels of a picture.

    Attributes:
        load: gives the whole picture, uint8 [H, W, 3] RGB; raises EnhanceError.
        corner: the square's left and top.
    """

    load: Callable[[], Pixels]
    corner: tuple[int, int]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        left, top = self.corner
        return left, top, left + SIDE, top + SIDE


def looks(kodak: Path | None = None) -> dict[str, Look]:
    """What is looked at, {content: part}; Kodak's pictures are looked for in that folder when they are loaded."""

    def photo(number: int) -> Pixels:
        if kodak is None:
            raise UsageError("some of the photos are Kodak's", hint="--kodak names the folder that has kodim01.png")
        return load_image(kodak / f"kodim{number:02}.png")

    def night() -> Pixels:
        # Halved, since scikit-image has it as a JPEG file, of which the blocks would be part of the original.
        return np.asarray(Image.fromarray(data.rocket()).reduce(2))  # type: ignore[no-untyped-call]

    return {
        "photo": Look(lambda: photo(8), (570, 230)),
        "face": Look(Region("astronaut", (0, 0, 0, 0)).load, (188, 76)),
        "hair": Look(lambda: photo(4), (310, 210)),
        "foliage": Look(lambda: photo(13), (100, 170)),
        "sky": Look(lambda: photo(16), (470, 30)),
        "night": Look(night, (150, 141)),
        "grain": Look(lambda: film_grain(photo(17), np.random.default_rng(_STRONG_GRAIN)), (190, 150)),
        "text": Look(Region("page", (0, 0, 0, 0)).load, (100, 62)),
        "screen": Look(lambda: load_image(PAGE / "originals" / "screen.webp"), (10, 24)),
        "comic": Look(lambda: load_image(PAGE / "originals" / "comic.webp"), (82, 134)),
    }


def sheet(part: Look, protocol: JpegProtocol, enhancer: Enhancer) -> Image.Image:
    """The part at all qualities, in all modes. Raises EnhanceError."""
    strips = [
        make_strip(f"quality {quality}", part, tuple(COLUMNS), protocol, quality, enhancer)
        for quality in protocol.levels
    ]
    return draw([Strip(strip.title, _titled(strip.crops)) for strip in strips], zoom=ZOOM)


def _titled(crops: Mapping[str, Pixels]) -> dict[str, Pixels]:
    return dict(zip(COLUMNS.values(), crops.values(), strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes a sheet for each kind of content. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kodak", type=Path, metavar="FOLDER", help="where kodim01.png and so on are")
    parser.add_argument("--contents", nargs="+", choices=looks(), default=list(looks()), help="default: all")
    parser.add_argument("--qualities", type=int, nargs="+", default=QUALITIES, metavar="Q", help="default: 10 30 60")
    parser.add_argument("--model", help="a checkpoint other than the one that ships")
    parser.add_argument("-o", "--output", type=Path, default=PAGE, metavar="FOLDER")
    options = parser.parse_args(arguments)
    try:
        protocol, enhancer = JpegProtocol(tuple(options.qualities)), Enhancer(options.model)
        for name in tqdm(options.contents, disable=None):
            save(sheet(looks(options.kodak)[name], protocol, enhancer), options.output / f"{name}.webp")
    except EnhanceError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
