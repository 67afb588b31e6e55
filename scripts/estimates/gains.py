"""What the estimate is worth, end to end: PSNR gained without a hint, with the file's word, and with the right hint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from measure_harm import Original
from tqdm import tqdm

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.codecs.unknown_rate import UnknownRate
from enhance.enhancer import Enhancer
from enhance.evaluation.metrics.distortion import mse
from enhance.images import DecodedImage, EnhancedImage, Rate
from enhance.inference.choices import choose_guidance
from enhance.knobs import Knobs
from estimates.pictures import Uint8, as_file, code, crop, scale, table


@dataclass(frozen=True)
class Case:
    """What a file went through.

    Attributes:
        make: of an original: the picture, as decoded, and what it should look like.
        hint: the quality that serves best for it.
    """

    name: str
    make: Callable[[Uint8], tuple[DecodedImage, Uint8]]
    hint: int


def _once(pixels: Uint8, quality: int) -> Uint8:
    return code(pixels, JpegRate.from_quality(quality)).pixels


def _cropped(pixels: Uint8) -> tuple[DecodedImage, Uint8]:
    # By (3, 5): columns and rows.
    return decode(as_file(crop(_once(pixels, 20), 5, 3), 90)), crop(pixels, 5, 3)


def _same_grid(pixels: Uint8) -> tuple[DecodedImage, Uint8]:
    return decode(as_file(_once(pixels, 10), 80)), pixels


def _scaled(pixels: Uint8) -> tuple[DecodedImage, Uint8]:
    return decode(as_file(scale(_once(pixels, 20), 0.6), 95)), scale(pixels, 0.6)


def _weaker_first(pixels: Uint8) -> tuple[DecodedImage, Uint8]:
    return decode(as_file(_once(pixels, 80), 10)), pixels


def saved_again() -> list[Case]:
    """Files that say something else than what happened."""
    return [
        Case("quality 20, cropped by (3, 5), saved at 90", _cropped, 20),
        Case("quality 10, saved again at 80, same grid", _same_grid, 10),
        Case("quality 20, scaled by 0.6, saved at 95", _scaled, 50),
        Case("quality 80, then 10", _weaker_first, 10),
    ]


def measure_gains(enhancer: Enhancer, originals: Sequence[Original], qualities: Sequence[int], modes: list[str]) -> str:
    """Tables of mean gains in dB: files that were saved again, and PNGs that were JPEGs of some qualities."""
    rows: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    lossless: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for original in tqdm(originals, desc="gains", leave=False, disable=None):
        for case in saved_again():
            picture, target = case.make(original.pixels)
            for mode in modes:
                runs = [_Run(enhancer, picture, target, mode, word) for word in ("auto", "file", case.hint)]
                rows[case.name, mode].append([*_gains(runs), float(runs[0].tells)])
        for quality in qualities:
            pixels = _once(original.pixels, quality)
            for mode in modes:
                gains = _of_pixels(enhancer, pixels, original.pixels, mode, quality)
                lossless[f"a PNG that was a JPEG of quality {quality}", mode].append(gains)
    header = ["dB", "mode", "pictures", "no hint", "worst", "`--quality file`", "right hint", "found"]
    lines = [
        [name, mode, len(values), *_cells(values)] for (name, mode), values in rows.items()
    ]  # fmt: skip
    second = ["dB", "mode", "pictures", "`auto`", "worst", "right hint", "largest loss against it", "found"]
    return "\n\n".join([table(header, lines), table(second, [
        [name, mode, len(values), *_cells_of_pixels(values)] for (name, mode), values in lossless.items()
    ])])  # fmt: skip


class _Run:
    """One enhancement; the network is asked when the gain is first wanted."""

    def __init__(self, enhancer: Enhancer, picture: DecodedImage, target: Uint8, mode: str, word: Any) -> None:
        self.enhancer, self.picture, self.target = enhancer, picture, target
        self.knobs = Knobs(mode=mode, quality=word)  # type: ignore[arg-type]
        self.guidance = choose_guidance(picture, self.knobs)

    @property
    def tells(self) -> bool:
        return self.guidance.coding is not None

    def gain(self) -> float:
        result: EnhancedImage = self.enhancer.run(self.picture, self.knobs)
        return float(10 * np.log10(mse(self.target, self.picture.pixels) / mse(self.target, result.pixels)))


def _gains(runs: Sequence[_Run]) -> list[float]:
    """Of each; runs that differ in nothing that reaches the network have the same result, which is computed once."""
    known: dict[bytes, float] = {}
    gains = []
    for run in runs:
        guidance = run.guidance
        place = "" if guidance.coding is None else f"{guidance.coding.grid}{guidance.coding.axes}"
        projected = guidance.coding is None and not guidance.overridden
        key = _told(guidance.rate) + f"{place or '(0, 0)None'}{projected}".encode()
        if key not in known:
            known[key] = run.gain()
        gains.append(known[key])
    return gains


def _told(rate: Rate) -> bytes:
    return rate.conditioning().tobytes() if isinstance(rate, JpegRate) else b"nothing"


def _of_pixels(enhancer: Enhancer, pixels: Uint8, target: Uint8, mode: str, quality: int) -> list[float]:
    picture = DecodedImage(pixels, UnknownRate())
    runs = [_Run(enhancer, picture, target, mode, word) for word in ("auto", quality)]
    return [*_gains(runs), float(runs[0].tells)]


def _cells(values: Sequence[Sequence[float]]) -> list[str]:
    auto, file, hint, tells = np.array(values).T
    return [
        f"{auto.mean():+.2f}",
        f"{auto.min():+.2f}",
        f"{file.mean():+.2f}",
        f"{hint.mean():+.2f}",
        f"{tells.mean():.0%}",
    ]


def _cells_of_pixels(values: Sequence[Sequence[float]]) -> list[str]:
    auto, hint, tells = np.array(values).T
    return [
        f"{auto.mean():+.2f}", f"{auto.min():+.2f}", f"{hint.mean():+.2f}", f"{(hint - auto).max():.2f}",
        f"{tells.mean():.0%}",
    ]  # fmt: skip
