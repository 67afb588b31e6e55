"""The base codec that ships: small, of the file that it was, and alike on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from enhance import Enhancer, Knobs
from enhance.enhancer import WEIGHTS
from enhance.images import DecodedImage
from enhance.learned.codec import LEARNED
from enhance.learned.coding import decode, decoded_at, encode
from enhance.learned.file_format import parse
from enhance.learned.model import SHIPPED, LearnedModel, open_model
from enhance.learned.rate import LearnedRate
from tests.learned.test_integers import threads

pytest.importorskip("constriction")

GOLDEN = Path(__file__).with_name("golden.msh")
"""The photo below at rate 4, as the shipped model coded it, and beside it, as a PNG, what it was decoded to."""


@pytest.fixture(scope="module")
def shipped() -> LearnedModel:
    return open_model(SHIPPED)


def test_it_is_small_and_says_how_it_was_trained(shipped: LearnedModel) -> None:
    assert SHIPPED.stat().st_size < 5.6e6
    assert sum(parameter.numel() for parameter in shipped.codec.parameters()) < 3e6
    assert shipped.rates == 8 and shipped.training["step"] > 1000


def test_it_is_opened_without_the_compiler() -> None:
    """torch imports it, for more than a second, on the way of some initialisers."""
    code = "import sys, enhance.learned.model as m; m.open_model(m.SHIPPED); print('torch._dynamo' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "False"


def test_a_file_from_another_day_decodes_to_the_same_picture(shipped: LearnedModel) -> None:
    coded = parse(GOLDEN.read_bytes(), GOLDEN.name)
    with Image.open(GOLDEN.with_suffix(".png")) as image:
        expected = np.asarray(image).astype(np.float32)
    for count, onednn in ((1, True), (2, False)):
        with threads(count), torch.backends.mkldnn.flags(enabled=onednn):
            decoded = decode(coded, shipped)  # the file's checksum of the tables' indices is tested on the way
        assert np.abs(decoded * 255 - expected).max() < 0.51 + 0.01


def test_it_codes_photos_well(shipped: LearnedModel, photo: npt.NDArray[np.uint8]) -> None:
    found = []
    for rate in (1, 5, 8):
        coded = encode(photo, rate, shipped)
        error = np.mean((decode(coded, shipped) * 255.0 - photo) ** 2)
        found.append((8 * len(coded.to_bytes()) / photo[..., 0].size, 10 * np.log10(255**2 / error)))
    bits, quality = zip(*found)
    assert list(bits) == sorted(bits) and list(quality) == sorted(quality)
    assert quality[2] > quality[0] + 5


@pytest.mark.parametrize("rate", [1, 4])
def test_enhancement_brings_a_photo_nearer(rate: int, shipped: LearnedModel, photo: npt.NDArray[np.uint8]) -> None:
    decoded = DecodedImage(decoded_at(photo, rate, shipped), LearnedRate(rate), source="a")
    enhancer = Enhancer(WEIGHTS / str(LEARNED.weights), device="cpu", dtype="float32")
    errors = {
        mode: np.mean((enhancer.run(decoded, Knobs(mode=mode)).pixels * 255.0 - photo) ** 2)
        for mode in ("fidelity", "balanced", "perceptual")
    }
    before = np.mean((decoded.pixels * 255.0 - photo) ** 2)
    assert errors["fidelity"] == min(errors.values())
    for error in errors.values():
        assert 10 * np.log10(before / error) > 0.15


@pytest.fixture(scope="module")
def photo() -> npt.NDArray[np.uint8]:
    """uint8 [192, 256, 3]."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:192, 100:356])
