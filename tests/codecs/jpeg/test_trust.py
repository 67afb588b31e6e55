"""Trust from the bitstream: what a file rules out is held back, block by block, whatever the strips."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

from enhance.codecs.jpeg import consistency as consistency_module
from enhance.codecs.jpeg.consistency import JpegConsistency
from enhance.codecs.jpeg.trust import WINDOW, TrustMap, to_samples
from enhance.codecs.registry import decode
from enhance.images import BELIEVED, DecodedImage, Trust

Array = npt.NDArray[Any]

PHOTO = np.ascontiguousarray(data.astronaut()[40:200, 150:342])
GUARD = Trust(full=0.02, none=0.2)
RNG = np.random.default_rng(0)


def coded(quality: int = 40, mode: str = "RGB", pixels: Array = PHOTO, **options: Any) -> DecodedImage:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", quality=quality, **options)
    return decode(file.getvalue())


def corrected(decoded: DecodedImage, change: Array, trust: Trust) -> tuple[Array, Array]:
    """All strips in one piece: pixels in code values, and the weights of the luma blocks."""
    consistency = decoded.consistency
    assert isinstance(consistency, JpegConsistency)
    base = decoded.pixels.astype(np.float32)
    strips = list(consistency.corrected_strips(base.__getitem__, change.astype(np.float32).__getitem__, trust))
    assert [rows.start for rows, *_ in strips] == [0, *(rows.stop for rows, *_ in strips[:-1])]
    return np.concatenate([pixels for _, pixels, _ in strips]), np.concatenate([weights for *_, weights in strips])


def noise(decoded: DecodedImage, amount: float) -> Array:
    return RNG.normal(0, amount, decoded.pixels.shape).astype(np.float32)


KINDS: list[dict[str, Any]] = [
    {"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}, {"subsampling": "4:2:2"}, {"mode": "L"}, {"keep_rgb": True},
]  # fmt: skip


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_what_is_believed_is_projected_and_nothing_else(options: dict[str, Any]) -> None:
    decoded = coded(**options)
    change = noise(decoded, 3)
    pixels, weights = corrected(decoded, change, BELIEVED)
    assert decoded.consistency is not None
    expected = decoded.consistency.project(decoded.pixels.astype(np.float32) + change)
    np.testing.assert_allclose(pixels, expected, atol=2e-3)
    assert (weights == 1).all()


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_an_answer_that_the_file_rules_out_leaves_the_decoded_picture(options: dict[str, Any]) -> None:
    decoded = coded(90, **options)
    pixels, weights = corrected(decoded, noise(decoded, 60), GUARD)
    assert (weights == 0).all()
    assert np.array_equal(pixels, decoded.pixels)


def test_only_where_it_is_ruled_out() -> None:
    decoded = coded(75)
    change = (PHOTO.astype(np.float32) - decoded.pixels) * 0.8
    change[:, 120:] = noise(decoded, 80)[:, 120:]
    pixels, weights = corrected(decoded, change, GUARD)
    believed, _ = corrected(decoded, change, BELIEVED)
    assert (weights[:, :10] == 1).all() and (weights[:, -5:] == 0).all()
    assert np.array_equal(pixels[:, :64], believed[:, :64])
    assert np.array_equal(pixels[:, -16:], decoded.pixels[:, -16:])


def test_the_original_is_believed() -> None:
    for quality in (5, 20, 50, 90):
        decoded = coded(quality)
        _, weights = corrected(decoded, PHOTO.astype(np.float32) - decoded.pixels, GUARD)
        assert weights.min() == 1, quality


@pytest.mark.parametrize("size", [(160, 192), (35, 50), (17, 9), (8, 8), (1, 1), (50, 17)], ids=str)
@pytest.mark.parametrize("options", [{"subsampling": "4:2:0"}, {"mode": "L"}, {"subsampling": "4:4:4"}], ids=str)
def test_strips_do_not_matter(size: tuple[int, int], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = coded(60, pixels=np.ascontiguousarray(PHOTO[: size[0], : size[1]]), **options)
    change = noise(decoded, 3)
    change[: size[0] // 2] *= 12  # trust falls somewhere in the middle
    whole = corrected(decoded, change, GUARD)
    monkeypatch.setattr(consistency_module, "_STRIP_PIXELS", 1)
    strips = corrected(decoded, change, GUARD)
    for one, other in zip(whole, strips, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert strips[1].shape == (math.ceil(size[0] / 8), math.ceil(size[1] / 8))


def test_factors_scale_luma_and_chroma_apart() -> None:
    decoded = coded(30, subsampling="4:4:4")
    change = (PHOTO.astype(np.float32) - decoded.pixels) * 0.5

    def planes(pixels: Array) -> Array:
        return np.stack([pixels @ [0.299, 0.587, 0.114], pixels[..., 0] - pixels[..., 1]])

    full, _ = corrected(decoded, change, BELIEVED)
    luma_only, _ = corrected(decoded, change, replace(BELIEVED, chroma=0.0))
    moved, moved_luma = planes(full - decoded.pixels), planes(luma_only - decoded.pixels)
    np.testing.assert_allclose(moved[0], moved_luma[0], atol=2e-3)
    assert np.abs(moved[1]).max() > 1 and np.abs(moved_luma[1]).max() < 2e-3
    half, _ = corrected(decoded, change, replace(BELIEVED, luma=0.5, chroma=0.5))
    assert np.abs(half - decoded.pixels - (full - decoded.pixels) / 2).mean() < 0.05


def test_a_neutral_picture_gets_no_colour() -> None:
    gray = np.repeat(PHOTO[..., :1], 3, axis=2)
    decoded = coded(50, pixels=gray)
    assert decoded.is_neutral
    pixels, _ = corrected(decoded, noise(decoded, 5), replace(GUARD, chroma=0.0))
    assert np.ptp(pixels, axis=2).max() == 0


def test_the_result_is_inside_of_the_intervals_wherever_something_was_believed() -> None:
    decoded = coded(40, subsampling="4:4:4")
    change = noise(decoded, 4)
    change[:80] *= 6
    pixels, weights = corrected(decoded, change, GUARD)
    consistency = decoded.consistency
    assert isinstance(consistency, JpegConsistency)
    assert 0 < weights.mean() < 1
    found, stored = consistency.quantised_coefficients(pixels)[0], consistency.coefficients()[0]
    changed = (pixels != decoded.pixels).any(axis=2)
    blocks = changed.reshape(20, 8, 24, 8).any(axis=(1, 3))
    assert blocks.any() and np.array_equal(found[blocks], stored[blocks])


def shares(distances: Array, reach: float) -> Array:
    trust_map = TrustMap((3, 4), BELIEVED)
    trust_map.add(distances, np.full(64, reach, np.float32))
    return trust_map.shares(0, 3)


def test_the_share_is_what_its_definition_says() -> None:
    distances = RNG.normal(0, 20, (12, 64)).astype(np.float32)
    impossible = (np.maximum(np.abs(distances) - 11, 0) ** 2).sum(axis=1).reshape(3, 4)
    energy = (distances**2).sum(axis=1).reshape(3, 4)
    # All three rows, and all columns but the ones farther than two away, are in the window.
    expected = [impossible[:, max(c - 2, 0) : c + 3].sum() / (energy[:, max(c - 2, 0) : c + 3].sum() + 64 * WINDOW**2)
                for c in range(4)]  # fmt: skip
    np.testing.assert_allclose(shares(distances, 10)[1], expected, rtol=1e-4)
    assert (shares(distances, 1000) == 0).all()


def test_the_weight_falls_between_the_limits() -> None:
    def weight(ratio: float) -> float:
        trust_map = TrustMap((1, 1), Trust(full=0.02, none=0.2))
        excess = 1e4
        energy = excess**2 / ratio
        distances = np.zeros((1, 64), np.float32)
        distances[0, :2] = excess + 1, math.sqrt(energy - (excess + 1) ** 2)
        reach = np.full(64, 1e9, np.float32)
        reach[0] = 0
        trust_map.add(distances, reach)
        return float(trust_map.weights(0, 1)[0, 0])

    found = [weight(ratio) for ratio in (0.001, 0.0199, 0.0632, 0.201, 0.9)]
    assert found == pytest.approx([1, 1, 0.5, 0, 0], abs=0.01)


def test_weights_are_interpolated_between_the_middles_of_blocks() -> None:
    weights = np.array([[0, 0], [0, 1], [0, 0]], np.float32)
    samples = to_samples(weights, (8, 16))
    assert samples.shape == (8, 16)
    assert samples.max() <= 1 and samples[3:5, 11:13].min() > 0.8 and samples[:, :4].max() == 0
    steps: Callable[[int], Any] = lambda axis: np.abs(np.diff(samples, axis=axis)).max()  # noqa: E731
    assert max(steps(0), steps(1)) <= 1 / 8 + 1e-6


def test_infinite_limits_believe_everything() -> None:
    trust_map = TrustMap((2, 2), BELIEVED)
    trust_map.add(np.full((4, 64), 1e4, np.float32), np.zeros(64, np.float32))
    assert (trust_map.weights(-1, 3) == 1).all()
