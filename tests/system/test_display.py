"""Results in a prompt are one line, and in a notebook a picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from enhance.codecs.registry import decode
from enhance.enhancer import Enhancer
from enhance.models.checkpoint import Checkpoint
from enhance.system.display import as_png, describe_pixels


@pytest.fixture
def enhancer(tiny_checkpoint: Checkpoint) -> Enhancer:
    return Enhancer(tiny_checkpoint, device="cpu", dtype="float32")


def test_a_result_is_one_short_line_and_a_picture(enhancer: Enhancer, jpeg_bytes: Any) -> None:
    content = jpeg_bytes(30, size=(40, 24))
    lines = np.eye(24, 40, dtype=np.uint8)[..., None].repeat(3, axis=2)
    for source in (content, Image.open(io.BytesIO(content)), lines):
        result = enhancer(source, quality=30)
        assert len(repr(result)) < 160 and "\n" not in repr(result)
        shown = Image.open(io.BytesIO(result._repr_png_() or b""))
        assert (shown.format, shown.size) == ("PNG", (40, 24))
    assert repr(result).startswith(
        "<EnhancementResult: uint8 array [24, 40, 3], jpeg quality 30, 1 step, perception 0.5"
    )


def test_pictures_before_and_after_are_one_line_too(enhancer: Enhancer, jpeg_bytes: Any) -> None:
    decoded = decode(jpeg_bytes(30, size=(40, 24)), source_name="a.jpg")
    assert repr(decoded) == "<DecodedImage: a.jpg, uint8 array [24, 40, 3], jpeg quality 30>"
    enhanced = enhancer.run(decoded, depth=16)
    assert repr(enhanced).startswith("<EnhancedImage: a.jpg, uint16 array [24, 40, 3], jpeg quality 30, 1 step")
    for picture in (decoded, enhanced):
        assert Image.open(io.BytesIO(picture._repr_png_() or b"")).size == (40, 24)


def test_large_pictures_are_shown_small_and_what_is_no_picture_is_not() -> None:
    shown = Image.open(io.BytesIO(as_png(np.zeros((100, 4000), np.float32)) or b""))
    assert shown.size == (1024, 26)
    assert as_png(b"RIFF") is None and as_png(torch.zeros(1, 3, 8, 8)) is None
    assert describe_pixels(torch.zeros(1, 3, 8, 8)) == "float32 tensor [1, 3, 8, 8]"
