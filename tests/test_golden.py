"""The shipped models give the pixels that they gave before: what is moved or mended must not change a picture.

`tests/golden` holds small coded files and, for each case, every third pixel of its result in both directions.
Processors round differently in the last place, so a value may be one code value off. A change that is meant to alter
pixels says so, and writes them anew: `python tests/test_golden.py [NAME ...]`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from enhance import Enhancer, Knobs, decode
from enhance.codecs.vvc.rate import VvcRate
from enhance.frames.colour import rgb_to_yuv
from enhance.frames.format import ColorSpace, FrameFormat, Planes
from enhance.video.filter import FrameFilter

FOLDER = Path(__file__).with_name("golden")
STEP = 3

# Name -> file and knobs. The photos are scikit-image's, the drawing is hatched by `enhance.training.drawings` (seed 6);
# Pillow and libvvenc coded them.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "fidelity_q10": ("q10_420.jpg", {"mode": "fidelity"}),
    "balanced_q10": ("q10_420.jpg", {"mode": "balanced", "seed": 1}),
    "perceptual_q10": ("q10_420.jpg", {"mode": "perceptual", "seed": 2}),
    "ancestral_q30": ("q30_444.jpg", {"steps": 4, "perception": 0.7, "sampler": "ddpm", "init": "gaussian", "seed": 3}),
    "gray_q20": ("q20_gray.jpg", {"mode": "balanced", "seed": 4}),
    "mirrored_q60": ("q60_422.jpg", {"mode": "fidelity", "ensemble": 2}),
    "half_unprojected_q30": ("q30_444.jpg", {"mode": "balanced", "strength": 0.5, "consistent": False, "seed": 5}),
    "other_quality_q60": ("q60_422.jpg", {"mode": "fidelity", "quality": 25}),
    "tiled_q10": ("q10_420.jpg", {"mode": "perceptual", "seed": 2, "tile": 64}),
    # On a drawing the projection and the guard change what they let pass on a photo.
    "drawing_q75": ("q75_drawing.jpg", {"mode": "fidelity"}),
    "unguarded_q75": ("q75_drawing.jpg", {"mode": "fidelity", "guard": False}),
    "unbound_q75": ("q75_drawing.jpg", {"mode": "fidelity", "guard": False, "consistent": False, "strength": 0.5}),
    "fidelity_qp37": ("qp37.266", {"mode": "fidelity"}),
    "unguarded_qp37": ("qp37.266", {"mode": "fidelity", "guard": False}),
    "perceptual_qp37": ("qp37.266", {"mode": "perceptual", "seed": 6}),
}  # fmt: skip
FRAME = FrameFormat(96, 72, "4:2:0", 10)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The order of sums must not depend on the machine's cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def enhancer() -> Enhancer:
    return Enhancer(device="cpu", dtype="float32")


def still(name: str) -> npt.NDArray[np.uint8]:
    file, knobs = CASES[name]
    pixels = enhancer().run(decode(FOLDER / file), Knobs(**knobs), depth=8).pixels
    return pixels[::STEP, ::STEP]


def frame() -> npt.NDArray[np.uint8]:
    """The first frame of a filtered video, its three planes below each other, as 8 bits."""
    photo = np.asarray(decode(FOLDER / "q10_420.jpg").pixels[:72, :96], np.float32) / 255
    planes: Planes = rgb_to_yuv(photo, FRAME, ColorSpace())
    knobs = Knobs(mode="perceptual", seed=7)
    filtered = FrameFilter(lambda image: enhancer().run(image, knobs), FRAME, ColorSpace()).apply(planes, VvcRate(40.0))
    small = [np.repeat(np.repeat(plane, 96 // plane.shape[1], 0), 96 // plane.shape[1], 1) for plane in filtered]
    return (np.concatenate(small) >> 2).astype(np.uint8)[::STEP, ::STEP]


@pytest.mark.parametrize("name", [*CASES, "filtered_frame"])
def test_the_pixels_are_those_of_before(name: str) -> None:
    found = frame() if name == "filtered_frame" else still(name)
    expected = np.asarray(Image.open(FOLDER / f"{name}.png"))
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("knob", ["consistent", "guard"])
def test_a_switch_that_is_lost_would_show(knob: str) -> None:
    file, knobs = CASES["drawing_q75"]
    switched = enhancer().run(decode(FOLDER / file), Knobs(**{**knobs, knob: False}), depth=8).pixels[::STEP, ::STEP]
    assert np.abs(switched.astype(int) - np.asarray(Image.open(FOLDER / "drawing_q75.png"))).max() > 10


if __name__ == "__main__":  # of all, or of the cases that are named
    torch.set_num_threads(1)
    for case in sys.argv[1:] or [*CASES, "filtered_frame"]:
        pixels = frame() if case == "filtered_frame" else still(case)
        Image.fromarray(pixels).save(FOLDER / f"{case}.png", optimize=True)
