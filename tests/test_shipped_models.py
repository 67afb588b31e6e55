"""The models that ship are worth their cost: a photo comes nearer to its original."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from PIL import Image

from enhance import Enhancer, Knobs, decode
from enhance.codecs.vvc.encoding import encode_vvc

PHOTO: npt.NDArray[np.uint8] = np.ascontiguousarray(skimage.data.astronaut()[16:144, 160:320])


def as_jpeg(quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, "JPEG", quality=quality)
    return file.getvalue()


@lru_cache(maxsize=1)
def enhancer() -> Enhancer:
    return Enhancer(device="cpu", dtype="float32")


def psnr(pixels: npt.NDArray[Any]) -> float:
    values = pixels.astype(np.float64) / (255 if pixels.dtype == np.uint8 else 1)
    return float(-10 * np.log10(np.mean((values - PHOTO / 255) ** 2)))


@pytest.mark.parametrize(
    ("code", "level", "least"),
    [(as_jpeg, 10, 1.0), (as_jpeg, 40, 1.0), (as_jpeg, 75, 0.8), (lambda qp: encode_vvc(PHOTO, qp), 37, 0.05)],
    ids=["JPEG 10", "JPEG 40", "JPEG 75", "VVC 37"],
)
def test_a_photo_gains(code: Callable[[int], bytes], level: int, least: float) -> None:
    decoded = decode(code(level))
    gain = psnr(enhancer().run(decoded, Knobs(mode="fidelity")).pixels) - psnr(decoded.pixels)
    assert gain > least, gain


@pytest.mark.parametrize("qp", [0, 8])
def test_a_nearly_lossless_picture_of_vvc_loses_nothing(qp: int) -> None:
    """No model has seen such QPs: told of 0, the network says values of 10^8."""
    decoded = decode(encode_vvc(PHOTO, qp, preset="faster"))
    gain = psnr(enhancer().run(decoded, Knobs(mode="fidelity"), depth=32).pixels) - psnr(decoded.pixels)
    assert gain > -0.02, gain
