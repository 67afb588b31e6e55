"""100 megapixels within 2 GiB beyond the decoded image, shown on a smaller picture with the same code."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest
import torch

from enhance.enhancer import _CEILING, _SMALLEST_BUDGET
from enhance.inference.banded_denoiser import BandedDenoiser
from enhance.inference.residual import state_bytes, state_dtype
from enhance.inference.tiling import MIN_TILE, padded
from enhance.knobs import Knobs
from enhance.models.unet import Denoiser, UNetConfig

PROMISE = 2 * 2**30
HEIGHT, WIDTH = 8_333, 12_000

# Run on its own: peak memory never goes down again. Arguments: model file, height, width, knobs as Python.
# Not ru_maxrss, which a program inherits from the one that started it.
MEASURE = """
import ast, re, sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(1)
from enhance.inference import residual
from enhance.codecs.jpeg.rate import JpegRate
from enhance.enhancer import Enhancer
from enhance.images import DecodedImage
from enhance.knobs import Knobs

residual.LARGE = 0  # as if it were large
enhancer = Enhancer(sys.argv[1], device="cpu", dtype="float32")
knobs = Knobs(tile=256, **ast.literal_eval(sys.argv[4]))

def decoded(height, width):
    return DecodedImage(np.full((height, width, 3), 99, np.uint8), JpegRate.from_quality(20))

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

small, large = decoded(768, 768), decoded(int(sys.argv[2]), int(sys.argv[3]))
enhancer.run(small, knobs)  # what the network itself needs, once for all sizes
before = peak()
enhancer.run(large, knobs)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
@pytest.mark.parametrize("knobs", [{}, {"steps": 2, "perception": 0.5, "eta": 1.0}], ids=str)
@pytest.mark.slow
def test_memory_grows_by_less_than_the_promise_per_pixel(tiny_model_file: object, knobs: dict[str, object]) -> None:
    height, width = 1000, 3000
    command = [sys.executable, "-c", MEASURE, str(tiny_model_file), str(height), str(width), repr(knobs)]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    output = 3 * height * width
    assert grown > output  # otherwise nothing was measured
    bands = 24 * 2**20  # working memory for a band of rows, whatever the size of the picture
    assert grown - bands < PROMISE * (height * width) / (HEIGHT * WIDTH)


def test_the_budget_keeps_the_promise_with_every_setting() -> None:
    choices = itertools.product((1, 2, 8), (None, 0, 0.5, 1), ("ddim", "ddpm"), ("mmse", "gaussian"))
    for steps, perception, sampler, init in choices:
        knobs: dict[str, Any] = {"sampler": sampler, "init": init}
        sampling = Knobs(steps=steps, perception=perception, **knobs).resolve()
        arrays = state_bytes(HEIGHT, WIDTH, sampling)
        window = max(_CEILING - arrays, _SMALLEST_BUDGET)
        output = 3 * HEIGHT * WIDTH
        assert arrays + window < PROMISE
        assert arrays + output < PROMISE  # the windows are gone before the result is made


def test_only_the_size_of_the_picture_decides_its_arithmetic() -> None:
    assert state_dtype(HEIGHT, WIDTH) == torch.float16
    assert state_dtype(4000, 4000) == torch.float32


def test_the_smallest_window_of_the_shipped_kind_of_network_is_affordable() -> None:
    denoiser = BandedDenoiser(Denoiser(UNetConfig()))
    side = MIN_TILE + 2 * padded(denoiser.receptive_radius, denoiser.stride)
    assert denoiser.window_bytes(side, side, torch.float32) < 2.25 * _SMALLEST_BUDGET


def test_a_photo_of_twelve_megapixels_is_one_piece_in_bfloat16() -> None:
    available = _CEILING - state_bytes(3000, 4000, Knobs().resolve())
    assert BandedDenoiser(Denoiser(UNetConfig())).window_bytes(3008, 4000, torch.bfloat16) < available
