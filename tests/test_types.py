"""What a type checker knows of the public calls. mypy reads this file with all others; pytest runs it, too."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from typing_extensions import assert_type

import enhance
from enhance.images import EnhancementResult
from enhance.knobs import Knobs, KnobValues

JpegFactory = Callable[..., bytes]


@pytest.fixture
def enhancer(tiny_model_file: Path) -> enhance.Enhancer:
    return enhance.Enhancer(tiny_model_file, device="cpu", dtype="float32")


def test_the_result_is_of_the_sources_kind(enhancer: enhance.Enhancer, tmp_path: Path, jpeg_bytes: JpegFactory) -> None:
    content = jpeg_bytes(30, size=(16, 16))
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert_type(enhancer(path), EnhancementResult[Image.Image])
    made: list[object] = [
        assert_type(enhancer(path).image, Image.Image),
        assert_type(enhancer(str(path)).image, Image.Image),
        assert_type(enhancer(Image.open(path)).image, Image.Image),
        assert_type(enhancer(content, format="webp").image, bytes),
        assert_type(enhancer(io.BytesIO(content)).image, bytes),
    ]
    assert [isinstance(image, Image.Image) for image in made] == [True] * 3 + [False] * 2
    assert all(isinstance(image, bytes) for image in made[3:])


def test_arrays_and_tensors_stay_what_they_are(enhancer: enhance.Enhancer) -> None:
    deep: npt.NDArray[np.uint16] = np.zeros((16, 16, 3), np.uint16)
    array = assert_type(enhancer(deep, quality=30).image, npt.NDArray[np.uint16])
    assert array.dtype == np.uint16
    tensor = assert_type(enhancer(torch.zeros(2, 3, 16, 16), quality=30, seed=3).image, torch.Tensor)
    assert tensor.shape == (2, 3, 16, 16)


def test_the_one_line_call_gives_the_image_alone(tiny_model_file: Path, jpeg_bytes: JpegFactory) -> None:
    content = jpeg_bytes(30, size=(16, 16))
    made = assert_type(enhance.enhance(content, model=tiny_model_file, device="cpu", mode="fidelity"), bytes)
    assert isinstance(made, bytes)
    image = Image.open(io.BytesIO(content))
    assert isinstance(assert_type(enhance.enhance(image, model=tiny_model_file), Image.Image), Image.Image)


def test_a_checker_finds_mistakes(enhancer: enhance.Enhancer) -> None:
    """mypy complains of each comment below whose line has no such mistake."""
    image = Image.new("RGB", (16, 16))
    with pytest.raises(TypeError, match="qualty"):
        enhancer(image, qualty=30)  # type: ignore[call-overload]
    with pytest.raises(enhance.UsageError, match="mode"):
        enhancer(image, mode="best")  # type: ignore[call-overload]
    with pytest.raises(enhance.UsageError, match="list"):
        enhancer([image], quality=30)  # type: ignore[call-overload]


def test_the_checked_arguments_are_the_knobs() -> None:
    assert get_type_hints(KnobValues) == get_type_hints(Knobs)
