"""Even ground: which blocks count as it, in strips as in one piece, and that they come out as they were decoded."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from enhance.codecs.jpeg import consistency as consistency_module
from enhance.codecs.jpeg.coefficients import Component
from enhance.codecs.jpeg.consistency import JpegConsistency
from enhance.codecs.jpeg.even_ground import EvenGround
from enhance.codecs.jpeg.rate import ijg_tables
from enhance.codecs.registry import decode
from enhance.images import BELIEVED, DecodedImage, Trust

Array = npt.NDArray[Any]

GUARD = Trust(full=0.9, none=0.95)
RNG = np.random.default_rng(0)
_STEPS = ijg_tables(50)[0].reshape(8, 8).astype(np.float32)


def found(
    means: Array, *, steps: Array = _STEPS, ratio: tuple[int, int] = (1, 1), textured: Array | None = None
) -> Array:
    """Which of blocks with these quantised means are even ground."""
    indices = np.zeros((*means.shape, 8, 8), np.int16)
    indices[..., 0, 0] = means
    if textured is not None:
        indices[textured, 3, 2] = 1
    ground = EvenGround(Component(ratio, np.asarray(steps, np.float32), means.shape))
    ground.add(indices)
    return ground.rows(0, len(means))


def test_blocks_on_both_sides_of_a_step_and_their_like_nearby_are_even_ground() -> None:
    means = np.zeros((4, 12), np.int64)
    means[:, 5:] = 20
    means[:, 6:] = 21
    expected = np.zeros((4, 12), bool)
    expected[:, 2:6] = True
    np.testing.assert_array_equal(found(means), expected)
    np.testing.assert_array_equal(found(means.T), expected.T)


def test_a_slope_is_not_nor_is_a_step_beside_texture() -> None:
    slope = np.arange(24).reshape(1, 24).repeat(3, axis=0)  # 2 code values from block to block
    assert not found(slope).any()
    means = np.zeros((4, 6), np.int64)
    means[:, 3:] = 20
    textured = np.zeros((4, 6), bool)
    textured[:, 2] = True
    assert not found(means, textured=textured).any()


def test_with_fine_tables_all_even_blocks_are_but_in_chroma_at_a_lower_resolution_none() -> None:
    fine, textured = ijg_tables(95)[0].reshape(8, 8), np.eye(5, dtype=bool)
    np.testing.assert_array_equal(found(np.zeros((5, 5)), steps=fine, textured=textured), ~textured)
    step = np.zeros((4, 4))
    step[2:] = 50
    assert found(step).any() and not found(step, ratio=(2, 2)).any()


def test_chroma_counts_only_where_luma_is_even() -> None:
    steps, indices = np.full((8, 8), 2, np.float32), np.zeros((2, 6, 8, 8), np.int16)
    luma = EvenGround(Component((1, 1), steps, (2, 6)))
    chroma = EvenGround(Component((1, 1), steps, (2, 6)), luma)
    indices[:, 3:, 0, 0] = 50
    textured = indices.copy()
    textured[0, :3, 2, 2] = 1
    luma.add(textured)
    chroma.add(indices)
    np.testing.assert_array_equal(chroma.rows(0, 2), [[False] * 3 + [True] * 3, [True] * 6])


def _coded(quality: int, **options: Any) -> DecodedImage:
    colours = RNG.integers(0, 256, (9, 12, 3)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    colours[:, 60:] = RNG.integers(0, 256, (72, 36, 3))  # what is not even, from the middle of a block on
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(colours[:70, :93])).save(file, "JPEG", quality=quality, **options)
    return decode(file.getvalue())


def _corrected(decoded: DecodedImage, change: Array, trust: Trust) -> Array:
    consistency, base = decoded.consistency, decoded.pixels.astype(np.float32)
    assert isinstance(consistency, JpegConsistency)
    return np.concatenate([p for _, p, _ in consistency.corrected_strips(base.__getitem__, change.__getitem__, trust)])


@pytest.mark.parametrize("quality", [50, 95])
def test_even_ground_comes_out_as_decoded_and_the_rest_corrected(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = _coded(quality, subsampling="4:4:4")
    change = RNG.normal(0, 2, decoded.pixels.shape).astype(np.float32)
    whole = _corrected(decoded, change, GUARD)
    assert np.array_equal(whole[:, :56], decoded.pixels[:, :56])
    assert (whole[:, 64:] != decoded.pixels[:, 64:]).mean() > 0.9
    assert (_corrected(decoded, change, BELIEVED)[:, :56] != decoded.pixels[:, :56]).any()
    monkeypatch.setattr(consistency_module, "_STRIP_PIXELS", 1)
    np.testing.assert_allclose(_corrected(decoded, change, GUARD), whole, atol=1e-4)
