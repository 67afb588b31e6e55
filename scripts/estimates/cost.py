"""What the estimate costs beside one step of the network."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import skimage.data
import torch

from enhance.codecs.jpeg.rate import JpegRate
from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer
from enhance.knobs import Knobs
from estimates.pictures import Found, Uint8, as_file, code, crop, table

_SIDES = (256, 512, 1024, 2048)
_RUNS = 3


def measure_cost(enhancer: Enhancer) -> str:
    """A table of sizes: CPU seconds of the estimate, of one step, and their ratio; the least of three runs each."""
    rows = []
    for side in _SIDES:
        repeats = -(-side // 512)
        picture: Uint8 = skimage.data.astronaut()  # type: ignore[no-untyped-call]
        pixels = np.ascontiguousarray(np.tile(picture, (repeats, repeats, 1))[:side, :side])
        for name, made in (("coded once at 75", pixels), ("20, cropped, 90", _cropped(pixels))):
            quality = 75 if made is pixels else 90
            rows.append([f"{side}x{side}", name, *_row(enhancer, made, quality)])
    threads = torch.get_num_threads()
    return table(["picture", "coding", "estimate, s", f"one step, s ({threads} threads)", "share"], rows)


def _cropped(pixels: Uint8) -> Uint8:
    return crop(code(pixels, JpegRate.from_quality(20)).pixels, 5, 3)


def _row(enhancer: Enhancer, pixels: Uint8, quality: int) -> list[str]:
    decoded = decode(as_file(pixels, quality))
    found = Found(np.asarray(decoded.pixels, np.uint8), JpegRate.from_quality(quality))
    estimate = _least(found.estimate)
    step = _least(lambda: enhancer.run(decoded, Knobs(mode="fidelity", quality="file")))
    return [f"{estimate:.3f}", f"{step:.2f}", f"{estimate / step:.1%}"]


def _least(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_RUNS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)
